"""Dice plus focal loss."""

from keras import KerasTensor

from tumorseg.loss_kit.constants import ClassShare, Focus, Switch
from tumorseg.loss_kit.parts import case_loss, probability
from tumorseg.losses.dice import dice
from tumorseg.losses.focal import focal


@case_loss(one_hot=True)
def dice_focal(
    y_true: KerasTensor,
    y_pred: KerasTensor,
    alpha: ClassShare = 0.25,
    gamma: Focus = 2.0,
    background: Switch = True,
    class_sum: Switch = False,
    from_logits: Switch = False,
) -> KerasTensor:
    """dice + focal.

    Args:
        y_true: 0 and 1 (several classes: one-hot), (batch, ..., channels).
        y_pred: probabilities, or logits with from_logits, of the same shape.
        alpha: as in focal.
        gamma: as in focal.
        background: as in dice.
        class_sum: as in dice.
        from_logits: whether y_pred holds logits.

    Returns:
        One value per case, (batch,).

    Source: Zhu et al. 2019 (AnatomyNet), eq. 3 with lambda 1.

    Example, one case of four pixels:

    >>> import numpy as np
    >>> truth = np.array([1, 0, 0, 0]).reshape(1, 4, 1)
    >>> prediction = np.array([0.7, 0.3, 0.1, 0.1]).reshape(1, 4, 1)
    >>> round(float(dice_focal(truth, prediction)[0]), 4)
    0.3721
    """
    region = dice(y_true, probability(y_pred, from_logits), background, class_sum)
    return region + focal(y_true, y_pred, alpha, gamma, from_logits)
