"""Reads VGG Image Annotator 1, 2 and 3: a project or its JSON export, many images in one file.

Coordinates start at the upper left corner of the first pixel, as in the tool's display and its COCO
export.
"""

from pathlib import Path
from typing import Any

import numpy as np

from tumorseg.core.problems import error, quoted
from tumorseg.imaging.scans import Scan
from tumorseg.outlines.drawings import (
    Annotation,
    annotation_of,
    ellipse,
    is_tumour_by_any,
    rectangle,
    wrong_shape,
)
from tumorseg.outlines.image_keys import ImageIndex, ImageKey
from tumorseg.outlines.json_files import find_image
from tumorseg.outlines.references import id_value, unlisted

EXPECTED = "JSON of VIA: images, each with `filename` and `regions`, or a project of VIA 3"
# VIA 3 stores a number instead of a shape's name, then these numbers.
SHAPES = {
    2: ("rect", ("x", "y", "width", "height")),
    3: ("circle", ("cx", "cy", "r")),
    4: ("ellipse", ("cx", "cy", "rx", "ry")),
    7: ("polygon", ()),
}
TICKED = 2  # the type of an attribute of VIA 3 that may have several values


def read(path: Path, scan: Scan, *, key: ImageKey, labels: dict[str, str] | None) -> Annotation:
    """The tumour's outlines on the image called `key`; any attribute of a region can be its label.

    Raises DataError where the file lacks the image, and for regions without area.
    """
    image, notes = find_image(path, key, _images)
    regions = image["regions"]
    regions = regions.values() if isinstance(regions, dict) else regions
    tumours = [region for region in regions if is_tumour_by_any(_names(region), labels)]
    shapes = [region["shape_attributes"] for region in tumours]
    return annotation_of(shapes, lambda shape: [_ring(shape) - 0.5], scan, notes=notes)


def _images(content: dict[str, Any]) -> ImageIndex:
    if "metadata" in content and "view" in content:
        return _images_of_3(content)
    images = content.get("_via_img_metadata", content).values()
    pairs = ((image["filename"], image) for image in images)
    return ImageIndex(pairs, drawn=lambda image: image["regions"])


def _images_of_3(content: dict[str, Any]) -> ImageIndex:
    """A project of VIA 3: regions refer to a view, which shows one file, by their ids."""
    attributes = content.get("attribute", {})
    files = {id_value(number): file for number, file in content["file"].items()}
    regions: dict[Any, list[dict]] = {number: [] for number in files}
    shown = {id_value(view): view_of["fid_list"] for view, view_of in content["view"].items()}
    drawn = [region for region in content["metadata"].values() if region["xy"]]
    orphans = []
    for region in drawn:
        numbers = [id_value(number) for number in shown.get(id_value(region["vid"]), [])]
        if len(numbers) > 1:
            value = f"a region on a view of {len(numbers)} images"
            hint = "annotate the images one by one, with VIA 2"
            raise error("annotation_form", value, "one image in each view", hint)
        if not numbers or numbers[0] not in files:
            orphans.append(region["vid"])
            continue
        kind, names = SHAPES.get(region["xy"][0], (f"number {region['xy'][0]} of VIA 3", ()))
        numbers_of = region["xy"][1:]
        shape = {"name": kind, **dict(zip(names, numbers_of, strict=bool(names)))}
        if kind == "polygon":
            shape |= {"all_points_x": numbers_of[::2], "all_points_y": numbers_of[1::2]}
        regions[numbers[0]].append(
            {"shape_attributes": shape, "region_attributes": _chosen(region["av"], attributes)}
        )
    pairs = ((file["fname"], {"regions": regions[number]}) for number, file in files.items())
    return ImageIndex(pairs, unlisted(orphans, len(drawn)), drawn=lambda image: image["regions"])


def _chosen(values: dict[str, Any], attributes: dict[str, Any]) -> dict[str, Any]:
    """The values of a region's attributes as VIA 2 has them; VIA 3 stores numbers of options."""
    chosen = {}
    for number, value in values.items():
        attribute = attributes.get(number, {})
        several = attribute.get("type") == TICKED
        options = attribute.get("options") or {}
        names = str(value).split(",") if several else [str(value)]
        chosen[number] = {str(options.get(name, name)): True for name in names}
    return chosen


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
    raise wrong_shape(f"region of type {quoted(kind)}", "polygon, rect, circle or ellipse")
