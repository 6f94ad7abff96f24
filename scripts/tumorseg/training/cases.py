"""The cases of a training, read from the packed arrays batch by batch."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from tumorseg.core.files import read_table
from tumorseg.data import folds
from tumorseg.training.job import TrainingJob
from tumorseg.training.model import with_channels


@dataclass(frozen=True)
class Cases:
    """Some cases of the packed arrays, which may be files mapped into memory: nothing is copied.

    images: (n, ..., 1 or channels) float32; masks: (n, ..., 1) uint8 0/1; rows: the positions of
    these cases in both; channels: of the images that `at` returns, a single one repeated.
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


def cases_of_fold(job: TrainingJob) -> tuple[Cases, Cases]:
    """The training and the validation cases of the job's fold; its test cases are not read."""
    table, order = read_table(job.folds_table), read_table(job.placement_table)["case"]
    folds.check(table)
    images = np.load(job.images_file, mmap_mode="r")
    masks = np.load(job.targets_file, mmap_mode="r")
    channels = job.settings["channels"]
    training, validation = (
        Cases(images, masks, np.asarray(folds.positions(table, job.fold, role, order)), channels)
        for role in ("train", "validation")
    )
    return training, validation
