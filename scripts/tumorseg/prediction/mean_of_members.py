"""Applies an ensemble to images: mean probability, mask, and disagreement of its members."""

from collections.abc import Iterable, Iterator
from types import EllipsisType
from typing import NamedTuple, Protocol

import numpy as np

from tumorseg.core.cases import Channel
from tumorseg.core.errors import UserError
from tumorseg.core.problems import error
from tumorseg.evaluation import probabilities
from tumorseg.imaging.placement import Placement, network_input
from tumorseg.imaging.skull_strip import brain_mask, strip
from tumorseg.imaging.volume_input import VolumePreparation, volume_input
from tumorseg.imaging.volume_placement import VolumePlacement
from tumorseg.prediction.agreement import Agreement, MembersMean
from tumorseg.prediction.model_classes import class_masks, classes_of, is_exclusive
from tumorseg.prediction.records import ModelFacts

SLICES = 8  # prepared and predicted at a time
At = int | EllipsisType  # a slice of a stack, or all of a volume


class Members(Protocol):
    """The networks of an ensemble, for example prediction.ensemble.Ensemble."""

    def probabilities(self, images: np.ndarray) -> Iterable[np.ndarray]:
        """Each member's maps, (n, spatial..., classes), of images (n, spatial..., channels)."""


class Prediction(NamedTuple):
    """The prediction of a stack of n slices.

    maps: (classes, n, height, width) uint16, the members' mean probabilities * 65535; masks: uint8
    0/1. spread: standard deviation between members, averaged over the mask. members_dice: mean Dice
    of two members' masks, over all pairs with a non-empty mask. Both are of the first class, and
    NaN if undefined.
    """

    maps: np.ndarray
    masks: np.ndarray
    spread: float
    members_dice: float

    @property
    def quantised(self) -> np.ndarray:
        """The first class's map."""
        return self.maps[0]

    @property
    def mask(self) -> np.ndarray:
        """The first class's mask."""
        return self.masks[0]


class Stack(NamedTuple):
    """Slices of one image, (n, height, width) uint8 or uint16, and what preparing them needs.

    spacing_mm: a pixel's height and width, before them the distance of a volume's slices. further:
    the channels after the first, of the same shape. offset, scale: as in Channel.
    """

    slices: np.ndarray
    spacing_mm: tuple[float, ...]
    further: tuple[Channel, ...] = ()
    offset: float = 0.0
    scale: float = 1.0


def takes_volumes(facts: ModelFacts) -> bool:
    """Whether the model predicts whole volumes, not slices."""
    return len(facts["network"].get("patch", ())) == 3


def predict(members: Members, stacks: list[Stack], facts: ModelFacts) -> list[Prediction]:
    """One prediction per stack.

    Slices, or whole volumes, are stripped and prepared as in training; each member's probabilities
    are resampled to native size before the mean is taken. facts: as returned by
    exported_model.read. Raises DataError for a volume that cannot be prepared.
    """
    classes = len(classes_of(facts))
    agreements = [Agreement() for _ in stacks]
    maps = [np.empty((classes, *stack.slices.shape), np.uint16) for stack in stacks]
    masks = [np.empty((classes, *stack.slices.shape), np.uint8) for stack in stacks]
    for number, at, found in _means(members, stacks, facts):
        for one in range(classes):
            maps[number][one, at] = probabilities.quantised(found.mean(one))
        for index in range(len(stacks[number].slices)) if at is ... else [at]:
            masks[number][:, index] = class_masks(maps[number][:, index], facts)
        agreements[number].add(found, masks[number][0, at] > 0)
    return [
        Prediction(probability, mask, agreement.spread(), agreement.dice())
        for probability, mask, agreement in zip(maps, masks, agreements, strict=True)
    ]


def _means(
    members: Members, stacks: list[Stack], facts: ModelFacts
) -> Iterator[tuple[int, At, MembersMean]]:
    """For each slice or volume its stack's number, where it is there, and the members' mean."""
    volumes, classes = takes_volumes(facts), classes_of(facts)
    thresholds = None if is_exclusive(facts) else [one["threshold"] for one in classes]
    places: list[tuple[int, At]] = [
        (number, at)
        for number, stack in enumerate(stacks)
        for at in ([...] if volumes else range(len(stack.slices)))
    ]
    together = 1 if volumes else SLICES
    for start in range(0, len(places), together):
        chosen = places[start : start + together]
        prepared = [_prepared(stacks[number], at, facts) for number, at in chosen]
        means = [
            MembersMean(len(classes), stacks[number].slices[at].shape, thresholds)
            for number, at in chosen
        ]
        images = [image for image, _ in prepared]
        for found in members.probabilities(images[0][None] if volumes else np.stack(images)):
            for mean, (_, place), own in zip(means, prepared, found, strict=True):
                mean.add(place.back(own[..., number]) for number in range(len(classes)))
        for (number, at), mean in zip(chosen, means, strict=True):
            yield number, at, mean


def _prepared(
    stack: Stack, at: At, facts: ModelFacts
) -> tuple[np.ndarray, Placement | VolumePlacement]:
    """What the network sees of a slice or volume, (spatial..., channels), and its placement."""
    settings, network = facts["recipe"]["settings"], facts["network"]
    channels = [Channel(stack.slices, stack.offset, stack.scale), *stack.further]
    own = [one._replace(image=np.ascontiguousarray(one.image[at])) for one in channels]
    brain = brain_mask(own[0].image, facts["skull_strip"])
    stripped = [one._replace(image=strip(one.image, brain)) for one in own]
    first, inputs = stripped[0].image, [stripped[n - 1] for n in facts.get("inputs", [1])]
    if not takes_volumes(facts):
        images, (height_mm, width_mm) = [one.image for one in inputs], stack.spacing_mm[-2:]
        size, kind = network["size_px"], settings["preparation"]
        return network_input(first, images, size, kind, (height_mm, width_mm))
    preparation = VolumePreparation.of(settings["volumes"], network["patch"], len(inputs))
    name = settings["volumes"].get("organ")
    organ = None if name is None else stripped[facts["channels"].index(str(name))].image
    try:
        return volume_input(first, inputs, preparation, stack.spacing_mm, organ)
    except UserError as fault:
        hint = "correct the image, or resample it"
        raise error("volume_preparation", str(fault), "a volume as in training", hint) from None
