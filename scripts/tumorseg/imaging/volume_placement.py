"""Resamples native volumes to a recipe's spacing and back: placement.Placement in three dimensions.

Along an axis that gets coarser, each new voxel is the mean of what it covers (OpenCV's area
averaging, as for slices): so details that the new grid cannot show are averaged, not aliased. Along
an axis that gets finer, values are interpolated, linearly or by cubic B-splines. An axis that keeps
its number of voxels is copied.

Thick slices, more than THICK times as far apart as the finest pixels, are interpolated linearly
even where the rest is cubic: a spline through slices that show different anatomy rings. nnU-Net
(Isensee et al. 2021) repeats the nearest slice there; linear values lie between two slices instead
of jumping half-way. For masks both are the same: the share of a voxel between a slice inside and
one outside falls below half exactly half-way.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from scipy import ndimage

from tumorseg.core.errors import UserError
from tumorseg.imaging.boxes import Box

Order = Literal["linear", "cubic"]
Sides = tuple[int, int, int]  # along depth, height and width
THICK = 3.0  # as in nnU-Net
MAX_VOXELS = 2**29  # of a packed volume: 2 GB of float32 a channel


@dataclass(frozen=True)
class VolumePlacement:
    """Where a native volume lies inside the packed one; all in voxels.

    The crop of the native volume (crop_depth slices from crop_front; rows and columns likewise) is
    resampled to (inner_depth, inner_height, inner_width) and placed at (front, top, left) of
    (size_depth, size_height, size_width). Both directions follow the rule of Placement: native
    centre c inside the crop maps to (c + .5) * inner / crop - .5 + offset, and exactly back.
    """

    depth: int
    height: int
    width: int
    crop_front: int
    crop_top: int
    crop_left: int
    crop_depth: int
    crop_height: int
    crop_width: int
    front: int
    top: int
    left: int
    inner_depth: int
    inner_height: int
    inner_width: int
    size_depth: int
    size_height: int
    size_width: int

    @property
    def native(self) -> Sides:
        """The native volume's shape."""
        return self.depth, self.height, self.width

    @property
    def size(self) -> Sides:
        """The packed volume's shape."""
        return self.size_depth, self.size_height, self.size_width

    def spacing_mm(self, native_mm: Sequence[float]) -> list[float]:
        """The sides of the packed volume's voxels, from those of the native one's."""
        crop = self.crop_depth, self.crop_height, self.crop_width
        both = zip(native_mm, crop, self._inner_shape, strict=True)
        return [side * part / inner for side, part, inner in both]

    def forward(self, image: np.ndarray, order: Order | Sequence[Order] = "linear") -> np.ndarray:
        """(depth, height, width) to float32 of the packed size; 0 outside the crop.

        order: how an axis that gets finer is interpolated, or how each is. Cubic values may lie
        outside the image's range. Raises ValueError for an image of another shape.
        """
        _check_shape(image, self.native)
        cropped = image[self._crop].astype(np.float32)
        packed = np.zeros(self.size, np.float32)
        packed[self._inner] = _resampled(cropped, self._inner_shape, order)
        return packed

    def mask_forward(self, masks: np.ndarray, *, exclusive: bool = False) -> np.ndarray:
        """0/1 masks (depth, height, width, classes) to uint8 0/1 of the packed size.

        Each class is resampled linearly, which gives its share of every voxel.

        exclusive: a voxel belongs to the class with the largest share, or to the background where
        that is larger; equal shares go to the class before the background, and to the first class.
        Otherwise a class has all voxels of which it covers half or more. Raises ValueError for
        masks of another shape, and for exclusive classes that overlap.
        """
        _check_shape(masks[..., 0], self.native)
        classes = masks.shape[-1]
        shares = [self.forward(masks[..., number]) for number in range(classes)]
        if exclusive:
            if masks.sum(axis=-1, dtype=np.uint8).max(initial=0) > 1:
                raise ValueError("exclusive classes overlap; expected one class a voxel")
            winner = np.argmax(np.stack([*shares, 1 - np.sum(shares, axis=0)]), axis=0)
            inside = [winner == number for number in range(classes)]
        else:
            inside = [share >= 0.5 for share in shares]
        return np.stack(inside, axis=-1).astype(np.uint8)

    def back(self, probability: np.ndarray) -> np.ndarray:
        """Probabilities of the packed size to the native shape, linear; 0 outside the crop.

        Raises ValueError for probabilities of another shape.
        """
        _check_shape(probability, self.size)
        native = np.zeros(self.native, np.float32)
        shape = self.crop_depth, self.crop_height, self.crop_width
        inner = probability[self._inner].astype(np.float32)
        native[self._crop] = _resampled(inner, shape, "linear", average=False)
        return np.clip(native, 0.0, 1.0, out=native)

    @property
    def _inner_shape(self) -> Sides:
        return self.inner_depth, self.inner_height, self.inner_width

    @property
    def _inner(self) -> tuple[slice, ...]:
        return _slices((self.front, self.top, self.left), self._inner_shape)

    @property
    def _crop(self) -> tuple[slice, ...]:
        starts = self.crop_front, self.crop_top, self.crop_left
        return _slices(starts, (self.crop_depth, self.crop_height, self.crop_width))


