"""An ensemble applied to slices: mean probability at native size, mask, and how members differ."""

import math
from collections.abc import Iterator
from itertools import combinations
from typing import Any, NamedTuple, Protocol

import numpy as np

from tumorseg.evaluation import probabilities
from tumorseg.evaluation.probabilities import foreground
from tumorseg.imaging.placement import network_input
from tumorseg.imaging.skull_strip import brain_mask, strip

SLICES = 8  # prepared at a time


class Members(Protocol):
    """What is applied: `probabilities` of (n, size, size) are (members, n, size, size)."""

    def probabilities(self, squares: np.ndarray) -> np.ndarray: ...


class Prediction(NamedTuple):
    """A prediction of n slices of one size.

    quantised: (n, height, width) uint16, the members' mean probability * 65535; mask: uint8 0/1.
    spread: mean over the mask of the members' standard deviation; members_dice: mean Dice of two
    members' masks, over pairs of which one found something. NaN where there is nothing to average.
    """

    quantised: np.ndarray
    mask: np.ndarray
    spread: float
    members_dice: float


class _Agreement:
    """Sums over the slices of one image of how its members differ."""

    def __init__(self, members: int) -> None:
        self.deviations, self.pixels = 0.0, 0
        self.shared = np.zeros((members, members))  # pixels that two members have in common

    def add(self, values: np.ndarray, inside: np.ndarray, threshold: float) -> None:
        """values: (members, k), every pixel that a member calls tumour; inside: those of the mask.

        The standard deviation is that of the members there are, divided by their number.
        """
        self.deviations += float(values[:, inside].std(axis=0, dtype=np.float64).sum())
        self.pixels += int(inside.sum())
        masks = (values > threshold).astype(np.float32)
        self.shared += masks @ masks.T

    def spread(self) -> float:
        alone = len(self.shared) < 2
        return math.nan if alone or not self.pixels else self.deviations / self.pixels

    def dice(self) -> float:
        sizes = np.diag(self.shared)
        pairs = [
            2 * self.shared[one, other] / (sizes[one] + sizes[other])
            for one, other in combinations(range(len(sizes)), 2)
            if sizes[one] + sizes[other]
        ]
        return float(np.mean(pairs)) if pairs else math.nan


class Stack(NamedTuple):
    """Slices of one image, (n, height, width) uint8 or uint16, and a pixel's height and width."""

    slices: np.ndarray
    spacing_mm: tuple[float, float]


def predict(members: Members, stacks: list[Stack], facts: dict[str, Any]) -> list[Prediction]:
    """One prediction a stack.

    Every slice is stripped and prepared as those of the training were, and every probability comes
    back to native size before the mean is taken. facts: as `exported_model.read` gives them.
    """
    threshold = float(facts["threshold"])
    agreements = [_Agreement(len(facts["members"])) for _ in stacks]
    quantised = [np.empty(stack.slices.shape, np.uint16) for stack in stacks]
    masks = [np.empty(stack.slices.shape, np.uint8) for stack in stacks]
    places = [
        (own, index) for own, stack in enumerate(stacks) for index in range(len(stack.slices))
    ]
    slices = [(stacks[owner].slices[index], stacks[owner].spacing_mm) for owner, index in places]
    answers = _answers(members, slices, facts)
    for (owner, index), (total, natives) in zip(places, answers, strict=True):
        mean = total / len(natives)
        quantised[owner][index] = probabilities.quantised(mean)
        mask = foreground(quantised[owner][index], facts["threshold"])
        masks[owner][index] = mask
        # Where a member is above the threshold, so is the sum of all.
        anyone = (total > threshold * (1 - 1e-6)) | mask
        values = np.stack([native[anyone] for native in natives])
        agreements[owner].add(values, mask[anyone], threshold)
    return [
        Prediction(found, mask, agreement.spread(), agreement.dice())
        for found, mask, agreement in zip(quantised, masks, agreements, strict=True)
    ]


def _answers(
    members: Members, slices: list[tuple[np.ndarray, tuple[float, float]]], facts: dict[str, Any]
) -> Iterator[tuple[np.ndarray, list[np.ndarray]]]:
    """For each slice the sum (float64) of its members' native probabilities, and each of them."""
    size, settings = facts["network"]["size_px"], facts["recipe"]["settings"]
    for start in range(0, len(slices), SLICES):
        pairs = []
        for image, spacing_mm in slices[start : start + SLICES]:
            image = np.ascontiguousarray(image)
            stripped = strip(image, brain_mask(image, facts["skull_strip"]))
            pairs.append(network_input(stripped, size, settings["preparation"], spacing_mm))
        found = members.probabilities(np.stack([square for square, _ in pairs]))
        for index, (_, place) in enumerate(pairs):
            natives = [place.back(one) for one in found[:, index]]
            yield np.sum(natives, axis=0, dtype=np.float64), natives
