"""Stored probability maps: 16-bit images, probability = value / 65535."""

import math
from fractions import Fraction
from pathlib import Path

import numpy as np

from tumorseg.core.errors import UserError
from tumorseg.core.images import read_image

STORED_ONE = 65535  # the stored value of probability 1


def quantised(probability: np.ndarray) -> np.ndarray:
    """Probabilities in [0, 1] as stored: uint16, rounded down."""
    return np.floor(probability * STORED_ONE).astype(np.uint16)


def as_fraction(stored: np.ndarray, dtype: type = np.float64) -> np.ndarray:
    """Stored probabilities as numbers in [0, 1]."""
    return stored / dtype(STORED_ONE)


def read(path: Path, shape: tuple[int, ...] | None = None) -> np.ndarray:
    """A stored probability map, uint16 of (height, width).

    Raises UserError if the file is not a 16-bit image or does not have the given shape.
    """
    return checked(read_image(path), path, shape)


def checked(stored: np.ndarray, path: str | Path, shape: tuple[int, ...] | None) -> np.ndarray:
    """The stored values; raises UserError where they are not 16 bit or not of the given shape."""
    if stored.dtype != np.uint16 or stored.shape != (shape or stored.shape):
        raise UserError(
            f"{path}: {stored.dtype} of {stored.shape}, expected uint16"
            + (f" of {shape}" if shape else "")
            + "; delete the folder and run the prediction again"
        )
    return stored


def largest_background(threshold: float) -> int:
    """The largest stored value that is background; exact, unlike a floating-point product."""
    return math.floor(Fraction(str(threshold)) * STORED_ONE)


def foreground(quantised: np.ndarray, threshold: float) -> np.ndarray:
    """Pixels whose probability (quantised / 65535) is above the threshold, compared exactly."""
    return quantised.astype(np.int64) > largest_background(threshold)
