"""IoU (Jaccard) loss."""

from keras import KerasTensor

from tumorseg.loss_kit.constants import Switch
from tumorseg.loss_kit.parts import case_loss, over_classes, tversky_gap


@case_loss(one_hot=True)
def iou(
    y_true: KerasTensor, y_pred: KerasTensor, background: Switch = True, class_sum: Switch = False
) -> KerasTensor:
    """1 - (TP + s)/(TP + FN + FP + s), s = 1e-6, sums over a case.

    With D the dice loss, this is 2D / (1 + D) for s = 0.

    Args:
        y_true: 0 and 1 (several classes: one-hot), (batch, ..., channels).
        y_pred: probabilities, of the same shape.
        background: several classes: whether class 0 counts.
        class_sum: several classes: whether they are summed instead of averaged.

    Returns:
        One value per case, (batch,).

    Source: Rahman & Wang 2016, eq. 5.

    Example, one case of four pixels:

    >>> import numpy as np
    >>> truth = np.array([1, 0, 0, 0]).reshape(1, 4, 1)
    >>> prediction = np.array([0.7, 0.3, 0.1, 0.1]).reshape(1, 4, 1)
    >>> round(float(iou(truth, prediction)[0]), 4)
    0.5333
    """
    return over_classes(tversky_gap(y_true, y_pred, 1.0, 1.0), background, class_sum)
