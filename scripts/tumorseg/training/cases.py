"""The cases of a training, read from the packed arrays batch by batch: whole pictures."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

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
        """The steps of an epoch: those of a pass through all cases, at least plan.steps."""
        return max(plan.steps, self._steps_of_a_pass(plan))

    def _steps_of_a_pass(self, plan: Plan) -> int:
        return -(-len(self) // plan.batch_size)

    def drawn(self, plan: Plan, epoch: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """The augmented batches of one epoch; they depend on (seed, epoch) only.

        Passes through all cases, each in an order of its own, follow one another; an epoch may end
        within one and the next goes on there.
        """
        steps, of_a_pass = self.steps(plan), self._steps_of_a_pass(plan)
        order = np.arange(0)
        for step in range(epoch * steps, (epoch + 1) * steps):
            passes, start = step // of_a_pass, step % of_a_pass * plan.batch_size
            if not start or not len(order):
                order = np.random.default_rng([plan.seed, passes]).permutation(len(self))
            images, masks = self.at(np.sort(order[start : start + plan.batch_size]))
            if plan.augmentation:
                random = np.random.default_rng([plan.seed, passes, start])
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
