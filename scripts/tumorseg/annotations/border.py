"""A bare border: a JSON list of x, y pairs, 1-based as MATLAB (first pixel centre 1, 1).

Points may also stand in one flat list x1, y1, x2, y2, ...; one file may map keys to such lists.
"""

from pathlib import Path

import numpy as np

from tumorseg.core.problems import error
from tumorseg.imaging.scans import Scan
from tumorseg.outlines.drawings import Annotation, drawn
from tumorseg.outlines.json_files import by_key, parsed

EXPECTED = "a JSON list of x, y pairs, or an object of such lists"


def read(path: Path, scan: Scan, *, key: str, labels: dict[str, str] | None) -> Annotation:
    """The border's inside; a border has no label, so all of it counts."""
    content = parsed(path)
    points = by_key(path, key) if isinstance(content, dict) else content
    if not isinstance(points, list):
        raise TypeError("not a list")
    numbers = np.array(points, float).ravel()
    if len(numbers) % 2:
        found = f"a border of {len(numbers)} numbers"
        raise error("border_odd", found, "pairs of x and y", "export it again")
    return drawn([[numbers.reshape(-1, 2) - 1.0]], scan)
