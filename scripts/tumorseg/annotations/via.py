"""Reads VGG Image Annotator 1 and 2: a project or its JSON export, many images in one file.

Coordinates start at the upper left corner of the first pixel, as in the tool's display and its COCO
export.
"""

from pathlib import Path
from typing import Any

import numpy as np

from tumorseg.core.problems import error, quoted
from tumorseg.imaging.scans import Scan
from tumorseg.outlines.drawings import Annotation, annotation_of, ellipse, is_tumour, rectangle
from tumorseg.outlines.json_files import ImageIndex, find_image

EXPECTED = "JSON of VIA 1 or 2: images, each with `filename` and `regions`"


def read(path: Path, scan: Scan, *, key: str, labels: dict[str, str] | None) -> Annotation:
    """The tumour's outlines on the image called `key`; any attribute of a region can be its label.

    Raises DataError where the file lacks the image, and for regions without area.
    """
    regions = find_image(path, key, _images)["regions"]
    regions = regions.values() if isinstance(regions, dict) else regions
    tumours = [region for region in regions if is_tumour(_names(region), labels)]
    return annotation_of(([_ring(region["shape_attributes"]) - 0.5] for region in tumours), scan)


def _images(content: dict[str, Any]) -> ImageIndex:
    images = content.get("_via_img_metadata", content).values()
    return ImageIndex((image["filename"], image) for image in images)


def _names(region: dict[str, Any]) -> list[str]:
    names: list[str] = []
    for value in region.get("region_attributes", {}).values():
        # Check boxes are stored as an object of option -> true.
        ticked = [name for name, on in value.items() if on] if isinstance(value, dict) else [value]
        names += map(str, ticked)
    return names


def _ring(shape: dict[str, Any]) -> np.ndarray:
    kind = shape["name"]
    if kind == "polygon":
        xs, ys = shape["all_points_x"], shape["all_points_y"]
        return np.array(list(zip(xs, ys, strict=True)), float)
    if kind == "rect":
        left, top = shape["x"], shape["y"]
        return rectangle(left, top, left + shape["width"], top + shape["height"])
    if kind == "circle":
        return ellipse(shape["cx"], shape["cy"], shape["r"], shape["r"])
    if kind == "ellipse":
        size = shape["rx"], shape["ry"]
        return ellipse(shape["cx"], shape["cy"], *size, shape.get("theta", 0.0))
    raise error(
        "shape_type",
        f"region of type {quoted(kind)}",
        "polygon, rect, circle or ellipse",
        "draw it as a polygon, or list its label as background in source.labels",
    )
