"""Overlap of two masks: confusion counts and the six metrics computed from them.

0/0 is undefined and given as NaN; every mean reports how many values were NaN. All conventions for
empty masks follow from this rule: if both masks are empty, Dice, IoU, precision and recall are
undefined; if only the truth is empty, Dice, IoU and precision are 0 and recall is undefined; if
only the prediction is empty, Dice, IoU and recall are 0 and precision is undefined.
"""

import math
from typing import NamedTuple

import numpy as np

from tumorseg.masks import as_mask

METRICS = ("accuracy", "dice", "precision", "recall", "specificity", "iou")


class Counts(NamedTuple):
    """Number of pixels by truth and prediction: true/false positives and negatives."""

    tp: int
    fp: int
    fn: int
    tn: int


def count(truth: np.ndarray, prediction: np.ndarray) -> Counts:
    """Confusion counts of two masks of the same shape: booleans, or 0 and one other number.

    Raises ValueError if the shapes differ or a mask has other values (NaN, probabilities, several
    labels), and TypeError if it does not hold booleans or numbers.

    >>> truth = np.array([[1, 1, 0], [0, 0, 0]])
    >>> prediction = np.array([[0, 1, 1], [0, 0, 0]])
    >>> count(truth, prediction)
    Counts(tp=1, fp=1, fn=1, tn=3)
    """
    shapes = np.shape(truth), np.shape(prediction)
    if shapes[0] != shapes[1]:
        raise ValueError(f"masks differ in shape: {shapes[0]} and {shapes[1]}")
    truth, prediction = as_mask("truth", truth), as_mask("prediction", prediction)
    tp = int(np.count_nonzero(truth & prediction))
    fp = int(np.count_nonzero(prediction)) - tp
    fn = int(np.count_nonzero(truth)) - tp
    return Counts(tp, fp, fn, truth.size - tp - fp - fn)


def ratio(numerator: float, denominator: float) -> float:
    """numerator / denominator, NaN if the denominator is 0.

    >>> ratio(1, 4), ratio(0, 0)
    (0.25, nan)
    """
    return numerator / denominator if denominator else float("nan")


def overlap(counts: Counts) -> dict[str, float]:
    """The metrics in METRICS as fractions, NaN where undefined.

    The counts (`count`) may be those of one case or sums over cases. Raises TypeError for counts
    that are not four numbers, ValueError for negative or undefined ones.

    dice = 2 TP / (2 TP + FP + FN), which is F1; iou = TP / (TP + FP + FN);
    precision = TP / (TP + FP); recall = TP / (TP + FN), also called sensitivity;
    specificity = TN / (TN + FP);
    accuracy = (TP + TN) / all (Shafiei et al. 2025, "Evaluation metrics").

    >>> metrics = overlap(Counts(tp=1, fp=1, fn=1, tn=3))
    >>> metrics["dice"], metrics["specificity"]
    (0.5, 0.75)
    >>> overlap(Counts(tp=0, fp=0, fn=2, tn=4))["precision"]  # nothing was predicted
    nan
    """
    tp, fp, fn, tn = _checked(counts)
    return {
        "accuracy": ratio(tp + tn, tp + fp + fn + tn),
        "dice": ratio(2 * tp, 2 * tp + fp + fn),
        "precision": ratio(tp, tp + fp),
        "recall": ratio(tp, tp + fn),
        "specificity": ratio(tn, tn + fp),
        "iou": ratio(tp, tp + fp + fn),
    }


def _checked(counts: Counts) -> Counts:
    """The counts, if they can be counts of pixels."""
    numbers = np.asarray(counts)
    if numbers.shape != (4,) or numbers.dtype.kind not in "iuf":
        raise TypeError(f"overlap needs the four counts tp, fp, fn, tn, not {counts!r}")
    if not all(math.isfinite(number) and number >= 0 for number in counts):
        raise ValueError(f"counts of pixels must be at least 0 and finite, not {tuple(counts)}")
    return counts
