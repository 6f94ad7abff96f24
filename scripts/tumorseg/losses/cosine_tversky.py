"""Cosine Tversky loss."""

import math

from keras import KerasTensor, ops

from tumorseg.loss_kit.constants import Focus, Share, Switch
from tumorseg.loss_kit.parts import case_loss, over_classes, safe_power, tversky_gap


@case_loss
def cosine_tversky(
    y_true: KerasTensor,
    y_pred: KerasTensor,
    delta: Share = 0.7,
    gamma: Focus = 1.0,
    background: Switch = True,
    class_sum: Switch = False,
) -> KerasTensor:
    """cos^gamma(pi/2 TI), TI as in tversky; computed as sin^gamma(pi/2 (1 - TI)).

    Flat where nothing is right (TI = 0) as where all is: a training may not get away from there.
    y_true: 0 and 1 (one-hot), y_pred: probabilities, both (batch, ..., channels). Returns (batch,).
    Source: 2021 paper, eq. 15. The authors' first code was inverted: it fell with the error.
    """
    gap = tversky_gap(y_true, y_pred, delta, 1.0 - delta)
    return over_classes(safe_power(ops.sin(math.pi / 2 * gap), gamma), background, class_sum)
