"""Stored probability maps of volumes: NIfTI of 16 bit, probability = value / 65535.

Other programs show them as probabilities on top of the case's image, because they have its axis
order and affine. `imaging.planes` turns them into slices.
"""

from pathlib import Path

import numpy as np

from tumorseg.core.volumes import read_volume, write_volume
from tumorseg.evaluation.probabilities import STORED_ONE, checked


def write(path: str | Path, stored: np.ndarray, affine: np.ndarray) -> None:
    """Writes quantised probabilities (i, j, k, classes), uint16, as .nii.gz, atomically.

    affine: of the case's image. A single class is written as (i, j, k).
    """
    single = stored.shape[-1] == 1
    write_volume(path, stored[..., 0] if single else stored, affine, step=1 / STORED_ONE)


def read(path: str | Path, shape: tuple[int, ...] | None = None) -> np.ndarray:
    """Stored probabilities as written: uint16 of (i, j, k, classes).

    Raises UserError for an unreadable file, or one of another type or shape than expected.
    """
    stored, _ = read_volume(path)
    return checked(stored if stored.ndim == 4 else stored[..., None], path, shape)
