"""LabelMe JSON: polygons, rectangles and circles under `shapes`, 0-based at pixel centres.

The tool's own drawing rule is PIL's (labelme.utils.shape_to_mask), whose pixel centres are whole
numbers. One file may also map keys to the contents of such files.
"""

from pathlib import Path
from typing import Any

import numpy as np

from tumorseg.core.problems import error, shown
from tumorseg.imaging.scans import Scan
from tumorseg.outlines.drawings import Annotation, check_size, drawn, ellipse, is_tumour, rectangle
from tumorseg.outlines.json_files import by_key, parsed

EXPECTED = "JSON with a list `shapes`, each with `label`, `shape_type` and `points` of x and y"


def read(path: Path, scan: Scan, *, key: str, labels: dict[str, str] | None) -> Annotation:
    """The tumour's outlines; DataError for another image's size and shapes that are no area."""
    content = parsed(path)
    if "shapes" not in content:
        content = by_key(path, key)
    check_size(content.get("imageHeight"), content.get("imageWidth"), scan)
    counted = [s for s in content["shapes"] if is_tumour([str(s.get("label"))], labels)]
    return drawn(([_ring(shape)] for shape in counted), scan)


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
        f"shape of type {shown(kind)}",
        "polygon, rectangle or circle",
        "draw it as a polygon, or give its label as background in source.labels",
    )
