"""What identifies a training: its random seed, digests of its content, package versions."""

import hashlib
import json
import sys
from importlib.metadata import version
from typing import Any

import numpy as np

from tumorseg import __version__


def random_seed(seed: int, fold: int, tuning: bool = False) -> int:
    """The number from which all randomness of one training comes; no two trainings share one.

    Tuning has numbers of its own: the winner of a search must not also be the luckiest start of
    the comparison.
    """
    return 1000 * seed + fold + 500 * tuning


def content_digest(*parts: Any) -> str:
    """20 hexadecimal digits that change with the content of any part: an array or plain values."""
    content = hashlib.sha256()
    for part in parts:
        if isinstance(part, np.ndarray):
            content.update(np.ascontiguousarray(part).tobytes())
        else:
            content.update(json.dumps(part, sort_keys=True).encode())
    return content.hexdigest()[:20]


def versions() -> dict[str, str]:
    """The versions of Python, of tumorseg and of the packages that shape the numbers."""
    names = ("keras", "tensorflow-cpu", "numpy", "opencv-python-headless")
    own = {"python": sys.version.split()[0], "tumorseg": __version__}
    return own | {name: version(name) for name in names}
