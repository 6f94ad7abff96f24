"""Focal loss."""

from keras import KerasTensor

from tumorseg.loss_kit.constants import ClassShare, Focus, Switch
from tumorseg.loss_kit.parts import (
    case_loss,
    case_mean,
    class_weight,
    safe_power,
    true_class_and_log,
)


@case_loss
def focal(
    y_true: KerasTensor,
    y_pred: KerasTensor,
    alpha: ClassShare = 0.25,
    gamma: Focus = 2.0,
    from_logits: Switch = False,
) -> KerasTensor:
    """-alpha_t (1-p_t)^gamma ln p_t, averaged over each case's pixels.

    alpha_t: binary, alpha where y = 1, else 1 - alpha; several classes, one number for all or one a
    class. p_t: the probability of the true class.
    y_true: 0 and 1 (one-hot), y_pred: probabilities or logits, both (batch, ..., channels).
    Returns (batch,). Source: Lin et al. 2017, eq. 5; the 2025 study uses alpha .6. The 2021 paper's
    eq. 6 has alpha for alpha_t, its eq. 7 one alpha a class. gamma 0 with alpha .5 is bce / 2.
    """
    p_t, log_p_t = true_class_and_log(y_true, y_pred, from_logits)
    weight = class_weight(y_true, alpha)
    return case_mean(-weight * safe_power(1.0 - p_t, gamma) * log_p_t)
