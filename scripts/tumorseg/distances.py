"""Exact distances between the surfaces of two masks, in 2-D and 3-D.

The surface of a mask is its foreground pixels with a 4-connected (3-D: 6-connected) background
neighbour; everything outside the image counts as background. Distances are measured between pixel
centres. docs/metrics.md compares these definitions with those of other libraries.
"""

import math
from collections.abc import Sequence

import numpy as np
from scipy.ndimage import distance_transform_edt
from scipy.spatial import cKDTree

from tumorseg.masks import as_mask

DISTANCES = ("hausdorff", "hd95", "hd95_pooled", "assd", "nsd")
# Limits at which one method to find the nearest pixel becomes faster than the next (measured on
# one thread).
MATRIX_PAIRS = 1_000_000  # use a matrix of all pairs of surface pixels up to this many pairs ...
MATRIX_SIDE = 1_600  # ... if float32 holds every squared distance in the joint box exactly
BOX_PER_POINT = 10  # box pixels per surface pixel: below, a distance transform, otherwise a tree


def surface_distances(
    truth: np.ndarray,
    prediction: np.ndarray,
    spacing: float | Sequence[float] = 1.0,
    tolerance: float | Sequence[float] = 1.0,
) -> dict[str, float | np.ndarray]:
    """All distances in DISTANCES between the surfaces of two masks.

    A is the distance from each surface pixel of the truth to the nearest surface pixel of the
    prediction, B the reverse, A + B both together.

    - hausdorff: the largest of A + B (Huttenlocher et al. 1993, eq. 1)
    - hd95: the larger of the 95th percentiles of A and of B
    - hd95_pooled: the 95th percentile of A + B
    - assd: the mean of A + B (Heimann et al. 2009, "average symmetric surface distance")
    - nsd: the share of A + B that is at most `tolerance` (Nikolov et al. 2021, "surface Dice",
      counted in pixels)

    Percentiles are interpolated linearly, as in NumPy. All values are symmetric in the two masks.

    Args:
        truth: mask, 2-D or 3-D: booleans, or 0 and one other number, which is foreground.
        prediction: mask of the same shape.
        spacing: size of a pixel along each axis (row, column[, slice]), or one number for all.
        tolerance: largest distance that nsd accepts, in the unit of `spacing`; several give an
            array of nsd.

    Returns:
        The distances by name, in the unit of `spacing` (px if it is 1). If both masks are empty,
        every value is NaN. If one is empty, the distances are the image's diagonal and nsd is 0.

    Raises:
        ValueError: shapes differ, or the values of a mask (NaN, probabilities, several labels), the
            dimensions, spacing or tolerance are not as above.
        TypeError: a mask does not hold booleans or numbers.

    >>> truth, prediction = np.zeros((20, 30)), np.zeros((20, 30))
    >>> truth[5, 5] = prediction[8, 9] = 1
    >>> surface_distances(truth, prediction)["hausdorff"]
    5.0
    >>> surface_distances(truth, prediction, spacing=(0.5, 2.0))["assd"]  # sqrt(1.5^2 + 8^2)
    8.139410298049853
    >>> surface_distances(truth, prediction, tolerance=(4, 5))["nsd"]
    array([0., 1.])
    """
    sides, tolerances = _checked(np.shape(truth), np.shape(prediction), spacing, tolerance)
    truth, prediction = as_mask("truth", truth), as_mask("prediction", prediction)
    points, predicted_points = _surface_points(truth), _surface_points(prediction)
    if not (len(points) and len(predicted_points)):
        both_empty = not (len(points) or len(predicted_points))
        diagonal = math.nan if both_empty else math.hypot(*(sides * truth.shape))
        return _with_nsd(
            dict.fromkeys(DISTANCES, diagonal),
            np.full(tolerances.shape, math.nan if both_empty else 0.0),
        )
    from_truth, from_prediction = _nearest(points, predicted_points, sides)
    both = np.concatenate([from_truth, from_prediction])
    for distances in (from_truth, from_prediction, both):
        distances.sort()
    # A distance that equals the tolerance may be slightly larger after rounding: 3 x .49 and 1.47.
    limits = np.asarray(tolerances * (1 + 1e-9))
    within = np.asarray(np.searchsorted(both, limits, side="right") / len(both))
    values = {
        "hausdorff": float(both[-1]),
        "hd95": max(_percentile95(from_truth), _percentile95(from_prediction)),
        "hd95_pooled": _percentile95(both),
        "assd": float(both.mean()),
    }
    return _with_nsd(values, within)


def hausdorff(
    truth: np.ndarray, prediction: np.ndarray, spacing: float | Sequence[float] = 1.0
) -> float:
    """The Hausdorff distance alone; see `surface_distances`.

    >>> truth, prediction = np.zeros((20, 30)), np.zeros((20, 30))
    >>> truth[5, 5] = prediction[8, 9] = 1
    >>> hausdorff(truth, prediction, spacing=0.5)
    2.5
    """
    return float(surface_distances(truth, prediction, spacing)["hausdorff"])


