"""Tversky loss: Dice with separate weights for false negatives and false positives."""

from keras import KerasTensor

from tumorseg.loss_kit.constants import Share, Switch
from tumorseg.loss_kit.parts import case_loss, over_classes, tversky_gap


@case_loss(one_hot=True)
def tversky(
    y_true: KerasTensor,
    y_pred: KerasTensor,
    delta: Share = 0.7,
    background: Switch = True,
    class_sum: Switch = False,
) -> KerasTensor:
    """1 - TI, TI = (TP + s)/(TP + delta FN + (1-delta) FP + s), s = 1e-6, sums over a case.

    delta .5 is dice.

    Args:
        y_true: 0 and 1 (several classes: one-hot), (batch, ..., channels).
        y_pred: probabilities, of the same shape.
        delta: weight of false negatives.
        background: several classes: whether class 0 counts.
        class_sum: several classes: whether they are summed, as the papers print it, instead of
            averaged.

    Returns:
        One value per case, (batch,).

    Source: Salehi et al. 2017, eq. 3 (beta there); 2021 paper, eqs. 12 and 13, which print .7 on
    the false positives, although its text states that false negatives weigh more.

    Example, one case of four pixels:

    >>> import numpy as np
    >>> truth = np.array([1, 0, 0, 0]).reshape(1, 4, 1)
    >>> prediction = np.array([0.7, 0.3, 0.1, 0.1]).reshape(1, 4, 1)
    >>> round(float(tversky(truth, prediction)[0]), 4)
    0.3396
    """
    return over_classes(tversky_gap(y_true, y_pred, delta, 1.0 - delta), background, class_sum)
