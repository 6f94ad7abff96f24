"""Combo loss: weighted cross-entropy minus the Dice coefficient."""

from keras import KerasTensor

from tumorseg.loss_kit.constants import Share, Switch
from tumorseg.loss_kit.parts import (
    case_loss,
    case_mean,
    foreground_weight,
    probability,
    true_class_and_log,
)
from tumorseg.losses.dice import dice


@case_loss(one_hot=True)
def combo(
    y_true: KerasTensor,
    y_pred: KerasTensor,
    alpha: Share = 0.5,
    beta: Share = 0.5,
    background: Switch = True,
    from_logits: Switch = False,
) -> KerasTensor:
    """alpha mCE - (1-alpha) DSC, mCE = -mean[beta y ln p + (1-beta)(1-y) ln(1-p)]; may be negative.

    DSC = 1 - dice, the mean over classes.

    Args:
        y_true: 0 and 1 (several classes: one-hot), (batch, ..., channels).
        y_pred: probabilities, or logits with from_logits, of the same shape.
        alpha: weight of the cross-entropy.
        beta: weight of the foreground in the cross-entropy (several classes: of all but class 0).
        background: several classes: whether class 0 counts in DSC.
        from_logits: whether y_pred holds logits.

    Returns:
        One value per case, (batch,).

    Source: Taghanaki et al. 2019, eq. 3; 2021 paper, eqs. 16 and 17: eq. 17 prints t - ln p where t
    ln p is meant, and its minus sign belongs to both terms.

    Example, one case of four pixels:

    >>> import numpy as np
    >>> truth = np.array([1, 0, 0, 0]).reshape(1, 4, 1)
    >>> prediction = np.array([0.7, 0.3, 0.1, 0.1]).reshape(1, 4, 1)
    >>> round(float(combo(truth, prediction)[0]), 4)
    -0.2604
    """
    weight = foreground_weight(y_true, beta)
    cross_entropy = case_mean(-weight * true_class_and_log(y_true, y_pred, from_logits)[1])
    gap = dice(y_true, probability(y_pred, from_logits), background)
    return alpha * cross_entropy - (1.0 - alpha) * (1.0 - gap)
