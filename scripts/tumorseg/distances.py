"""Exact distances between the surfaces of two masks, in the plane and in space.

The surface of a mask is its foreground pixels with a 4-connected (3-D: 6-connected) background
neighbour; what lies outside the image counts as background. Distances run between pixel centres.
docs/metrics.md holds these definitions against those of other libraries.
"""

import math
from collections.abc import Sequence

import numpy as np
from scipy.ndimage import distance_transform_edt
from scipy.spatial import cKDTree

DISTANCES = ("hausdorff", "hd95", "hd95_pooled", "assd", "nsd")
# Where one way of finding the nearest becomes quicker than the next (measured, one thread).
PAIRS = 1_000_000  # of surface pixels: up to here one matrix of all of them
SIDE = 1_600  # of the box around both: up to here float32 holds the squared distances exactly
CROWDED = 10  # pixels of that box to one surface pixel: below, a distance transform, else a tree


def surface_distances(
    truth: np.ndarray,
    prediction: np.ndarray,
    spacing: float | Sequence[float] = 1.0,
    tolerance: float | Sequence[float] = 1.0,
) -> dict[str, float | np.ndarray]:
    """How far apart the surfaces of two masks lie, by every distance in DISTANCES at once.

    From each surface pixel of either mask the distance to the nearest one of the other is taken;
    A are those from the truth, B those from the prediction, A + B both together.

    - hausdorff: the largest of A + B (Huttenlocher et al. 1993, eq. 1)
    - hd95: the larger of the 95th percentiles of A and of B
    - hd95_pooled: the 95th percentile of A + B
    - assd: the mean of A + B (Heimann et al. 2009, "average symmetric surface distance")
    - nsd: the share of A + B that is at most `tolerance` (Nikolov et al. 2021, "surface Dice",
      counted in pixels); an array where `tolerance` is a sequence

    Percentiles are linear between neighbours, as NumPy's. All are symmetric.

    `truth` and `prediction`: 2-D or 3-D, of one shape, non-zero is foreground. `spacing`: the side
    of a pixel along each axis (row, column[, slice]), or one number for all; the distances and
    `tolerance` are in its unit, px if it is 1. Both masks empty: everything NaN. One empty: the
    distances are the image's diagonal, nsd is 0.
    Raises ValueError where shapes, dimensions, spacing or tolerance are none of these.
    """
    spacing, tolerance = _checked(truth, prediction, spacing, tolerance)
    first, second = _surface_points(truth), _surface_points(prediction)
    if not (len(first) and len(second)):
        none = not (len(first) or len(second))
        diagonal = math.nan if none else math.hypot(*(spacing * truth.shape))
        nsd = np.full(tolerance.shape, math.nan if none else 0.0)
        return dict.fromkeys(DISTANCES, diagonal) | {"nsd": nsd if nsd.ndim else float(nsd)}
    forth, back = _nearest(first, second, spacing)
    both = np.concatenate([forth, back])
    for distances in (forth, back, both):
        distances.sort()
    # A distance meant to equal the tolerance may lie a rounding above it: 3 x .49 and 1.47 do.
    within = np.searchsorted(both, tolerance * (1 + 1e-9), side="right") / len(both)
    return {
        "hausdorff": float(both[-1]),
        "hd95": max(_percentile95(forth), _percentile95(back)),
        "hd95_pooled": _percentile95(both),
        "assd": float(both.mean()),
        "nsd": within if tolerance.ndim else float(within),
    }


def hausdorff(
    truth: np.ndarray, prediction: np.ndarray, spacing: float | Sequence[float] = 1.0
) -> float:
    """The Hausdorff distance alone; see `surface_distances`."""
    return surface_distances(truth, prediction, spacing)["hausdorff"]


def surface(mask: np.ndarray) -> np.ndarray:
    """The surface pixels of a boolean mask of any dimension, as a boolean array of its shape."""
    middle = (slice(1, -1),) * mask.ndim
    padded = np.zeros([side + 2 for side in mask.shape], bool)  # np.pad takes four times as long
    padded[middle] = mask
    inside = mask.copy()
    for axis in range(mask.ndim):
        for shift in (slice(None, -2), slice(2, None)):
            inside &= padded[(*middle[:axis], shift, *middle[axis + 1 :])]
    return mask ^ inside


