"""Reads a bare border: a JSON list of x, y pairs, 1-based as in MATLAB (first pixel centre 1, 1).

A flat list x1, y1, x2, y2, ... also works, and one file may map keys to such lists.
"""

from pathlib import Path

import numpy as np

from tumorseg.core.problems import error
from tumorseg.imaging.scans import Scan
from tumorseg.outlines.drawings import Annotation, annotation_of
from tumorseg.outlines.image_keys import Found, ImageKey
from tumorseg.outlines.json_files import find_image, read_json

EXPECTED = "a JSON list of x, y pairs, or an object of such lists"


def read(path: Path, scan: Scan, *, key: ImageKey, labels: dict[str, str] | None) -> Annotation:
    """The area inside the border; a border has no label, so all of it counts."""
    points, notes = Found(read_json(path), ())
    if isinstance(points, dict):
        points, notes = find_image(path, key)
    if not isinstance(points, list):
        raise TypeError("not a list")
    numbers = np.array(points, float)
    if numbers.ndim > 2 or (numbers.ndim == 2 and numbers.shape[1] != 2):
        fault = f"a border of lists of {' x '.join(map(str, numbers.shape[1:]))} numbers"
        raise error("border_odd", fault, "pairs of x and y", "write one border for each image")
    if numbers.size % 2:
        fault = f"a border of {numbers.size} numbers"
        raise error("border_odd", fault, "pairs of x and y", "export it again")
    ring = numbers.reshape(-1, 2) - 1.0
    return annotation_of([ring], lambda ring: [ring], scan, notes=notes)
