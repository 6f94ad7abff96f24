"""Weighted binary cross-entropy loss: a weight on the tumour."""

from collections.abc import Iterable

import numpy as np
from keras import KerasTensor

from tumorseg.loss_kit.constants import Switch, Weight
from tumorseg.loss_kit.parts import case_loss, case_mean, true_class_and_log


def constants_from(masks: Iterable[np.ndarray]) -> dict[str, float]:
    """The default weight: background over foreground pixels of the training masks (0/1)."""
    counts = [(int(np.count_nonzero(mask)), mask.size) for mask in masks]
    foreground, pixels = (sum(column) for column in zip(*counts, strict=True))
    return {"weight": (pixels - foreground) / max(1, foreground)}


@case_loss
def wbce(
    y_true: KerasTensor, y_pred: KerasTensor, weight: Weight = 1.0, from_logits: Switch = False
) -> KerasTensor:
    """-[w y ln p + (1-y) ln(1-p)], averaged over each case's pixels; binary.

    Weight 1 is bce.

    Args:
        y_true: 0 and 1, (batch, ..., 1), 2-D or 3-D.
        y_pred: probabilities, or logits with from_logits, of the same shape.
        weight: w; the workflow sets it to background over foreground of the training cases unless
            the config gives a value.
        from_logits: whether y_pred holds logits.

    Returns:
        One value per case, (batch,).

    Source: Xie & Tu 2015, eq. 2; Ho & Wookey 2019, eq. 3.

    Example, one case of four pixels:

    >>> import numpy as np
    >>> truth = np.array([1, 0, 0, 0]).reshape(1, 4, 1)
    >>> prediction = np.array([0.7, 0.3, 0.1, 0.1]).reshape(1, 4, 1)
    >>> round(float(wbce(truth, prediction, weight=3)[0]), 4)
    0.4094
    """
    log_p_t = true_class_and_log(y_true, y_pred, from_logits)[1]
    return case_mean(-(1.0 + (weight - 1.0) * y_true) * log_p_t)
