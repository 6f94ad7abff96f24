"""An image as a user's file holds it, and the way from a volume to slices and back."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tumorseg.problems import Problem


@dataclass(frozen=True)
class Scan:
    """One picture or volume, read.

    voxels: uint8 or uint16; (height, width) for a picture, (i, j, k) in the file's own order for a
    volume (a DICOM series: slice, row, column). The measured value is offset + scale * voxel.
    affine: (4, 4) from (i, j, k) to RAS+ millimetres; None for a picture. spacing_mm: (height,
    width) of a picture's pixel, NaN where unknown; a volume's is in its affine. uids: the DICOM SOP
    instance UID of each slice along the first axis. notes: warnings that reading it gave.
    """

    path: Path
    voxels: np.ndarray
    offset: float = 0.0
    scale: float = 1.0
    affine: np.ndarray | None = None
    spacing_mm: tuple[float, float] = (np.nan, np.nan)
    uids: tuple[str, ...] = ()
    notes: tuple[Problem, ...] = ()


@dataclass(frozen=True)
class Labels:
    """A label picture or volume, read: whole numbers in the file's own order, and its grid."""

    values: np.ndarray
    affine: np.ndarray | None = None
    notes: tuple[Problem, ...] = ()


@dataclass(frozen=True)
class Annotation:
    """What an annotation says about a scan.

    parts: polygons on a picture or on a single slice, valid and inside the image. mask: uint8 0/1
    of the scan's own shape otherwise; exactly one of them is None. notes: what was repaired.
    """

    parts: tuple[tuple[np.ndarray, ...], ...] | None
    mask: np.ndarray | None
    notes: tuple[Problem, ...] = ()
