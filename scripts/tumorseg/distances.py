"""Exact distances between the borders of two masks.

The border of a mask is its foreground pixels with a 4-connected background neighbour; what lies
outside the image counts as background. Distances run between pixel centres.
"""

import math

import numpy as np
from scipy.ndimage import distance_transform_edt
from scipy.spatial import cKDTree

Spacing = tuple[float, float]


def boundary(mask: np.ndarray) -> np.ndarray:
    """The border pixels of a (height, width) mask, as a boolean array of that shape."""
    mask = mask != 0
    padded = np.pad(mask, 1)
    inside = padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    return mask & ~inside


def boundary_points(mask: np.ndarray, spacing: Spacing = (1.0, 1.0)) -> np.ndarray:
    """Centres of the border pixels, (n, 2) in units of `spacing` (row, column)."""
    mask = mask != 0
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not rows.size:
        return np.empty((0, 2))
    # All foreground lies in its bounding box, so the box may be cut out and its rim is border.
    box = mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    corner = np.array([rows[0], columns[0]])
    return (np.argwhere(boundary(box)) + corner) * np.asarray(spacing, float)


def diagonal(shape: tuple[int, int], spacing: Spacing = (1.0, 1.0)) -> float:
    """sqrt(height^2 + width^2) in units of `spacing`: stands for the distance to an empty mask."""
    return math.hypot(shape[0] * spacing[0], shape[1] * spacing[1])


def hausdorff(truth: np.ndarray, prediction: np.ndarray, spacing: Spacing = (1.0, 1.0)) -> float:
    """The largest distance from a border pixel of either mask to the nearest one of the other.

    Symmetric, in pixels or, with the size of a pixel (height, width) as `spacing`, in its unit.
    Both masks empty: NaN. One empty: the image's diagonal.
    Raises ValueError where the shapes differ. Source: Huttenlocher et al. 1993, eq. 1.
    """
    if truth.shape != prediction.shape:
        raise ValueError(f"masks differ in shape: {truth.shape} and {prediction.shape}")
    first, second = boundary_points(truth, spacing), boundary_points(prediction, spacing)
    if not len(first) and not len(second):
        return float("nan")
    if not len(first) or not len(second):
        return diagonal(truth.shape, spacing)
    forth = cKDTree(second).query(first)[0].max()
    back = cKDTree(first).query(second)[0].max()
    return float(max(forth, back))


def signed_distance(mask: np.ndarray) -> np.ndarray:
    """Distance of every pixel to the mask's border in px, negative inside; 2-D or 3-D, float32.

    Border pixels are 0; what lies outside the image counts as background. An empty mask has no
    border: 0 everywhere. Source: Kervadec et al. 2019, section 3 (their level set function).
    """
    mask = mask != 0
    if not mask.any():
        return np.zeros(mask.shape, np.float32)
    inside = distance_transform_edt(np.pad(mask, 1))[(slice(1, -1),) * mask.ndim]
    outside = distance_transform_edt(~mask)
    return np.where(mask, 1.0 - inside, outside).astype(np.float32)
