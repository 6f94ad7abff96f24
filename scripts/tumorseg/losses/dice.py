"""Dice loss."""

from keras import KerasTensor

from tumorseg.loss_kit.constants import Switch
from tumorseg.loss_kit.parts import case_loss, over_classes, tversky_gap


@case_loss(one_hot=True)
def dice(
    y_true: KerasTensor, y_pred: KerasTensor, background: Switch = True, class_sum: Switch = False
) -> KerasTensor:
    """1 - (TP + s)/(TP + FN/2 + FP/2 + s), s = 1e-6, sums over a case.

    Args:
        y_true: 0 and 1 (several classes: one-hot), (batch, ..., channels).
        y_pred: probabilities, of the same shape.
        background: several classes: whether class 0 counts.
        class_sum: several classes: whether they are summed, as the papers print it, instead of
            averaged.

    Returns:
        One value per case, (batch,).

    Source: 2021 paper, eqs. 10 and 11.

    Example, one case of four pixels:

    >>> import numpy as np
    >>> truth = np.array([1, 0, 0, 0]).reshape(1, 4, 1)
    >>> prediction = np.array([0.7, 0.3, 0.1, 0.1]).reshape(1, 4, 1)
    >>> round(float(dice(truth, prediction)[0]), 4)
    0.3636
    """
    return over_classes(tversky_gap(y_true, y_pred, 0.5, 0.5), background, class_sum)
