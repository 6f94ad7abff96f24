"""The simplified Combo loss with which the 2021 paper trained."""

from keras import KerasTensor

from tumorseg.loss_kit.constants import Switch
from tumorseg.loss_kit.parts import case_loss
from tumorseg.losses.dice_ce import dice_ce

SAME_TRAINING_AS = "dice_ce"


@case_loss(one_hot=True)
def combo_simple(
    y_true: KerasTensor,
    y_pred: KerasTensor,
    background: Switch = True,
    class_sum: Switch = False,
    from_logits: Switch = False,
) -> KerasTensor:
    """CE - DSC: dice_ce minus 1 (minus the number of classes where they are summed).

    Its gradient is that of dice_ce, so both give the same training: a comparison may contain only
    one of them.

    Args:
        y_true: 0 and 1 (several classes: one-hot), (batch, ..., channels).
        y_pred: probabilities, or logits with from_logits, of the same shape.
        background: several classes: whether class 0 counts.
        class_sum: several classes: whether they are summed, as the papers print it, instead of
            averaged.
        from_logits: whether y_pred holds logits.

    Returns:
        One value per case, (batch,).

    Source: 2021 paper, eq. 18.

    Example, one case of four pixels:

    >>> import numpy as np
    >>> truth = np.array([1, 0, 0, 0]).reshape(1, 4, 1)
    >>> prediction = np.array([0.7, 0.3, 0.1, 0.1]).reshape(1, 4, 1)
    >>> round(float(combo_simple(truth, prediction)[0]), 4)
    -0.4053
    """
    channels = y_true.shape[-1]
    counted = channels - (channels > 1 and not background) if class_sum else 1
    return dice_ce(y_true, y_pred, background, class_sum, from_logits) - float(counted)
