"""A bare border: a JSON list of x, y pairs, 1-based as MATLAB (first pixel centre 1, 1).

Points may also stand in one flat list x1, y1, x2, y2, ...
"""

import json
from pathlib import Path

import numpy as np

from tumorseg.errors import UserError
from tumorseg.polygons import check_inside, fill

SUFFIX = ".json"


def read(path: Path, height: int, width: int) -> np.ndarray:
    """The border's inside as a (height, width) uint8 mask of 0 and 1.

    Raises UserError where the file is not such a list or the border leaves the image.
    """
    try:
        numbers = np.array(json.loads(path.read_text(encoding="utf-8")), float).ravel()
    except (OSError, ValueError, TypeError):
        raise UserError("not a border: expected a JSON list of x, y pairs") from None
    if len(numbers) % 2:
        raise UserError(f"a border of {len(numbers)} numbers, expected pairs of x and y")
    points = numbers.reshape(-1, 2) - 1.0
    check_inside(points, height, width)
    return fill(points, height, width)
