"""Applies an ensemble to slices: mean probability, mask, and disagreement of its members."""

import math
from collections.abc import Iterator
from itertools import combinations
from typing import NamedTuple, Protocol

import numpy as np

from tumorseg.evaluation import probabilities
from tumorseg.evaluation.probabilities import foreground
from tumorseg.imaging.placement import network_input
from tumorseg.imaging.skull_strip import brain_mask, strip
from tumorseg.prediction.records import ModelFacts

SLICES = 8  # prepared and predicted at a time


class Members(Protocol):
    """The networks of an ensemble, for example prediction.ensemble.Ensemble."""

    def probabilities(self, squares: np.ndarray) -> np.ndarray:
        """Each member's maps of prepared slices: (members, n, size, size) of (n, size, size, 1)."""


class Prediction(NamedTuple):
    """The prediction of a stack of n slices.

    quantised: (n, height, width) uint16, the members' mean probability * 65535; mask: uint8 0/1.
    spread: standard deviation between members, averaged over the mask. members_dice: mean Dice of
    two members' masks, over all pairs with a non-empty mask. Both are NaN if undefined.
    """

    quantised: np.ndarray
    mask: np.ndarray
    spread: float
    members_dice: float


class _Agreement:
    """How much the members differ, summed over the slices of one image."""

    def __init__(self, members: int) -> None:
        self.deviations, self.pixels = 0.0, 0
        self.shared = np.zeros((members, members))  # pixels in both of two members' masks

    def add(self, values: np.ndarray, inside: np.ndarray, threshold: float) -> None:
        """Adds one slice.

        values: (members, k), probabilities of all pixels above the threshold for some member;
        inside: (k,), whether a pixel is in the mask. The standard deviation divides by the number
        of members, not by one less.
        """
        self.deviations += float(values[:, inside].std(axis=0, dtype=np.float64).sum())
        self.pixels += int(inside.sum())
        masks = (values > threshold).astype(np.float32)
        self.shared += masks @ masks.T

    def spread(self) -> float:
        """Mean standard deviation inside the mask; NaN for one member or an empty mask."""
        alone = len(self.shared) < 2
        return math.nan if alone or not self.pixels else self.deviations / self.pixels

    def dice(self) -> float:
        """Mean Dice over pairs of members; NaN if no pair has a non-empty mask."""
        sizes = np.diag(self.shared)
        pairs = [
            2 * self.shared[a, b] / (sizes[a] + sizes[b])
            for a, b in combinations(range(len(sizes)), 2)
            if sizes[a] + sizes[b]
        ]
        return float(np.mean(pairs)) if pairs else math.nan


class Stack(NamedTuple):
    """Slices of one image, (n, height, width) uint8 or uint16, and a pixel's height and width."""

    slices: np.ndarray
    spacing_mm: tuple[float, float]


def predict(members: Members, stacks: list[Stack], facts: ModelFacts) -> list[Prediction]:
    """One prediction per stack.

    Slices are stripped and prepared as in training; each member's probabilities are resampled to
    native size before the mean is taken. facts: as returned by exported_model.read.
    """
    threshold = float(facts["threshold"])
    agreements = [_Agreement(len(facts["members"])) for _ in stacks]
    quantised = [np.empty(stack.slices.shape, np.uint16) for stack in stacks]
    masks = [np.empty(stack.slices.shape, np.uint8) for stack in stacks]
    places = [
        (number, index) for number, stack in enumerate(stacks) for index in range(len(stack.slices))
    ]
    slices = [(stacks[number].slices[index], stacks[number].spacing_mm) for number, index in places]
    maps = _native_maps(members, slices, facts)
    for (number, index), (total, natives) in zip(places, maps, strict=True):
        mean = total / len(natives)
        quantised[number][index] = probabilities.quantised(mean)
        mask = foreground(quantised[number][index], facts["threshold"])
        masks[number][index] = mask
        # If any member is above the threshold, so is the sum: other pixels need not be compared.
        candidates = (total > threshold * (1 - 1e-6)) | mask
        values = np.stack([native[candidates] for native in natives])
        agreements[number].add(values, mask[candidates], threshold)
    return [
        Prediction(probability, mask, agreement.spread(), agreement.dice())
        for probability, mask, agreement in zip(quantised, masks, agreements, strict=True)
    ]


def _native_maps(
    members: Members, slices: list[tuple[np.ndarray, tuple[float, float]]], facts: ModelFacts
) -> Iterator[tuple[np.ndarray, list[np.ndarray]]]:
    """For each slice the members' probabilities at native size: their sum (float64), and each."""
    size, settings = facts["network"]["size_px"], facts["recipe"]["settings"]
    for start in range(0, len(slices), SLICES):
        pairs = []
        for image, spacing_mm in slices[start : start + SLICES]:
            image = np.ascontiguousarray(image)
            stripped = strip(image, brain_mask(image, facts["skull_strip"]))
            preparation = settings["preparation"]
            pairs.append(network_input(stripped, [stripped], size, preparation, spacing_mm))
        maps = members.probabilities(np.stack([square for square, _ in pairs]))
        for index, (_, place) in enumerate(pairs):
            natives = [place.back(square) for square in maps[:, index]]
            total = np.zeros(natives[0].shape)
            for native in natives:
                total += native
            yield total, natives
