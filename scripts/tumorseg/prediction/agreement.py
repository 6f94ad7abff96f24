"""The mean of the members' probabilities, taken in one after another, and how much they differ."""

import math
from collections.abc import Iterable
from itertools import combinations, combinations_with_replacement

import numpy as np


class MembersMean:
    """Sums of the members' maps of one slice or volume at native size.

    Memory does not grow with the number of members, but for a bit a voxel. The deviation and the
    masks are of the first class.

    thresholds: of each class; None where the likeliest of exclusive classes counts.
    """

    def __init__(
        self, classes: int, shape: tuple[int, ...], thresholds: list[float] | None
    ) -> None:
        self.total = np.zeros((classes, *shape))
        self.squares = np.zeros(shape)
        self.masks: list[np.ndarray] = []  # of each member, packed bits
        self.thresholds = thresholds

    def add(self, maps: Iterable[np.ndarray]) -> None:
        """Takes in one member: its float32 probabilities of each class."""
        maps = iter(maps)
        first = next(maps)
        self.total[0] += first
        self.squares += np.square(first, dtype=np.float64)
        background, most = 1 - first, np.zeros(1, np.float32)
        for number, native in enumerate(maps, 1):
            self.total[number] += native
            background, most = background - native, np.maximum(most, native)
        if self.thresholds is None:
            self.masks.append(np.packbits((first > background) & (first >= most)))
        else:
            self.masks.append(np.packbits(first > self.thresholds[0]))

    def mean(self, number: int) -> np.ndarray:
        """The mean probability of a class."""
        return self.total[number] / len(self.masks)


class Agreement:
    """How much the members differ in the first class, summed over the slices of one image."""

    def __init__(self) -> None:
        self.deviations, self.pixels = 0.0, 0
        self.shared: np.ndarray | None = None  # pixels in both of two members' masks

    def add(self, found: MembersMean, mask: np.ndarray) -> None:
        """Adds a slice or volume.

        mask: the ensemble's, bool. The standard deviation divides by the number of members, not by
        one less.
        """
        members = len(found.masks)
        mean, square = (part[mask] / members for part in (found.total[0], found.squares))
        self.deviations += float(np.sqrt(np.maximum(square - mean * mean, 0)).sum())
        self.pixels += int(mask.sum())
        if self.shared is None:
            self.shared = np.zeros((members, members), np.int64)
        for a, b in combinations_with_replacement(range(members), 2):
            both = found.masks[a] & found.masks[b]
            self.shared[a, b] += int(np.bitwise_count(both).sum(dtype=np.int64))

    def spread(self) -> float:
        """Mean standard deviation inside the mask; NaN for one member or an empty mask."""
        alone = self.shared is None or len(self.shared) < 2
        return math.nan if alone or not self.pixels else self.deviations / self.pixels

    def dice(self) -> float:
        """Mean Dice over pairs of members; NaN if no pair has a non-empty mask."""
        assert self.shared is not None  # at least one slice was added
        sizes = np.diag(self.shared)
        pairs = [
            2 * self.shared[a, b] / (sizes[a] + sizes[b])
            for a, b in combinations(range(len(sizes)), 2)
            if sizes[a] + sizes[b]
        ]
        return float(np.mean(pairs)) if pairs else math.nan
