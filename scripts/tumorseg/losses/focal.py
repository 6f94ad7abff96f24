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


@case_loss(one_hot=True)
def focal(
    y_true: KerasTensor,
    y_pred: KerasTensor,
    alpha: ClassShare = 0.25,
    gamma: Focus = 2.0,
    from_logits: Switch = False,
) -> KerasTensor:
    """-alpha_t (1-p_t)^gamma ln p_t, averaged over each case's pixels.

    p_t: the probability of the true class. gamma 0 with alpha .5 is bce / 2.

    Args:
        y_true: 0 and 1 (several classes: one-hot), (batch, ..., channels).
        y_pred: probabilities, or logits with from_logits, of the same shape.
        alpha: binary: alpha_t is alpha where y = 1, else 1 - alpha; several classes: one number for
            all, or a list with one per class.
        gamma: the exponent; a larger one reduces the share of pixels that are already right.
        from_logits: whether y_pred holds logits.

    Returns:
        One value per case, (batch,).

    Source: Lin et al. 2017, eq. 5; the 2025 study uses alpha .6. The 2021 paper's eq. 6 has alpha
    for alpha_t, its eq. 7 one alpha per class.

    Example, one case of four pixels:

    >>> import numpy as np
    >>> truth = np.array([1, 0, 0, 0]).reshape(1, 4, 1)
    >>> prediction = np.array([0.7, 0.3, 0.1, 0.1]).reshape(1, 4, 1)
    >>> round(float(focal(truth, prediction)[0]), 4)
    0.0084
    """
    p_t, log_p_t = true_class_and_log(y_true, y_pred, from_logits)
    weight = class_weight(y_true, alpha)
    return case_mean(-weight * safe_power(1.0 - p_t, gamma) * log_p_t)
