"""Dice plus focal loss."""

from keras import KerasTensor

from tumorseg.loss_kit.constants import ClassShare, Focus, Switch
from tumorseg.loss_kit.parts import case_loss, probability
from tumorseg.losses.dice import dice
from tumorseg.losses.focal import focal


@case_loss
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

    alpha, gamma: as in focal; background, class_sum: as in dice. y_true: 0 and 1 (one-hot), y_pred:
    probabilities or logits, both (batch, ..., channels). Returns (batch,).
    Source: Zhu et al. 2019 (AnatomyNet), eq. 3 with lambda 1.
    """
    region = dice(y_true, probability(y_pred, from_logits), background, class_sum)
    return region + focal(y_true, y_pred, alpha, gamma, from_logits)
