"""Dice plus cross-entropy loss, with which most published pipelines train."""

from keras import KerasTensor

from tumorseg.loss_kit.constants import Switch
from tumorseg.loss_kit.parts import case_loss, probability
from tumorseg.losses.bce import bce
from tumorseg.losses.dice import dice


@case_loss(one_hot=True)
def dice_ce(
    y_true: KerasTensor,
    y_pred: KerasTensor,
    background: Switch = True,
    class_sum: Switch = False,
    from_logits: Switch = False,
) -> KerasTensor:
    """dice + bce.

    Args:
        y_true: 0 and 1 (several classes: one-hot), (batch, ..., channels).
        y_pred: probabilities, or logits with from_logits, of the same shape.
        background: several classes: whether class 0 counts in dice.
        class_sum: several classes: whether dice sums them instead of averaging.
        from_logits: whether y_pred holds logits.

    Returns:
        One value per case, (batch,).

    Source: Isensee et al. 2021 (nnU-Net), who write the Dice part as -DSC, which differs by 1.

    Example, one case of four pixels:

    >>> import numpy as np
    >>> truth = np.array([1, 0, 0, 0]).reshape(1, 4, 1)
    >>> prediction = np.array([0.7, 0.3, 0.1, 0.1]).reshape(1, 4, 1)
    >>> round(float(dice_ce(truth, prediction)[0]), 4)
    0.5947
    """
    region = dice(y_true, probability(y_pred, from_logits), background, class_sum)
    return region + bce(y_true, y_pred, from_logits)
