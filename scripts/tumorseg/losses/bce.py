"""Cross-entropy: binary, and categorical for several classes."""

from keras import KerasTensor

from tumorseg.loss_kit.constants import Switch
from tumorseg.loss_kit.parts import case_loss, case_mean, true_class_and_log


@case_loss
def bce(y_true: KerasTensor, y_pred: KerasTensor, from_logits: Switch = False) -> KerasTensor:
    """-ln p_t, averaged over each case's pixels: -[y ln p + (1-y) ln(1-p)] of a binary mask.

    y_true: 0 and 1 (one-hot), y_pred: probabilities or logits, both (batch, ..., channels).
    Returns (batch,). Source: the 2025 study's BCE, whose printed formula lacks the bracket; 2021
    paper, eqs. 1, 2 and 5 (eq. 2 sums over classes, and one of its terms is not zero).
    """
    return case_mean(-true_class_and_log(y_true, y_pred, from_logits)[1])
