"""The classes of an exported model: which voxels are predicted as which, and label maps of them."""

from collections.abc import Mapping, Sequence

import numpy as np

from tumorseg.evaluation.classes import likeliest
from tumorseg.evaluation.probabilities import foreground
from tumorseg.prediction.records import ModelClass, ModelFacts


def classes_of(facts: ModelFacts) -> list[ModelClass]:
    """The classes in the order of the network's outputs; one without a name is `tumour`."""
    if "classes" in facts:
        return facts["classes"]
    name = facts.get("class_name", "tumour")
    return [{"name": name, "label": 1, "threshold": facts["threshold"]}]


def is_exclusive(facts: ModelFacts) -> bool:
    """Whether a voxel is predicted as the likeliest of several classes."""
    return len(classes_of(facts)) > 1 and bool(facts["network"].get("exclusive"))


def class_masks(quantised: np.ndarray, facts: ModelFacts) -> np.ndarray:
    """Masks (classes, ...), uint8 0/1, of stored probabilities of the same shape.

    The same decision as where the experiment's own predictions are measured.
    """
    if is_exclusive(facts):
        return np.stack(likeliest(list(quantised))).astype(np.uint8)
    thresholds = [one["threshold"] for one in classes_of(facts)]
    masks = [foreground(own, at) for own, at in zip(quantised, thresholds, strict=True)]
    return np.stack(masks).astype(np.uint8)


def nested_labels(classes: Mapping[str, Sequence[str]]) -> dict[str, int]:
    """The label of each class in one label map, in the order in which the classes are painted.

    Classes that have a label in common must lie inside one another. The label of a class is the
    only one of its own that no smaller class inside it has; the classes with most labels come
    first, as in nnU-Net's regions_class_order. Empty where there are no such labels, or one is no
    number from 1 to 255. classes: name -> labels.

    >>> nested_labels({"core": ["1", "4"], "whole": ["1", "2", "4"], "enhancing": ["4"]})
    {'whole': 2, 'core': 1, 'enhancing': 4}
    """
    sets = {name: frozenset(labels) for name, labels in classes.items()}
    found: dict[str, int] = {}
    for name in sorted(sets, key=lambda name: -len(sets[name])):
        others = [other for key, other in sets.items() if key != name and other & sets[name]]
        smaller = [other for other in others if other < sets[name]]
        own = sets[name].difference(*smaller)
        if len(own) != 1 or not all(other in smaller or sets[name] < other for other in others):
            return {}
        (label,) = own
        if not label.isdecimal() or not 0 < int(label) < 256 or int(label) in found.values():
            return {}
        found[name] = int(label)
    return found


def label_map(
    masks: np.ndarray, classes: Sequence[ModelClass], order: Sequence[str] = ()
) -> np.ndarray:
    """The labels, uint8, of masks (classes, ...); 0 is background.

    order: where masks may overlap, the names of the classes as they are painted, one over another.
    """
    names = [one["name"] for one in classes]
    labels = np.zeros(masks.shape[1:], np.uint8)
    for number in map(names.index, order or names):
        labels[masks[number] > 0] = classes[number]["label"]
    return labels


def decision(facts: ModelFacts) -> str:
    """How probabilities become masks, in words."""
    fixed = facts.get("threshold_fixed")
    if "classes" not in facts:
        return (
            f"A pixel is predicted as {classes_of(facts)[0]['name']} if the networks' mean "
            f"probability is above {facts['threshold']}. This is the mean of the thresholds that "
            "the networks' validation patients chose; the experiment's fixed threshold was "
            f"{fixed}."
        )
    if is_exclusive(facts):
        labels = ", ".join(f"{one['label']} {one['name']}" for one in classes_of(facts))
        return (
            "A pixel is predicted as the class that is likeliest by the networks' mean "
            f"probability, or as background. Label maps hold: 0 background, {labels}."
        )
    thresholds = ", ".join(f"{one['name']} {one['threshold']}" for one in classes_of(facts))
    primary, chosen = facts["primary_class"], "the mean of those that the networks' validation"
    text = f"That of {primary} is {chosen} patients chose, others are the experiment's fixed one."
    if primary == "mean":
        text = f"It is {chosen} patients chose for the mean over all classes."
    if "thresholds" in facts["members"][0]:  # models exported before have none of each class
        text = f"Each is {chosen} patients chose for the class."
    if order := facts.get("label_order"):
        label_of = {one["name"]: one["label"] for one in classes_of(facts)}
        named = ", ".join(f"{label_of[name]} {name}" for name in order)
        text += f" Label maps hold: 0 background, {named}, painted in this order."
    return (
        "A pixel is predicted as of a class if the networks' mean probability is above the class's "
        f"threshold: {thresholds}. {text}"
    )
