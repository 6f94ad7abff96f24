"""The simplified Combo loss that the 2021 paper trained with."""

from keras import KerasTensor

from tumorseg.loss_kit.constants import Switch
from tumorseg.loss_kit.parts import case_loss
from tumorseg.losses.dice_ce import dice_ce

SAME_TRAINING_AS = "dice_ce"


@case_loss
def combo_simple(
    y_true: KerasTensor,
    y_pred: KerasTensor,
    background: Switch = True,
    class_sum: Switch = False,
    from_logits: Switch = False,
) -> KerasTensor:
    """CE - DSC: dice_ce less 1 (less the number of classes where they are summed).

    The same gradient as dice_ce, so the same training under another name: a comparison may hold
    only one of the two. y_true: 0 and 1 (one-hot), y_pred: probabilities or logits, both
    (batch, ..., channels). Returns (batch,). Source: 2021 paper, eq. 18.
    """
    channels = y_true.shape[-1]
    counted = channels - (channels > 1 and not background) if class_sum else 1
    return dice_ce(y_true, y_pred, background, class_sum, from_logits) - float(counted)
