"""The simplified mixed focal loss that the 2021 paper trained with."""

from keras import KerasTensor

from tumorseg.loss_kit.constants import ClassShare, Focus, Root, Share, Switch
from tumorseg.loss_kit.parts import case_loss, probability
from tumorseg.losses.focal import focal
from tumorseg.losses.focal_tversky import focal_tversky


@case_loss
def mixed_focal_simple(
    y_true: KerasTensor,
    y_pred: KerasTensor,
    alpha: ClassShare = 0.25,
    delta: Share = 0.7,
    gamma_focal: Focus = 2.0,
    gamma_tversky: Root = 4 / 3,
    background: Switch = True,
    class_sum: Switch = False,
    from_logits: Switch = False,
) -> KerasTensor:
    """focal_tversky + focal.

    y_true: 0 and 1 (one-hot), y_pred: probabilities or logits, both (batch, ..., channels).
    Returns (batch,). Source: 2021 paper, eq. 24, with the constants of its section III.C.
    """
    region = probability(y_pred, from_logits)
    tversky_part = focal_tversky(y_true, region, delta, gamma_tversky, background, class_sum)
    return tversky_part + focal(y_true, y_pred, alpha, gamma_focal, from_logits)