def volume_placement(
    shape: Sequence[int],
    spacing_mm: Sequence[float],
    *,
    wanted_mm: Sequence[float] | None = None,
    wanted_shape: Sequence[int] | None = None,
    crop: Box | None = None,
    patch: Sequence[int] = (1, 1, 1),
) -> VolumePlacement:
    """Where a volume goes inside its packed one. All numbers are along depth, height and width.

    Args:
        shape: of the native volume.
        spacing_mm: of its voxels.
        wanted_mm: spacing of the packed volume; None keeps the native one. A crop becomes a whole
            number of voxels, so the real spacing differs by up to half a voxel over all of it.
        wanted_shape: number of voxels that the crop becomes, whatever its spacing; beside None.
        crop: part of the volume to use, of imaging.boxes; None for all of it.
        patch: least shape of the packed volume; smaller ones are padded on both sides.

    Returns:
        The placement.

    Raises:
        UserError: a spacing is wanted and that of the volume is unknown, or the packed volume
            would be too large.
    """
    box = tuple(crop or (0, 0, 0, *shape))
    inner = box[3:] if wanted_shape is None else tuple(wanted_shape)
    if wanted_mm is not None:
        if not (np.isfinite(spacing_mm).all() and min(spacing_mm) > 0):
            raise UserError(
                f"a spacing of {_by(wanted_mm)} mm is wanted, but the volume's own is unknown "
                f"({_by(spacing_mm)}); correct the image's header, or keep the native spacing"
            )
        ratios = np.asarray(spacing_mm) / np.asarray(wanted_mm)
        inner = tuple(max(1, round(n * r)) for n, r in zip(box[3:], ratios, strict=True))
    size = tuple(max(n, least) for n, least in zip(inner, patch, strict=True))
    if math.prod(size) > MAX_VOXELS:
        raise UserError(
            f"{_by(box[3:])} voxels of {_by(spacing_mm)} mm would become {_by(size)}; expected at "
            f"most {MAX_VOXELS} voxels; choose a coarser spacing"
        )
    offsets = ((n - part) // 2 for n, part in zip(size, inner, strict=True))
    return VolumePlacement(*(int(n) for n in (*shape, *box, *offsets, *inner, *size)))


def orders(order: Order, spacing_mm: Sequence[float]) -> tuple[Order, ...]:
    """How each axis is interpolated: as asked, but thick slices linearly.

    spacing_mm: of the native voxels; where any is unknown, no axis counts as thick.
    """
    limit = THICK * min(spacing_mm) if np.isfinite(spacing_mm).all() else math.inf
    return tuple("linear" if side > limit else order for side in spacing_mm)


def _resampled(
    values: np.ndarray, shape: Sides, order: Order | Sequence[Order], average: bool = True
) -> np.ndarray:
    """float32 values with another number of voxels along each axis; the coarser axes come first.

    average: average along axes that get coarser, instead of interpolating there too.
    """
    before, each = values.shape, (order,) * 3 if isinstance(order, str) else order
    for axis in sorted(range(3), key=lambda axis: shape[axis] / before[axis]):
        length = shape[axis]
        if length == before[axis]:
            continue
        across = np.moveaxis(values, axis, 0)
        lines = np.ascontiguousarray(across).reshape(before[axis], -1)
        if length < before[axis] and average:
            lines = cv2.resize(lines, (lines.shape[1], length), interpolation=cv2.INTER_AREA)
        elif each[axis] == "linear":
            lines = cv2.resize(lines, (lines.shape[1], length), interpolation=cv2.INTER_LINEAR)
        else:
            zoom = (length / before[axis], 1)
            lines = ndimage.zoom(lines, zoom, order=3, mode="nearest", grid_mode=True)
        values = np.moveaxis(lines.reshape(length, *across.shape[1:]), 0, axis)
    return values


def _slices(starts: Sides, lengths: Sides) -> tuple[slice, ...]:
    return tuple(slice(start, start + n) for start, n in zip(starts, lengths, strict=True))


def _check_shape(values: np.ndarray, shape: Sides) -> None:
    if values.shape != shape:
        raise ValueError(f"a volume of {_by(values.shape)} voxels, expected {_by(shape)}")


def _by(numbers: Sequence[float]) -> str:
    return " x ".join(f"{number:g}" for number in numbers)