def _checked(
    truth: np.ndarray,
    prediction: np.ndarray,
    spacing: float | Sequence[float],
    tolerance: float | Sequence[float],
) -> tuple[np.ndarray, np.ndarray]:
    """Spacing, one number an axis, and tolerance, or ValueError for what cannot be measured."""
    if truth.shape != prediction.shape:
        raise ValueError(f"masks differ in shape: {truth.shape} and {prediction.shape}")
    if truth.ndim not in (2, 3):
        raise ValueError(f"masks must have 2 or 3 dimensions, not {truth.ndim}: {truth.shape}")
    sides, limits = np.asarray(spacing, float), np.asarray(tolerance, float)
    if sides.shape not in ((), (truth.ndim,)) or not (sides.min() > 0 and sides.max() < np.inf):
        raise ValueError(f"spacing must be 1 or {truth.ndim} positive numbers, not {spacing}")
    if limits.ndim > 1 or not (limits >= 0).all():
        raise ValueError(f"tolerance must be numbers that are not negative, not {tolerance}")
    return sides * np.ones(truth.ndim), limits


def _surface_points(mask: np.ndarray) -> np.ndarray:
    """Indices of a mask's surface pixels, (n, dimensions)."""
    mask = mask if mask.dtype == bool else mask != 0
    corner = []
    # All foreground lies in its bounding box, so the box may be cut out and its rim is surface.
    for axis in range(mask.ndim):
        others = tuple(other for other in range(mask.ndim) if other != axis)
        (occupied,) = mask.any(axis=others).nonzero()
        if not occupied.size:
            return np.empty((0, mask.ndim), int)
        corner.append(occupied[0])
        mask = mask[(slice(None),) * axis + (slice(occupied[0], occupied[-1] + 1),)]
    return np.transpose(np.unravel_index(surface(mask).ravel().nonzero()[0], mask.shape)) + corner


def _nearest(
    first: np.ndarray, second: np.ndarray, spacing: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """From each point of either set the distance to the nearest one of the other."""
    # Counted from where the masks begin, so that moving both rounds nothing differently.
    corner = np.minimum(first.min(axis=0), second.min(axis=0))
    first, second = first - corner, second - corner
    box = np.maximum(first.max(axis=0), second.max(axis=0)) + 1
    square = (spacing == spacing[0]).all()
    if square and len(first) * len(second) <= PAIRS and box.max() <= SIDE:
        first, second = first.astype(np.float32), second.astype(np.float32)
        squares = first @ (-2 * second.T)  # |a - b|^2 = |a|^2 - 2ab + |b|^2, whole numbers
        squares += np.einsum("ij,ij->i", first, first)[:, None]
        squares += np.einsum("ij,ij->i", second, second)
        forth, back = (np.sqrt(squares.min(axis=axis), dtype=float) for axis in (1, 0))
        return forth * spacing[0], back * spacing[0]
    return _to(second, first, box, spacing), _to(first, second, box, spacing)


def _to(
    targets: np.ndarray, points: np.ndarray, box: np.ndarray, spacing: np.ndarray
) -> np.ndarray:
    """From each of the points inside the box the distance to the nearest target."""
    if box.prod() < CROWDED * len(points):
        free = np.ones(box, bool)
        free[tuple(targets.T)] = False
        return distance_transform_edt(free, sampling=spacing)[tuple(points.T)]
    return cKDTree(targets * spacing).query(points * spacing)[0]


def _percentile95(ordered: np.ndarray) -> float:
    """np.percentile(ordered, 95), which alone would take as long as finding the distances."""
    whole, part = divmod(0.95 * (len(ordered) - 1), 1)
    low, high = ordered[int(whole)], ordered[min(int(whole) + 1, len(ordered) - 1)]
    return float(low + part * (high - low))
