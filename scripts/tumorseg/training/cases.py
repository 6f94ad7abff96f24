"""The cases of a training, read from the packed arrays batch by batch: whole pictures."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from tumorseg.core.errors import UserError
from tumorseg.training.augmentation import augment
from tumorseg.training.model import with_channels
from tumorseg.training.plan import Plan


@dataclass(frozen=True)
class Cases:
    """Some cases of the packed arrays, which may be files mapped into memory: nothing is copied.

    images: (n, ..., 1 or channels) float32; masks: (n, ..., classes) uint8 0/1; rows: the positions
    of these cases in both; channels: of the images that `at` returns, a single one repeated.
    `Patches` (training/patches.py) draws from larger images and has the same methods but `at`.
    """

    images: np.ndarray
    masks: np.ndarray
    rows: np.ndarray
    channels: int = 1

    def __len__(self) -> int:
        return len(self.rows)

    def at(self, positions: np.ndarray | slice) -> tuple[np.ndarray, np.ndarray]:
        """Copies of the images (k, ..., channels) and masks at these positions among the cases."""
        rows = self.rows[positions]
        return with_channels(self.images[rows], self.channels), self.masks[rows]

    def steps(self, plan: Plan) -> int:
        """The steps of an epoch, a pass through all cases; UserError where plan.steps is set."""
        if plan.steps:
            raise UserError(
                f"training.steps is {plan.steps}, but whole pictures are trained in passes through "
                "all cases; set it to 0, or train on patches"
            )
        return -(-len(self) // plan.batch_size)

    def drawn(self, plan: Plan, epoch: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """The shuffled, augmented batches of one epoch; they depend on (seed, epoch) only."""
        order = np.random.default_rng([plan.seed, epoch]).permutation(len(self))
        for start in range(0, len(order), plan.batch_size):
            images, masks = self.at(np.sort(order[start : start + plan.batch_size]))
            if plan.augmentation:
                random = np.random.default_rng([plan.seed, epoch, start])
                pairs = [
                    augment(image, mask, plan.augmentation, random)
                    for image, mask in zip(images, masks, strict=True)
                ]
                images = np.stack([image for image, _ in pairs])
                masks = np.stack([mask for _, mask in pairs])
            yield np.ascontiguousarray(images), masks

    def batches(self, size: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Images and masks of all cases in order, at most `size` at a time."""
        for start in range(0, len(self), size):
            yield self.at(slice(start, start + size))

    def each_mask(self) -> Iterator[np.ndarray]:
        """The mask of one case after another."""
        return (self.masks[row] for row in self.rows)

    def digest(self) -> str:
        """Changes with any pixel of any case, with their order and with channels."""
        content = hashlib.sha256(str(self.channels).encode())
        for row in self.rows:
            content.update(self.images[row].tobytes())
            content.update(self.masks[row].tobytes())
        return content.hexdigest()
