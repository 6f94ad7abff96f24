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
    background: Switch = True,
    class_sum: Switch = False,
    from_logits: Switch = False,
) -> KerasTensor:
    """mean[-alpha_t (1-p_t)^gamma ln p_t], alpha_t = foreground share where y = 1, else background.

    It weighs the tumour by its own small share; it is kept to show the effect. With all three parts
    off this is bce.

    Args:
        y_true: 0 and 1 (several classes: one-hot), (batch, ..., channels).
        y_pred: probabilities, or logits with from_logits, of the same shape.
        class_balance: whether alpha_t are these shares; otherwise 1.
        volume: as in afl_paper.
        smoothness: as in afl_paper.
        background: as in afl_paper.
        class_sum: as in afl_paper.
        from_logits: whether y_pred holds logits.

    Returns:
        One value per case, (batch,).

    Source: the released code of the 2024 paper; gamma as in afl_paper.

    Example, one case of four pixels:

    >>> import numpy as np
    >>> truth = np.array([1, 0, 0, 0]).reshape(1, 4, 1)
    >>> prediction = np.array([0.7, 0.3, 0.1, 0.1]).reshape(1, 4, 1)
    >>> round(float(afl_code(truth, prediction)[0]), 4)
    0.0514
    """
    foreground = share(y_true)
    weight = ops.ones_like(y_true)
    if class_balance:
        weight = y_true * foreground + (1.0 - y_true) * (1.0 - foreground)
    gamma = adaptive_gamma(y_true, volume, smoothness)
    return adaptive_focal(y_true, y_pred, weight, gamma, from_logits)
