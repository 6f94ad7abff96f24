"""Cosine Tversky loss."""

import math

from keras import KerasTensor, ops

from tumorseg.loss_kit.constants import Focus, Share, Switch
from tumorseg.loss_kit.parts import case_loss, over_classes, safe_power, tversky_gap


@case_loss(one_hot=True)
def cosine_tversky(
    y_true: KerasTensor,
    y_pred: KerasTensor,
    delta: Share = 0.7,
    gamma: Focus = 1.0,
    background: Switch = True,
    class_sum: Switch = False,
) -> KerasTensor:
    """cos^gamma(pi/2 TI), TI as in tversky; computed as sin^gamma(pi/2 (1 - TI)).

    The gradient is 0 where nothing is right (TI = 0), so a training may not start from there.

    Args:
        y_true: 0 and 1 (several classes: one-hot), (batch, ..., channels).
        y_pred: probabilities, of the same shape.
        delta: weight of false negatives.
        gamma: the exponent.
        background: several classes: whether class 0 counts.
        class_sum: several classes: whether they are summed, as the papers print it, instead of
            averaged.

    Returns:
        One value per case, (batch,).

    Source: 2021 paper, eq. 15. The authors' first code was inverted: it fell as the error grew.

    Example, one case of four pixels:

    >>> import numpy as np
    >>> truth = np.array([1, 0, 0, 0]).reshape(1, 4, 1)
    >>> prediction = np.array([0.7, 0.3, 0.1, 0.1]).reshape(1, 4, 1)
    >>> round(float(cosine_tversky(truth, prediction)[0]), 4)
    0.5085
    """
    gap = tversky_gap(y_true, y_pred, delta, 1.0 - delta)
    return over_classes(safe_power(ops.sin(math.pi / 2 * gap), gamma), background, class_sum)
