"""Mixed focal loss: modified focal loss plus modified focal Dice loss."""

from keras import KerasTensor

from tumorseg.loss_kit.constants import Focus, Root, Share, Switch
from tumorseg.loss_kit.parts import (
    case_loss,
    case_mean,
    foreground_weight,
    probability,
    safe_power,
    true_class_and_log,
)
from tumorseg.losses.focal_tversky import focal_tversky


@case_loss(one_hot=True)
def mixed_focal(
    y_true: KerasTensor,
    y_pred: KerasTensor,
    lamda: Share = 0.5,
    alpha: Share = 0.25,
    beta: Share = 0.5,
    delta: Share = 0.7,
    gamma_focal: Focus = 2.0,
    gamma_dice: Root = 4 / 3,
    background: Switch = True,
    class_sum: Switch = False,
    from_logits: Switch = False,
) -> KerasTensor:
    """lambda mF + (1-lambda) mFD.

    mF = mean[beta_t alpha (1-p_t)^gamma_focal (-ln p_t)], beta_t = beta where y = 1, else 1 - beta
    (several classes: 1 - beta for class 0, beta for the others). mFD = (1 - mDSC)^(1/gamma_dice),
    which is focal_tversky. The paper gives no value of lamda, beta and delta: these defaults are
    ours.

    Args:
        y_true: 0 and 1 (several classes: one-hot), (batch, ..., channels).
        y_pred: probabilities, or logits with from_logits, of the same shape.
        lamda: weight of mF.
        alpha: factor of mF.
        beta: weight of the foreground in mF.
        delta: weight of false negatives in mDSC.
        gamma_focal: exponent of mF.
        gamma_dice: inverse of mFD's exponent.
        background: as in dice.
        class_sum: as in dice.
        from_logits: whether y_pred holds logits.

    Returns:
        One value per case, (batch,).

    Source: 2021 paper, eqs. 19 to 23: eq. 21 negates what is negated already, and eq. 22 has mD for
    mDSC.

    Example, one case of four pixels:

    >>> import numpy as np
    >>> truth = np.array([1, 0, 0, 0]).reshape(1, 4, 1)
    >>> prediction = np.array([0.7, 0.3, 0.1, 0.1]).reshape(1, 4, 1)
    >>> round(float(mixed_focal(truth, prediction)[0]), 4)
    0.2235
    """
    weight = foreground_weight(y_true, beta)
    p_t, log_p_t = true_class_and_log(y_true, y_pred, from_logits)
    focal_part = case_mean(-alpha * weight * safe_power(1.0 - p_t, gamma_focal) * log_p_t)
    region = probability(y_pred, from_logits)
    dice_part = focal_tversky(y_true, region, delta, gamma_dice, background, class_sum)
    return lamda * focal_part + (1.0 - lamda) * dice_part
