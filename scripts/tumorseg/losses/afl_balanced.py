"""Adaptive focal loss with the class weights the right way round: ours."""

import math

from keras import KerasTensor, ops

from tumorseg.loss_kit.constants import Switch
from tumorseg.loss_kit.parts import case_loss
from tumorseg.losses.afl_paper import adaptive_focal, adaptive_gamma, share


@case_loss
def afl_balanced(
    y_true: KerasTensor,
    y_pred: KerasTensor,
    class_balance: Switch = True,
    volume: Switch = True,
    smoothness: Switch = True,
    from_logits: Switch = False,
) -> KerasTensor:
    """mean[-alpha_t (1-p_t)^gamma ln p_t], alpha_t = background share where y = 1, else foreground.

    Shares are at least one pixel, so that an empty or full mask still teaches. Switches, gamma,
    shapes and source as in afl_paper; all off is bce.
    """
    weight = ops.ones_like(y_true)
    if class_balance:
        pixel = 1.0 / math.prod(y_true.shape[1:])
        foreground = ops.clip(share(y_true), pixel, 1.0 - pixel)
        weight = y_true * (1.0 - foreground) + (1.0 - y_true) * foreground
    gamma = adaptive_gamma(y_true, volume, smoothness)
    return adaptive_focal(y_true, y_pred, weight, gamma, from_logits)
