"""What identifies a training: its random seed, digests of its content, package versions."""

import hashlib
import json
import sys
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from tumorseg import __version__
from tumorseg.core.backends import use_backend


def random_seed(seed: int, fold: int, tuning: bool = False) -> int:
    """The number from which all randomness of one training comes; no two trainings share one.

    Tuning has numbers of its own: the winner of a search must not also be the luckiest start of
    the comparison.
    """
    return 1000 * seed + fold + 500 * tuning


def content_digest(*parts: Any) -> str:
    """20 hexadecimal digits that change with any part: plain values, as JSON has them."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:20]


def versions() -> dict[str, str]:
    """The versions of Python, of tumorseg and of the packages that shape the numbers.

    Of the backend in use, the package that is installed: TensorFlow has one for CPUs alone.
    """
    backend = use_backend()
    packages = ("tensorflow-cpu", "tensorflow") if backend == "tensorflow" else (backend,)
    own = {"python": sys.version.split()[0], "tumorseg": __version__}
    for name in ("keras", *packages, "numpy", "opencv-python-headless"):
        with suppress(PackageNotFoundError):
            own[name] = version(name)
    return own
