"""Weighted cross-entropy loss: a weight on the tumour, or on each class."""

from collections.abc import Iterable, Sequence

import numpy as np
from keras import KerasTensor

from tumorseg.loss_kit.constants import ClassWeight, Switch
from tumorseg.loss_kit.parts import (
    case_loss,
    case_mean,
    class_weight,
    foreground,
    true_class_and_log,
)


def constants_from(masks: Iterable[np.ndarray], form: str = "binary") -> dict[str, ClassWeight]:
    """The default weights: background over foreground pixels of the training masks (0/1).

    Overlapping: so for each class, all pixels outside it being its background. Exclusive: pixels of
    the background over those of each class; the background has weight 1. A class without a pixel
    has weight 1.
    masks: one case after another, (..., channels); exclusive: with the background in front.
    """
    counts = [(np.count_nonzero(m.reshape(-1, m.shape[-1]), axis=0), m[..., 0].size) for m in masks]
    inside, pixels = (sum(column) for column in zip(*counts, strict=True))
    outside = inside[0] if form == "exclusive" else pixels - inside
    weights = np.where(inside > 0, outside / np.maximum(1, inside), 1.0).tolist()
    return {"weight": weights[0] if form == "binary" else weights}


@case_loss(one_hot=True)
def wbce(
    y_true: KerasTensor, y_pred: KerasTensor, weight: ClassWeight = 1.0, from_logits: Switch = False
) -> KerasTensor:
    """-[w y ln p + (1-y) ln(1-p)], averaged over each case's pixels; several classes: -w_t ln p_t.

    Weight 1 is bce.

    Args:
        y_true: 0 and 1 (several classes: one-hot), (batch, ..., channels).
        y_pred: probabilities, or logits with from_logits, of the same shape.
        weight: w, the weight of all but class 0, which has 1; or a list with one number per class,
            class 0 included. The workflow sets it from the training cases (constants_from) unless
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
    if isinstance(weight, Sequence):
        return case_mean(-class_weight(y_true, weight) * log_p_t)
    return case_mean(-(1.0 + (weight - 1.0) * foreground(y_true)) * log_p_t)
