"""Tversky loss: Dice with separate weights for what is missed and what is false."""

from keras import KerasTensor

from tumorseg.loss_kit.constants import Share, Switch
from tumorseg.loss_kit.parts import case_loss, over_classes, tversky_gap


@case_loss
def tversky(
    y_true: KerasTensor,
    y_pred: KerasTensor,
    delta: Share = 0.7,
    background: Switch = True,
    class_sum: Switch = False,
) -> KerasTensor:
    """1 - TI, TI = (TP + s)/(TP + delta FN + (1-delta) FP + s), s = 1e-6, sums over a case.

    delta: weight of false negatives. background, class_sum: of several classes, whether class 0
    counts, and whether classes are summed (as the paper prints) instead of averaged.
    y_true: 0 and 1 (one-hot), y_pred: probabilities, both (batch, ..., channels). Returns (batch,).
    Source: Salehi et al. 2017, eq. 3 (beta there); 2021 paper, eqs. 12 and 13, which print .7 on
    the false positives, against its own text that false negatives weigh more. delta .5 is dice.
    """
    return over_classes(tversky_gap(y_true, y_pred, delta, 1.0 - delta), background, class_sum)
