"""What a training must know of each packed volume before it reads a voxel.

`pack` computes it while it has the volume in memory and stores it in placement.tsv, so that no
training has to read all packed files (140 GB for 1,000 volumes of four sequences) to begin.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from tumorseg.core.errors import UserError

COLUMNS = ("digest", "lowest", "voxels")  # of placement.tsv; the last two are lists as JSON
_SIDES = ("size_depth", "size_height", "size_width")


class CaseIndex(NamedTuple):
    """What is kept in memory of a case: a number for each of its slices and classes.

    sides: of its grid; lowest: of each channel; until: (classes, slices + 1), the voxels of a class
    before each slice (of a picture, each row), and in the end all of them; digest: of its content.
    """

    sides: tuple[int, ...]
    lowest: tuple[float, ...]
    until: np.ndarray
    digest: str


def indexed(image: np.ndarray, masks: np.ndarray) -> CaseIndex:
    """The index of a packed case: image (spatial..., channels), masks (spatial..., classes) 0/1.

    Reads one slice after another, so both may be files mapped into memory. Raises ValueError for
    masks on another grid.
    """
    sides = image.shape[:-1]
    if masks.shape[:-1] != sides or not min(image.shape):
        raise ValueError(f"masks of {masks.shape} for an image of {image.shape}")
    content = hashlib.sha256(repr((image.shape, masks.shape)).encode())
    lowest, counts = np.full(image.shape[-1], np.inf), []
    for slice_, mask_slice in zip(image, masks, strict=True):
        content.update(np.ascontiguousarray(slice_).data)
        content.update(np.ascontiguousarray(mask_slice).data)
        lowest = np.minimum(lowest, slice_.reshape(-1, len(lowest)).min(axis=0))
        counts.append(np.count_nonzero(mask_slice.reshape(-1, masks.shape[-1]), axis=0))
    lows = tuple(float(n) for n in lowest)
    return CaseIndex(sides, lows, _until(np.array(counts).T), content.hexdigest())


def as_row(index: CaseIndex) -> dict[str, str]:
    """The COLUMNS of an index, for a table that has the sides as well."""
    voxels = np.diff(index.until, axis=1).tolist()
    lists = json.dumps(index.lowest), json.dumps(voxels)
    return dict(zip(COLUMNS, (index.digest, *lists), strict=True))


def from_row(row: Mapping[str, Any], table: str) -> CaseIndex:
    """The index of a row of placement.tsv.

    table: its path. Raises UserError where the table does not have it.
    """
    try:
        sides = tuple(int(row[name]) for name in _SIDES)
        lowest = tuple(float(n) for n in json.loads(row["lowest"]))
        counts = np.array(json.loads(row["voxels"]), np.int64).reshape(-1, sides[0])
    except (KeyError, TypeError, ValueError):
        raise UserError(
            f"{table}: no index of {row.get('case')}, expected the columns {', '.join(COLUMNS)}; "
            "delete the table and run the same command again"
        ) from None
    return CaseIndex(sides, lowest, _until(counts), str(row["digest"]))


def _until(counts: np.ndarray) -> np.ndarray:
    """Sums along the slices of (classes, slices) counts, with a 0 in front."""
    return np.pad(counts.cumsum(axis=1), ((0, 0), (1, 0)))
