"""Focal Tversky loss."""

from keras import KerasTensor

from tumorseg.loss_kit.constants import Root, Share, Switch
from tumorseg.loss_kit.parts import case_loss, over_classes, safe_power, tversky_gap


@case_loss(one_hot=True)
def focal_tversky(
    y_true: KerasTensor,
    y_pred: KerasTensor,
    delta: Share = 0.7,
    gamma: Root = 4 / 3,
    background: Switch = True,
    class_sum: Switch = False,
) -> KerasTensor:
    """(1 - TI)^(1/gamma), TI as in tversky.

    gamma 1 is tversky. With gamma above 1 nearly perfect cases have a large gradient. By the
    formula the gradient at TI = 1 is infinite; within 1e-7 of TI = 1 it is made finite, and
    elsewhere the loss is exact.

    Args:
        y_true: 0 and 1 (several classes: one-hot), (batch, ..., channels).
        y_pred: probabilities, of the same shape.
        delta: weight of false negatives.
        gamma: the inverse of the exponent.
        background: several classes: whether class 0 counts.
        class_sum: several classes: whether they are summed, as the papers print it, instead of
            averaged.

    Returns:
        One value per case, (batch,).

    Source: Abraham & Khan 2019, eq. 4; 2021 paper, eq. 14.

    Example, one case of four pixels:

    >>> import numpy as np
    >>> truth = np.array([1, 0, 0, 0]).reshape(1, 4, 1)
    >>> prediction = np.array([0.7, 0.3, 0.1, 0.1]).reshape(1, 4, 1)
    >>> round(float(focal_tversky(truth, prediction)[0]), 4)
    0.4449
    """
    gap = tversky_gap(y_true, y_pred, delta, 1.0 - delta)
    return over_classes(safe_power(gap, 1.0 / gamma), background, class_sum)
