"""Cross-entropy loss: binary, and categorical for several classes."""

from keras import KerasTensor

from tumorseg.loss_kit.constants import Switch
from tumorseg.loss_kit.parts import case_loss, case_mean, true_class_and_log


@case_loss(one_hot=True)
def bce(y_true: KerasTensor, y_pred: KerasTensor, from_logits: Switch = False) -> KerasTensor:
    """-ln p_t, averaged over each case's pixels; p_t is the probability of the true class.

    Of a binary mask this is -[y ln p + (1-y) ln(1-p)].

    Args:
        y_true: 0 and 1 (several classes: one-hot), (batch, ..., channels).
        y_pred: probabilities, or logits with from_logits, of the same shape.
        from_logits: whether y_pred holds logits.

    Returns:
        One value per case, (batch,).

    Source: the 2025 study's BCE, whose printed formula lacks the bracket; 2021 paper, eqs. 1, 2 and
    5 (eq. 2 sums over classes, and one of its terms is not zero).

    Example, one case of four pixels:

    >>> import numpy as np
    >>> truth = np.array([1, 0, 0, 0]).reshape(1, 4, 1)
    >>> prediction = np.array([0.7, 0.3, 0.1, 0.1]).reshape(1, 4, 1)
    >>> round(float(bce(truth, prediction)[0]), 4)
    0.231
    """
    return case_mean(-true_class_and_log(y_true, y_pred, from_logits)[1])
