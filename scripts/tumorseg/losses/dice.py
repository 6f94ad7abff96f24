"""Dice loss."""

from keras import KerasTensor

from tumorseg.loss_kit.constants import Switch
from tumorseg.loss_kit.parts import case_loss, over_classes, tversky_gap


@case_loss
def dice(
    y_true: KerasTensor, y_pred: KerasTensor, background: Switch = True, class_sum: Switch = False
) -> KerasTensor:
    """1 - (TP + s)/(TP + FN/2 + FP/2 + s), s = 1e-6, sums over a case.

    background, class_sum: of several classes, whether class 0 counts, and whether classes are
    summed (as the paper prints) instead of averaged.
    y_true: 0 and 1 (one-hot), y_pred: probabilities, both (batch, ..., channels). Returns (batch,).
    Source: 2021 paper, eqs. 10 and 11.
    """
    return over_classes(tversky_gap(y_true, y_pred, 0.5, 0.5), background, class_sum)
