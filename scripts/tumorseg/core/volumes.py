"""Reads and writes the project's own volumes: compressed NIfTI, in the axis order of their case.

Users' files are read by formats/nifti.py; images.py chooses between slices and volumes.
"""

import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np

from tumorseg.core.errors import UserError
from tumorseg.core.files import write_atomically

_DAMAGED = (
    *(OSError, EOFError, ValueError, zlib.error),
    *(nib.filebasedimages.ImageFileError, nib.spatialimages.HeaderDataError),
)


def write_volume(
    path: str | Path, values: np.ndarray, affine: np.ndarray, step: float = 1.0
) -> None:
    """Writes values (i, j, k) or (i, j, k, parts) as they are, atomically; equal bytes if repeated.

    affine: (4, 4) from (i, j, k) to RAS+ mm, stored in float32. step: other programs show value *
    step. Raises DiskError where the disk does not take the file.
    """
    image = nib.Nifti1Image(values, affine, dtype=values.dtype)
    image.header.set_xyzt_units("mm")
    if step != 1:  # nibabel then writes the values unscaled
        image.header.set_slope_inter(step, 0)
    write_atomically(path, lambda temporary: nib.save(image, temporary), values.nbytes)


def read_volume(path: str | Path) -> tuple[np.ndarray, np.ndarray]:
    """The stored values of a volume, in the file's own type and order, and its affine to RAS+ mm.

    Raises UserError for a missing, damaged or unreadable file.
    """
    with _readable(path):
        image: Any = nib.load(path)
        return np.asarray(image.dataobj.get_unscaled()), image.affine


def read_affine(path: str | Path) -> np.ndarray:
    """The affine of a stored volume, to RAS+ mm; reads no voxel.

    Raises UserError for a missing file or a damaged header.
    """
    with _readable(path):
        image: Any = nib.load(path)
        return image.affine


@contextmanager
def _readable(path: str | Path) -> Iterator[None]:
    """Turns the errors of a file that cannot be read into a UserError."""
    try:
        yield
    except FileNotFoundError:
        raise UserError(f"{path}: no such volume") from None
    except _DAMAGED:
        text = f"{path}: volume is truncated or damaged; delete it and run the same command again"
        raise UserError(text) from None
