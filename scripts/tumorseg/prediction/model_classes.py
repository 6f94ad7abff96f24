"""The classes of an exported model: which voxels are predicted as which, and label maps of them."""

from collections.abc import Sequence

import numpy as np

from tumorseg.evaluation.classes import likeliest
from tumorseg.evaluation.probabilities import foreground
from tumorseg.prediction.records import ModelClass, ModelFacts


def classes_of(facts: ModelFacts) -> list[ModelClass]:
    """The classes in the order of the network's outputs; one without a name is `tumour`."""
    if "classes" in facts:
        return facts["classes"]
    return [{"name": "tumour", "label": 1, "threshold": facts["threshold"]}]


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


def label_map(masks: np.ndarray, classes: Sequence[ModelClass]) -> np.ndarray:
    """The labels, uint8, of masks (classes, ...) of which no two overlap; 0 is background."""
    labels = np.zeros(masks.shape[1:], np.uint8)
    for mask, one in zip(masks, classes, strict=True):
        labels[mask > 0] = one["label"]
    return labels


def decision(facts: ModelFacts) -> str:
    """How probabilities become masks, in words."""
    fixed = facts.get("threshold_fixed")
    if "classes" not in facts:
        return (
            f"A pixel is predicted as tumour if the networks' mean probability is above "
            f"{facts['threshold']}. This is the mean of the thresholds that the networks' "
            f"validation patients chose; the experiment's fixed threshold was {fixed}."
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
    return (
        "A pixel is predicted as of a class if the networks' mean probability is above the class's "
        f"threshold: {thresholds}. {text}"
    )
