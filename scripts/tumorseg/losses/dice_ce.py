"""Dice plus cross-entropy: what most published pipelines train with."""

from keras import KerasTensor

from tumorseg.loss_kit.constants import Switch
from tumorseg.loss_kit.parts import case_loss, probability
from tumorseg.losses.bce import bce
from tumorseg.losses.dice import dice


@case_loss
def dice_ce(
    y_true: KerasTensor,
    y_pred: KerasTensor,
    background: Switch = True,
    class_sum: Switch = False,
    from_logits: Switch = False,
) -> KerasTensor:
    """dice + bce.

    background, class_sum: as in dice. y_true: 0 and 1 (one-hot), y_pred: probabilities or logits,
    both (batch, ..., channels). Returns (batch,).
    Source: Isensee et al. 2021 (nnU-Net), who write the Dice part as -DSC: the same but for a 1.
    """
    region = dice(y_true, probability(y_pred, from_logits), background, class_sum)
    return region + bce(y_true, y_pred, from_logits)