def surface(mask: np.ndarray) -> np.ndarray:
    """The surface pixels of a mask of any dimension, as a boolean array of its shape.

    Raises TypeError or ValueError for what is no mask, as `surface_distances` does.
    """
    mask = as_mask("mask", mask)
    inner = (slice(1, -1),) * mask.ndim
    padded = np.zeros([side + 2 for side in mask.shape], bool)  # np.pad takes four times as long
    padded[inner] = mask
    interior = mask.copy()
    for axis in range(mask.ndim):
        for shift in (slice(None, -2), slice(2, None)):
            interior &= padded[(*inner[:axis], shift, *inner[axis + 1 :])]
    return mask ^ interior


def _with_nsd(values: dict[str, float], nsd: np.ndarray) -> dict[str, float | np.ndarray]:
    """The values with nsd: an array, or a number for a single tolerance."""
    return {**values, "nsd": nsd if nsd.ndim else float(nsd)}


def _checked(
    truth: tuple[int, ...],
    prediction: tuple[int, ...],
    spacing: float | Sequence[float],
    tolerance: float | Sequence[float],
) -> tuple[np.ndarray, np.ndarray]:
    """Spacing as one number per axis, and tolerance; raises ValueError for unusable arguments.

    truth, prediction: the shapes of the masks.
    """
    if truth != prediction:
        raise ValueError(f"masks differ in shape: {truth} and {prediction}")
    if len(truth) not in (2, 3):
        raise ValueError(f"masks must have 2 or 3 dimensions, not {len(truth)}: {truth}")
    sides, tolerances = np.asarray(spacing, float), np.asarray(tolerance, float)
    if sides.shape not in ((), (len(truth),)) or not (sides.min() > 0 and sides.max() < np.inf):
        raise ValueError(f"spacing must be 1 or {len(truth)} positive numbers, not {spacing}")
    if tolerances.ndim > 1 or not (tolerances >= 0).all():
        raise ValueError(f"tolerance must be numbers that are not negative, not {tolerance}")
    return sides * np.ones(len(truth)), tolerances


def _surface_points(mask: np.ndarray) -> np.ndarray:
    """Indices of a mask's surface pixels, (n, dimensions)."""
    corner = []
    # Crop to the bounding box: the foreground pixels on its rim are surface pixels anyway.
    for axis in range(mask.ndim):
        other_axes = tuple(other for other in range(mask.ndim) if other != axis)
        occupied = np.flatnonzero(mask.any(axis=other_axes))
        if not occupied.size:
            return np.empty((0, mask.ndim), int)
        corner.append(occupied[0])
        mask = mask[(slice(None),) * axis + (slice(occupied[0], occupied[-1] + 1),)]
    return np.transpose(np.unravel_index(surface(mask).ravel().nonzero()[0], mask.shape)) + corner


def _nearest(
    first: np.ndarray, second: np.ndarray, spacing: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Distances from each point of either set to the nearest point of the other set."""
    # Relative to the joint corner, so that moving both masks changes no rounding.
    corner = np.minimum(first.min(axis=0), second.min(axis=0))
    first, second = first - corner, second - corner
    box = np.maximum(first.max(axis=0), second.max(axis=0)) + 1
    square = (spacing == spacing[0]).all()
    if square and len(first) * len(second) <= MATRIX_PAIRS and box.max() <= MATRIX_SIDE:
        first, second = first.astype(np.float32), second.astype(np.float32)
        squares = first @ (-2 * second.T)  # |a - b|^2 = |a|^2 - 2ab + |b|^2, all integers
        squares += np.einsum("ij,ij->i", first, first)[:, None]
        squares += np.einsum("ij,ij->i", second, second)
        from_first, from_second = (np.sqrt(squares.min(axis=axis), dtype=float) for axis in (1, 0))
        return from_first * spacing[0], from_second * spacing[0]
    return (
        _distances_to(second, first, box, spacing),
        _distances_to(first, second, box, spacing),
    )


def _distances_to(
    targets: np.ndarray, points: np.ndarray, box: np.ndarray, spacing: np.ndarray
) -> np.ndarray:
    """Distance from each of the points inside the box to the nearest target."""
    if box.prod() < BOX_PER_POINT * len(points):
        background = np.ones(box, bool)
        background[tuple(targets.T)] = False
        return distance_transform_edt(background, sampling=spacing)[tuple(points.T)]
    return cKDTree(targets * spacing).query(points * spacing)[0]


def _percentile95(ordered: np.ndarray) -> float:
    """np.percentile(ordered, 95), which alone would take as long as finding the distances."""
    index, fraction = divmod(0.95 * (len(ordered) - 1), 1)
    low, high = ordered[int(index)], ordered[min(int(index) + 1, len(ordered) - 1)]
    return float(low + fraction * (high - low))
