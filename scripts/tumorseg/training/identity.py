"""What training and prediction of a cell share: its network, its input and its identity."""

import hashlib
import json
import sys
from importlib.metadata import version
from typing import Any

import numpy as np


def training_seed(seed: int, fold: int, tuning: bool = False) -> int:
    """The number that all randomness of one training comes from; no two trainings share one.

    Tuning has its own, so that the winner is not also the luckiest start of the comparison.
    """
    return 1000 * seed + fold + 500 * tuning


def digest(*parts: Any) -> str:
    """A short name for all that shapes a training's result, the contents of arrays included."""
    seen = hashlib.sha256()
    for part in parts:
        if hasattr(part, "images"):
            seen.update(np.ascontiguousarray(part.images).tobytes())
            seen.update(np.ascontiguousarray(part.masks).tobytes())
        elif isinstance(part, np.ndarray):
            seen.update(np.ascontiguousarray(part).tobytes())
        else:
            seen.update(json.dumps(part, sort_keys=True).encode())
    return seen.hexdigest()[:20]


def versions() -> dict[str, str]:
    """Python and the packages that shape the numbers."""
    names = ("keras", "tensorflow-cpu", "numpy", "opencv-python-headless")
    return {"python": sys.version.split()[0]} | {name: version(name) for name in names}
