"""Reads LabelMe JSON: polygons, rectangles and circles under `shapes`, 0-based at pixel centres.

LabelMe draws masks with PIL (labelme.utils.shape_to_mask), where pixel centres are whole numbers.
One file may also map keys to the contents of such files.
"""

from pathlib import Path
from typing import Any

import numpy as np

from tumorseg.core.problems import error, quoted
from tumorseg.imaging.scans import Scan
from tumorseg.outlines.drawings import (
    Annotation,
    annotation_of,
    check_drawing_size,
    ellipse,
    is_tumour,
    rectangle,
)
from tumorseg.outlines.image_keys import Found, ImageKey
from tumorseg.outlines.json_files import find_image, read_json

EXPECTED = "JSON with a list `shapes`, each with `label`, `shape_type` and `points` of x and y"


def read(path: Path, scan: Scan, *, key: ImageKey, labels: dict[str, str] | None) -> Annotation:
    """The tumour's outlines; DataError for a wrong image size or a shape without area."""
    content, notes = Found(read_json(path), ())
    if "shapes" not in content:
        content, notes = find_image(path, key)
    check_drawing_size(content.get("imageHeight"), content.get("imageWidth"), scan)
    shapes = [s for s in content["shapes"] if is_tumour([str(s.get("label"))], labels)]
    return annotation_of(([_ring(shape)] for shape in shapes), scan, notes=notes)


def _ring(shape: dict[str, Any]) -> Any:
    kind, points = shape.get("shape_type") or "polygon", shape["points"]
    if kind == "polygon":
        return points
    if kind == "rectangle":
        (left, top), (right, bottom) = points
        return rectangle(left, top, right, bottom)
    if kind == "circle":
        (x, y), edge = points
        radius = float(np.hypot(edge[0] - x, edge[1] - y))
        return ellipse(x, y, radius, radius)
    raise error(
        "shape_type",
        f"shape of type {quoted(kind)}",
        "polygon, rectangle or circle",
        "draw it as a polygon, or list its label as background in source.labels",
    )
