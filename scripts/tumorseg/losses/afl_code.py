"""Adaptive focal loss as its authors' released code computes it."""

from keras import KerasTensor, ops

from tumorseg.loss_kit.constants import Switch
from tumorseg.loss_kit.parts import case_loss
from tumorseg.losses.afl_paper import adaptive_focal, adaptive_gamma, share


@case_loss
def afl_code(
    y_true: KerasTensor,
    y_pred: KerasTensor,
    class_balance: Switch = True,
    volume: Switch = True,
    smoothness: Switch = True,
    from_logits: Switch = False,
) -> KerasTensor:
    """mean[-alpha_t (1-p_t)^gamma ln p_t], alpha_t = foreground share where y = 1, else background.

    It weighs the tumour down by its own small share: kept to show the effect. Switches, gamma,
    shapes and source as in afl_paper; all off is bce.
    """
    foreground = share(y_true)
    weight = ops.ones_like(y_true)
    if class_balance:
        weight = y_true * foreground + (1.0 - y_true) * (1.0 - foreground)
    gamma = adaptive_gamma(y_true, volume, smoothness)
    return adaptive_focal(y_true, y_pred, weight, gamma, from_logits)
