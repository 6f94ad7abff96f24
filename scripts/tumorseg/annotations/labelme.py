"""Reads LabelMe JSON: the areas under `shapes`, 0-based at pixel centres.

LabelMe draws masks with PIL (labelme.utils.shape_to_mask), where pixel centres are whole numbers.
X-AnyLabeling writes the same files. One file may also map keys to the contents of such files.
"""

import base64
import io
from pathlib import Path, PureWindowsPath
from typing import Any

import numpy as np
from PIL import Image

from tumorseg.core.names import comparable, stem
from tumorseg.core.problems import Problem, error, quoted, warning
from tumorseg.imaging.scans import Scan
from tumorseg.outlines.drawings import (
    Annotation,
    annotation_of,
    check_drawing_size,
    drawing_size,
    ellipse,
    is_tumour,
    rectangle,
    wrong_shape,
)
from tumorseg.outlines.image_keys import Found, ImageKey
from tumorseg.outlines.json_files import find_image, read_json
from tumorseg.outlines.strays import StrayError

EXPECTED = "JSON with a list `shapes`, each with `label`, `shape_type` and `points` of x and y"
LINES = ("point", "points", "line", "linestrip")  # they have no area
CORNERS = ("rectangle", "rotation")  # rotation: a turned rectangle of X-AnyLabeling


def read(path: Path, scan: Scan, *, key: ImageKey, labels: dict[str, str] | None) -> Annotation:
    """The tumour's outlines; DataError for a wrong image size or where nothing has an area."""
    content, notes = Found(read_json(path), ())
    if "shapes" not in content:
        content, notes = find_image(path, key)
    check_drawing_size(content.get("imageHeight"), content.get("imageWidth"), scan)
    counted = [s for s in content["shapes"] if is_tumour([str(s.get("label"))], labels)]
    painted = [shape for shape in counted if shape.get("shape_type") == "mask"]
    drawn = [shape for shape in counted if shape.get("shape_type") != "mask"]
    return annotation_of(
        drawn,
        lambda shape: [_ring(shape)],
        scan,
        [_painted(shape, scan) for shape in painted],
        [*notes, *_other_image(content.get("imagePath"), scan)],
    )


def _other_image(image_path: Any, scan: Scan) -> list[Problem]:
    """A warning where the file names another image; folders and endings do not count."""
    if not isinstance(image_path, str) or not image_path:
        return []
    name = PureWindowsPath(image_path).name
    if not name or comparable(stem(name)) == comparable(stem(scan.path.name)):
        return []
    return [
        warning(
            "annotation_other_image",
            f"imagePath names the image {quoted(name)}",
            quoted(scan.path.name),
            "look whether the outlines fit; ignore this if the image was only renamed",
        )
    ]


def _ring(shape: dict[str, Any]) -> Any:
    kind, points = shape.get("shape_type") or "polygon", shape["points"]
    if kind == "polygon" or (kind in CORNERS and len(points) == 4):
        return points
    if kind == "rectangle":
        (left, top), (right, bottom) = points
        return rectangle(left, top, right, bottom)
    if kind == "circle":
        (x, y), edge = points
        radius = float(np.hypot(edge[0] - x, edge[1] - y))
        return ellipse(x, y, radius, radius)
    wrong = wrong_shape(f"shape of type {quoted(kind)}", "polygon, rectangle, circle or mask")
    raise StrayError(kind, wrong) if kind in LINES else wrong


def _painted(shape: dict[str, Any], scan: Scan) -> np.ndarray:
    """A brush's mask (height, width): a PNG that fills a box from its first to its last pixel."""
    height, width = drawing_size(scan)
    (left, top), (right, bottom) = np.asarray(shape["points"], float).astype(int)
    size = (right - left + 1, bottom - top + 1)
    with Image.open(io.BytesIO(base64.b64decode(shape["mask"])), formats=("PNG",)) as picture:
        if picture.size != size or min(left, top) < 0 or right >= width or bottom >= height:
            raise error(
                "annotation_size",
                f"a painted mask of {picture.width} x {picture.height} in a box from x {left}, "
                f"y {top} to x {right}, y {bottom}",
                f"one that fills its box, in an image {width} wide and {height} high",
                "paint it again",
            )
        inside = np.asarray(picture.convert("L")) > 0
    mask = np.zeros((height, width), np.uint8)
    mask[top : bottom + 1, left : right + 1] = inside
    return mask
