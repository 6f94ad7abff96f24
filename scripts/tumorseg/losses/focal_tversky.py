"""Focal Tversky loss."""

from keras import KerasTensor

from tumorseg.loss_kit.constants import Root, Share, Switch
from tumorseg.loss_kit.parts import case_loss, over_classes, safe_power, tversky_gap


@case_loss
def focal_tversky(
    y_true: KerasTensor,
    y_pred: KerasTensor,
    delta: Share = 0.7,
    gamma: Root = 4 / 3,
    background: Switch = True,
    class_sum: Switch = False,
) -> KerasTensor:
    """(1 - TI)^(1/gamma), TI as in tversky.

    gamma above 1 gives much of its slope to nearly perfect cases; the slope at TI = 1, infinite by
    the formula, is made finite within 1e-7 of it, and the loss is exact elsewhere.
    y_true: 0 and 1 (one-hot), y_pred: probabilities, both (batch, ..., channels). Returns (batch,).
    Source: Abraham & Khan 2019, eq. 4; 2021 paper, eq. 14. gamma 1 is tversky.
    """
    gap = tversky_gap(y_true, y_pred, delta, 1.0 - delta)
    return over_classes(safe_power(gap, 1.0 / gamma), background, class_sum)
