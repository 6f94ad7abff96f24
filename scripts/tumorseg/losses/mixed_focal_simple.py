"""The simplified mixed focal loss with which the 2021 paper trained."""

from keras import KerasTensor

from tumorseg.loss_kit.constants import ClassShare, Focus, Root, Share, Switch
from tumorseg.loss_kit.parts import case_loss, probability
from tumorseg.losses.focal import focal
from tumorseg.losses.focal_tversky import focal_tversky


@case_loss(one_hot=True)
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

    Args:
        y_true: 0 and 1 (several classes: one-hot), (batch, ..., channels).
        y_pred: probabilities, or logits with from_logits, of the same shape.
        alpha: as in focal.
        delta: weight of false negatives in focal_tversky.
        gamma_focal: gamma of focal.
        gamma_tversky: gamma of focal_tversky.
        background: as in focal_tversky.
        class_sum: as in focal_tversky.
        from_logits: whether y_pred holds logits.

    Returns:
        One value per case, (batch,).

    Source: 2021 paper, eq. 24, with the constants of its section III.C.

    Example, one case of four pixels:

    >>> import numpy as np
    >>> truth = np.array([1, 0, 0, 0]).reshape(1, 4, 1)
    >>> prediction = np.array([0.7, 0.3, 0.1, 0.1]).reshape(1, 4, 1)
    >>> round(float(mixed_focal_simple(truth, prediction)[0]), 4)
    0.4533
    """
    region = probability(y_pred, from_logits)
    tversky_part = focal_tversky(y_true, region, delta, gamma_tversky, background, class_sum)
    return tversky_part + focal(y_true, y_pred, alpha, gamma_focal, from_logits)
