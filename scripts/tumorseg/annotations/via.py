"""VGG Image Annotator 1 and 2: a project or its JSON export, many images in one file.

Coordinates start at the upper left corner of the first pixel, as the tool draws them and as its own
COCO export takes them.
"""

from pathlib import Path
from typing import Any

import numpy as np

from tumorseg.core.problems import error, shown
from tumorseg.imaging.scans import Scan
from tumorseg.outlines.drawings import Annotation, drawn, ellipse, is_tumour, rectangle
from tumorseg.outlines.json_files import Images, by_key

EXPECTED = "JSON of VIA 1 or 2: images, each with `filename` and `regions`"


def read(path: Path, scan: Scan, *, key: str, labels: dict[str, str] | None) -> Annotation:
    """The tumour's outlines on the image called `key`; a region's label is any of its attributes.

    Raises DataError for an image that the file lacks and regions that are no area.
    """
    regions = by_key(path, key, _images)["regions"]
    regions = regions.values() if isinstance(regions, dict) else regions
    counted = [region for region in regions if is_tumour(_names(region), labels)]
    return drawn(([_ring(region["shape_attributes"]) - 0.5] for region in counted), scan)


def _images(content: dict[str, Any]) -> Images:
    images = content.get("_via_img_metadata", content).values()
    return Images((image["filename"], image) for image in images)


def _names(region: dict[str, Any]) -> list[str]:
    names = []
    for value in region.get("region_attributes", {}).values():
        # Ticked boxes are an object of option -> true.
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
        f"region of type {shown(kind)}",
        "polygon, rect, circle or ellipse",
        "draw it as a polygon, or give its label as background in source.labels",
    )
