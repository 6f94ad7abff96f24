"""Random augmentation of patches in two or three dimensions: movement, deformation, intensity.

A patch is cut from a larger image, so what moves into it comes from there and not from a padded
border: `source_positions` says where each voxel comes from, the caller reads that part of the image
and `resampled` interpolates it.
"""

from collections.abc import Sequence
from functools import lru_cache
from itertools import combinations
from math import ceil, cos, radians, sin

import numpy as np
from scipy.interpolate import BSpline
from scipy.ndimage import map_coordinates

from tumorseg.training.augmentation import masks_of_shares

MOVED = 0.5  # share of the patches that are rotated and scaled
DEFORMED = 0.5  # share of these that are also deformed
GAMMA, NOISE = 0.3, 0.15  # shares of the channels whose gamma changes, that get noise
KNOTS, DISPLACED = 16, 3.0  # voxels between the control points of a deformation; their movement
ANISOTROPIC = 3.0  # an axis with voxels so many times longer than the shortest stays in its plane


def source_positions(
    shape: Sequence[int],
    pivot: Sequence[int],
    spacing_mm: Sequence[float],
    strength: float,
    random: np.random.Generator,
) -> np.ndarray | None:
    """Where each voxel of a patch comes from, (axes, *shape) float32 voxels; None: it stays.

    At strength 1: rotation up to 15 degrees about every axis, scale .85 to 1.15, and a smooth
    deformation by a few voxels. Rotations are rotations in mm. An axis of thick slices
    (ANISOTROPIC) or of one slice keeps its place: nothing is rotated or deformed out of the slices.

    Args:
        shape: the patch's sides.
        pivot: the voxel of the patch that stays where it is.
        spacing_mm: sides of a voxel; only their ratios matter.
        strength: factor on all movements.
        random: what it is drawn from.
    """
    if random.random() >= MOVED:
        return None
    axes, spacing = range(len(shape)), np.asarray(spacing_mm, float)
    able = (spacing <= ANISOTROPIC * spacing.min()) & (np.asarray(shape) > 1)
    matrix = np.eye(len(shape)) / (1 + strength * random.uniform(-0.15, 0.15))
    for first, second in combinations(axes, 2):
        angle = radians(strength * random.uniform(-15, 15))
        if able[first] and able[second]:
            turn = np.eye(len(shape))
            turn[first, first] = turn[second, second] = cos(angle)
            turn[first, second], turn[second, first] = -sin(angle), sin(angle)
            matrix = matrix @ turn
    matrix = matrix * spacing / spacing[:, None]  # from voxels to mm, turned, and back
    away = np.meshgrid(
        *(np.arange(side, dtype=np.float32) - p for side, p in zip(shape, pivot, strict=True)),
        indexing="ij",
        sparse=True,
    )
    positions = np.empty((len(shape), *shape), np.float32)
    for axis in axes:
        parts = [np.float32(matrix[axis, other]) * away[other] for other in axes]
        positions[axis] = sum(parts, start=np.float32(pivot[axis]))
    if random.random() < DEFORMED:
        amplitude = strength * DISPLACED * able * spacing.min() / spacing
        field = _smooth_field(shape, amplitude, random)
        positions += field - field[(slice(None), *(slice(p, p + 1) for p in pivot))]
    return positions


@lru_cache(maxsize=16)
def _spline(side: int) -> np.ndarray:
    """Cubic B-splines with a control point every KNOTS voxels: (side, control points) float32."""
    pieces = max(1, ceil((side - 1) / KNOTS))
    knots = KNOTS * np.arange(-3.0, pieces + 4)
    return BSpline.design_matrix(np.arange(float(side)), knots, 3).toarray().astype(np.float32)


def _smooth_field(
    shape: Sequence[int], amplitude: np.ndarray, random: np.random.Generator
) -> np.ndarray:
    """Smooth random displacements, (axes, *shape); amplitude: of the control points, by axis."""
    splines = [_spline(side) for side in shape]
    size = (len(shape), *(spline.shape[1] for spline in splines))
    field = random.standard_normal(size, np.float32)
    field *= amplitude.astype(np.float32).reshape(-1, *[1] * len(shape))
    for axis, spline in enumerate(splines, start=1):
        field = np.moveaxis(np.tensordot(spline, field, axes=(1, axis)), 0, axis)
    return field


def resampled(
    image: np.ndarray, masks: np.ndarray, positions: np.ndarray, outside: Sequence[float]
) -> tuple[np.ndarray, np.ndarray]:
    """The image float32 and the masks 0/1 at positions of their grid, by linear interpolation.

    Args:
        image, masks: (spatial..., channels) and (spatial..., classes).
        positions: (axes, *shape) voxels.
        outside: each channel's value outside of the image; masks are 0 there.
    """
    padded_positions = positions + np.float32(1)

    def at_positions(plane: np.ndarray, value: float) -> np.ndarray:
        """Beyond one voxel of padding the nearest is taken: SciPy's fastest way to a border."""
        padded = np.pad(plane, 1, constant_values=value)
        return map_coordinates(padded, padded_positions, np.float32, order=1, mode="nearest")

    channels = np.stack(
        [at_positions(image[..., n], value) for n, value in enumerate(outside)], axis=-1
    )
    shares = np.zeros((*positions.shape[1:], masks.shape[-1]), np.float32)
    for n in range(masks.shape[-1]):
        if masks[..., n].any():
            shares[..., n] = at_positions(masks[..., n], 0.0)
    return channels, masks_of_shares(shares, masks)


def change_intensities(image: np.ndarray, strength: float, random: np.random.Generator) -> None:
    """Changes each channel of an image (..., channels) float32 in place, each by itself.

    At strength 1: contrast .8 to 1.2, brightness +-.2; in some, gamma .67 to 1.5 between the
    channel's lowest and highest value, and noise with a standard deviation up to .1.
    """
    for channel in np.moveaxis(image, -1, 0):
        if random.random() < GAMMA:
            power = np.exp(strength * random.uniform(-0.4, 0.4)).astype(np.float32)
            low, high = channel.min(), channel.max()
            if high > low:
                channel[...] = ((channel - low) / (high - low)) ** power * (high - low) + low
        channel *= np.float32(1 + strength * random.uniform(-0.2, 0.2))
        channel += np.float32(strength * random.uniform(-0.2, 0.2))
        if random.random() < NOISE:
            deviation = np.float32(strength * random.uniform(0, 0.1))
            channel += deviation * random.standard_normal(channel.shape, np.float32)
