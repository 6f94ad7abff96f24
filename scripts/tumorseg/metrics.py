"""Overlap of two masks: confusion counts and the six metrics made of them.

A ratio of nothing by nothing is undefined: it is NaN, and whoever averages counts the NaNs beside
the mean. With that one rule every convention for empty masks follows: both empty leaves Dice, IoU,
precision and recall undefined; only the truth empty gives Dice, IoU and precision 0 and no recall;
only the prediction empty gives Dice, IoU and recall 0 and no precision.
"""

from typing import NamedTuple

import numpy as np

METRICS = ("accuracy", "dice", "precision", "recall", "specificity", "iou")


class Counts(NamedTuple):
    """Pixels by truth and prediction: true/false positives and negatives."""

    tp: int
    fp: int
    fn: int
    tn: int


def count(truth: np.ndarray, prediction: np.ndarray) -> Counts:
    """Confusion counts of two masks of one shape, non-zero meaning tumour.

    Raises ValueError where the shapes differ.
    """
    if truth.shape != prediction.shape:
        raise ValueError(f"masks differ in shape: {truth.shape} and {prediction.shape}")
    truth, prediction = truth != 0, prediction != 0
    tp = int(np.count_nonzero(truth & prediction))
    fp = int(np.count_nonzero(prediction)) - tp
    fn = int(np.count_nonzero(truth)) - tp
    return Counts(tp, fp, fn, truth.size - tp - fp - fn)


def ratio(part: float, whole: float) -> float:
    """part / whole, NaN where the whole is 0."""
    return part / whole if whole else float("nan")


def overlap(counts: Counts) -> dict[str, float]:
    """The metrics in METRICS as fractions, NaN where undefined; also for counts summed over cases.

    dice = 2 TP / (2 TP + FP + FN), which is F1; iou = TP / (TP + FP + FN);
    precision = TP / (TP + FP); recall = TP / (TP + FN), also called sensitivity;
    specificity = TN / (TN + FP);
    accuracy = (TP + TN) / all (Shafiei et al. 2025, "Evaluation metrics").
    """
    tp, fp, fn, tn = counts
    return {
        "accuracy": ratio(tp + tn, tp + fp + fn + tn),
        "dice": ratio(2 * tp, 2 * tp + fp + fn),
        "precision": ratio(tp, tp + fp),
        "recall": ratio(tp, tp + fn),
        "specificity": ratio(tn, tn + fp),
        "iou": ratio(tp, tp + fp + fn),
    }
