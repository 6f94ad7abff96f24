"""IoU (Jaccard) loss."""

from keras import KerasTensor

from tumorseg.loss_kit.constants import Switch
from tumorseg.loss_kit.parts import case_loss, over_classes, tversky_gap


@case_loss
def iou(
    y_true: KerasTensor, y_pred: KerasTensor, background: Switch = True, class_sum: Switch = False
) -> KerasTensor:
    """1 - (TP + s)/(TP + FN + FP + s), s = 1e-6, sums over a case.

    background, class_sum: of several classes, whether class 0 counts, and whether classes are
    summed instead of averaged.
    y_true: 0 and 1 (one-hot), y_pred: probabilities, both (batch, ..., channels). Returns (batch,).
    Source: Rahman & Wang 2016, eq. 5. With D the dice loss, this is 2D / (1 + D) for s = 0.
    """
    return over_classes(tversky_gap(y_true, y_pred, 1.0, 1.0), background, class_sum)
