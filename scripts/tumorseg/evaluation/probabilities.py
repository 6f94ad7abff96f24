"""Probability maps as they are stored: 16-bit images, probability = value / 65535."""

import math
from fractions import Fraction
from pathlib import Path

import numpy as np

from tumorseg.core.errors import UserError
from tumorseg.core.images import read_image

WHOLE = 65535  # a stored probability is value / WHOLE


def quantised(probability: np.ndarray) -> np.ndarray:
    """Probabilities in [0, 1] as they are stored: uint16, rounded down."""
    return np.floor(probability * WHOLE).astype(np.uint16)


def as_fraction(stored: np.ndarray, dtype: type = np.float64) -> np.ndarray:
    """Stored probabilities as numbers in [0, 1]."""
    return stored / dtype(WHOLE)


def read(path: Path, shape: tuple[int, ...] | None = None) -> np.ndarray:
    """A stored probability map, uint16 of (height, width).

    Raises UserError for a file that is no 16-bit image, or not of the given shape.
    """
    stored = read_image(path)
    if stored.dtype != np.uint16 or stored.shape != (shape or stored.shape):
        raise UserError(
            f"{path}: {stored.dtype} of {stored.shape}, expected uint16"
            + (f" of {shape}" if shape else "")
            + "; delete the folder and run the prediction again"
        )
    return stored


def step_of(threshold: float) -> int:
    """The largest stored value that is not tumour; exact, as no floating-point product is."""
    return math.floor(Fraction(str(threshold)) * WHOLE)


def foreground(quantised: np.ndarray, threshold: float) -> np.ndarray:
    """Pixels whose probability (quantised / 65535) lies above the threshold, compared exactly."""
    return quantised.astype(np.int64) > step_of(threshold)
