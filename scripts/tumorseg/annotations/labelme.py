"""LabelMe JSON: polygons under `shapes`, coordinates 0-based at pixel centres."""

import json
from pathlib import Path

import numpy as np

from tumorseg.errors import UserError
from tumorseg.polygons import check_inside, fill

SUFFIX = ".json"


def read(path: Path, height: int, width: int) -> np.ndarray:
    """The union of all polygons as a (height, width) uint8 mask of 0 and 1.

    Raises UserError for JSON that is not LabelMe's, a shape that is no polygon, a polygon outside
    the image, or an annotation made on an image of another size.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        size = content.get("imageHeight", height), content.get("imageWidth", width)
        kinds = [shape.get("shape_type", "polygon") for shape in content["shapes"]]
        polygons = [
            np.array(shape["points"] if kind == "polygon" else (), float)
            for shape, kind in zip(content["shapes"], kinds, strict=True)
        ]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise UserError(
            "not a LabelMe file: expected JSON with a list `shapes`, each with `points` of x and y"
        ) from None
    if size != (height, width):
        raise UserError(
            f"annotation is for an image {size[1]} wide and {size[0]} high, "
            f"the image is {width} wide and {height} high"
        )
    mask = np.zeros((height, width), np.uint8)
    for kind, points in zip(kinds, polygons, strict=True):
        if kind != "polygon":
            raise UserError(f"shape of type {kind!r}, expected polygon")
        check_inside(points, height, width)
        mask |= fill(points, height, width)
    return mask
