"""Random patches of volumes, or of large pictures, that are read from mapped files.

What a patch shows is a function of (seed, epoch, its number in the epoch) alone, never of what was
drawn before, and only the part of the files that it needs is read.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from tumorseg.core.case_index import CaseIndex
from tumorseg.training.model import with_channels
from tumorseg.training.patch_augmentation import (
    change_intensities,
    resampled,
    source_positions,
)
from tumorseg.training.plan import Plan

# Every so many patches one is centred on a random voxel of a class (nnU-Net: a third of a batch).
FOREGROUND_EVERY = 3


@dataclass(frozen=True)
class Patches:
    """Cases of any sizes, one image file and one mask file each, of which patches are drawn.

    Stands in a training where `Cases` does. The files are opened when a patch is read and closed
    again, so neither memory nor open files grow with their number.

    images: .npy files (spatial..., 1 or channels) float32; masks: .npy files (spatial..., classes)
    uint8 0/1 on the same grids; index: what `pack` stored of each case; shape: of a patch, (height,
    width) or (depth, height, width); spacing_mm: of all files, one number an axis; channels: of the
    patches, a single one repeated.
    """

    images: Sequence[Path]
    masks: Sequence[Path]
    index: Sequence[CaseIndex]
    shape: tuple[int, ...]
    spacing_mm: tuple[float, ...]
    channels: int = 1

    def __len__(self) -> int:
        return len(self.images)

    @cached_property
    def with_foreground(self) -> list[int]:
        """The numbers of the cases that hold any class."""
        return [n for n, case in enumerate(self.index) if case.until[:, -1].any()]

    def steps(self, plan: Plan) -> int:
        """The steps of an epoch; without plan.steps as many as draw one patch a case."""
        return plan.steps or -(-len(self) // plan.batch_size)

    def drawn(self, plan: Plan, epoch: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """The augmented batches of one epoch: (batch_size, *shape, channels) and (..., classes)."""
        for step in range(self.steps(plan)):
            numbers = range(step * plan.batch_size, (step + 1) * plan.batch_size)
            pairs = [self.patch(plan, epoch, number) for number in numbers]
            images = np.stack([image for image, _ in pairs])
            yield with_channels(images, self.channels), np.stack([masks for _, masks in pairs])

    def patch(self, plan: Plan, epoch: int, number: int) -> tuple[np.ndarray, np.ndarray]:
        """The patch of this number in an epoch: image (*shape, channels), masks (*shape, classes).

        Outside of a case's grid the image has each channel's lowest value, and the masks 0. Half of
        the augmented patches are mirrored along the last axis, left-right, or along each axis where
        plan.mirrored is "all", as then predictions are.
        """
        # The last number keeps these draws apart from others of the same seed and epoch.
        random = np.random.default_rng([plan.seed, epoch, number, 1])
        case, corner, pivot = self.place(number, random)
        sides, lowest = self.index[case].sides, self.index[case].lowest
        image, masks = (np.load(files[case], mmap_mode="r") for files in (self.images, self.masks))
        positions = None
        if plan.augmentation:
            place = self.shape, pivot, self.spacing_mm
            positions = source_positions(*place, plan.augmentation, random)
        if positions is None:
            image = _window(image, corner, self.shape, lowest)
            masks = _window(masks, corner, self.shape, 0)
        else:  # only the box from which the voxels come is read
            parts = []
            for place, start, side in zip(positions, corner, sides, strict=True):
                low = max(0, int(np.floor(place.min())) + start)
                parts.append(slice(low, min(int(np.ceil(place.max())) + start + 1, side)))
                place += start - low
            box = tuple(parts)
            image, masks = resampled(image[box], masks[box], positions, lowest)
        if plan.augmentation:
            axes = range(len(sides)) if plan.mirrored == "all" else (len(sides) - 1,)
            flipped = tuple(axis for axis in axes if random.random() < 0.5)
            image, masks = np.flip(image, flipped), np.flip(masks, flipped)
            change_intensities(image, plan.augmentation, random)
        return image, masks

    def place(
        self, number: int, random: np.random.Generator
    ) -> tuple[int, tuple[int, ...], tuple[int, ...]]:
        """A case, the corner of a patch in it, and the voxel of the patch that must stay inside.

        The patch lies within the case, or, where the case is smaller, around it. Every
        FOREGROUND_EVERY-th is drawn from the cases with a class, one of their classes and one of
        its voxels, each equally likely, and is centred on the voxel as far as the case's edges
        allow; all others are anywhere.
        """
        if number % FOREGROUND_EVERY or not self.with_foreground:
            case = int(random.integers(len(self)))
            sides = self.index[case].sides
            corner = tuple(
                int(random.integers(side - patch + 1)) if side > patch else -((patch - side) // 2)
                for side, patch in zip(sides, self.shape, strict=True)
            )
            return case, corner, tuple((patch - 1) // 2 for patch in self.shape)
        case = self.with_foreground[random.integers(len(self.with_foreground))]
        voxel = self._foreground(case, random)
        sides = self.index[case].sides
        corner = tuple(
            min(max(v - patch // 2, 0), side - patch) if side > patch else -((patch - side) // 2)
            for v, side, patch in zip(voxel, sides, self.shape, strict=True)
        )
        return case, corner, tuple(v - c for v, c in zip(voxel, corner, strict=True))

    def _foreground(self, case: int, random: np.random.Generator) -> tuple[int, ...]:
        """A random voxel of a random class of a case; reads one slice of its mask."""
        until = self.index[case].until
        chosen = int(random.choice(np.flatnonzero(until[:, -1])))
        number = random.integers(until[chosen, -1])
        plane = int(np.searchsorted(until[chosen], number, side="right")) - 1
        mask = np.load(self.masks[case], mmap_mode="r")[plane, ..., chosen]
        position = np.flatnonzero(mask)[number - until[chosen, plane]]
        return plane, *(int(n) for n in np.unravel_index(position, mask.shape))

    def batches(self, size: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Every whole case in order, one at a time: (1, spatial..., channels) and its masks."""
        for image, mask in zip(self.images, self.masks, strict=True):
            volume = np.load(image, mmap_mode="r")[None]
            yield with_channels(volume, self.channels), np.load(mask)[None]

    def each_mask(self) -> Iterator[np.ndarray]:
        """The masks of one case after another."""
        return (np.load(mask, mmap_mode="r") for mask in self.masks)

    def digest(self) -> str:
        """Changes with any voxel of any case, with their order, the patch and the channels."""
        parts = [repr((self.shape, self.spacing_mm, self.channels))]
        parts += [case.digest for case in self.index]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _window(
    array: np.ndarray, corner: Sequence[int], shape: Sequence[int], outside: Sequence[float] | int
) -> np.ndarray:
    """A copy of a part of an array (spatial..., n), which may reach out of it."""
    part = np.empty((*shape, array.shape[-1]), array.dtype)
    part[...] = outside
    spans = [
        (max(c, 0), min(c + side, whole))
        for c, side, whole in zip(corner, shape, array.shape[:-1], strict=True)
    ]
    inside = tuple(slice(a - c, b - c) for (a, b), c in zip(spans, corner, strict=True))
    part[inside] = array[tuple(slice(a, b) for a, b in spans)]
    return part
