"""Boxes around a head, a brain or an organ: the part of a slice or volume that a network sees."""

import math
from collections.abc import Sequence

import cv2
import numpy as np

from tumorseg.core.errors import UserError

# The first row, column, ... of every axis, then the number of rows, columns, ...
Box = tuple[int, ...]
HEAD_SHARE = 0.01  # of a row, column or slice that head pixels cover, at least


def head_box(image: np.ndarray) -> Box:
    """The box of the head, with a margin of 2 % of the longest side; all of it where there is none.

    Head pixels: brighter than 8 % of the 99.5th percentile after a 5x5 median filter of each slice.
    The box spans the rows, columns and slices with more than 1 % of such pixels. Uses intensities
    only.

    image: (height, width) or (depth, height, width), uint8 or uint16.
    """
    slices = image.reshape(-1, *image.shape[-2:])
    blurred = np.stack([cv2.medianBlur(np.ascontiguousarray(one), 5) for one in slices])
    head = (blurred > 0.08 * np.percentile(blurred, 99.5)).reshape(image.shape)
    margin = round(0.02 * max(image.shape))
    return _around(head, [margin] * image.ndim, HEAD_SHARE)


def nonzero_box(image: np.ndarray) -> Box:
    """The box of all values above 0, such as a stripped brain; all of it where there is none."""
    return _around(image > 0, [0] * image.ndim, 0.0)


def organ_box(organ: np.ndarray, margin_mm: float, spacing_mm: Sequence[float]) -> Box:
    """The box of an organ's mask with a margin on all sides, inside the image.

    Args:
        organ: (height, width) or (depth, height, width); non-zero is organ.
        margin_mm: 0 or more, rounded up to whole voxels.
        spacing_mm: of a voxel, one number an axis.

    Raises:
        UserError: an empty mask, or an unknown spacing where there is a margin.
    """
    if not organ.any():
        raise UserError("the organ's mask is empty; draw the organ, or do not crop to it")
    if margin_mm and not np.isfinite(spacing_mm).all():
        raise UserError(
            f"a margin of {margin_mm:g} mm around an organ, but the size of a voxel is unknown; "
            "state the spacing, or set the margin to 0"
        )
    margins = [math.ceil(margin_mm / side) if margin_mm else 0 for side in spacing_mm]
    return _around(organ != 0, margins, 0.0)


def _around(inside: np.ndarray, margins: Sequence[int], share: float) -> Box:
    """The box of the planes of which more than `share` is inside, with margins within the image."""
    starts, lengths = [], []
    for axis, (length, margin) in enumerate(zip(inside.shape, margins, strict=True)):
        others = tuple(other for other in range(inside.ndim) if other != axis)
        found = np.flatnonzero(inside.mean(axis=others) > share)
        if not len(found):
            return (0,) * inside.ndim + inside.shape
        start, stop = max(0, found[0] - margin), min(length, found[-1] + 1 + margin)
        starts.append(int(start))
        lengths.append(int(stop - start))
    return (*starts, *lengths)
