"""Unified focal loss, symmetric and asymmetric."""

from keras import KerasTensor, ops

from tumorseg.loss_kit.constants import Share, Switch
from tumorseg.loss_kit.parts import (
    case_loss,
    case_mean,
    foreground,
    foreground_weight,
    over_classes,
    probability,
    safe_power,
    true_class_and_log,
    tversky_gap,
)


@case_loss(one_hot=True)
def unified_focal(
    y_true: KerasTensor,
    y_pred: KerasTensor,
    lamda: Share = 0.5,
    delta: Share = 0.6,
    gamma: Share = 0.5,
    asymmetric: Switch = False,
    background: Switch = True,
    class_sum: Switch = False,
    from_logits: Switch = False,
) -> KerasTensor:
    """lambda F + (1-lambda) T over the background and one or several other classes.

    F = mean[delta_t (1-p_t)^gamma (-ln p_t)], delta_t = 1 - delta on the background, else delta. T
    = mean over all classes of (1 - TI_c)^(1-gamma), delta on the false negatives of each class. One
    channel stands for two classes, tumour and background: both count.

    Args:
        y_true: 0 and 1 (several classes: one-hot), (batch, ..., channels).
        y_pred: probabilities, or logits with from_logits, of the same shape.
        lamda: weight of F.
        delta: weight of the tumour (several classes: of all but class 0) in F and of false
            negatives in T.
        gamma: the exponent in F; T has 1 - gamma.
        asymmetric: whether (1-p_t)^gamma applies to background pixels only, and the exponent 1 -
            gamma to the other classes' indices only.
        background: several classes: whether class 0 counts in T.
        class_sum: several classes: whether T sums them instead of averaging.
        from_logits: whether y_pred holds logits.

    Returns:
        One value per case, (batch,).

    Source: Yeung et al. 2022, eqs. 13 to 17 as in their code: gamma on the focal factor and 1 -
    gamma on the index. The paper prints the two the other way round, which is the same at gamma .5.
    Several classes as the authors compute them for KiTS (issue 8 of their repository).

    Example, one case of four pixels:

    >>> import numpy as np
    >>> truth = np.array([1, 0, 0, 0]).reshape(1, 4, 1)
    >>> prediction = np.array([0.7, 0.3, 0.1, 0.1]).reshape(1, 4, 1)
    >>> round(float(unified_focal(truth, prediction)[0]), 4)
    0.2709
    """
    p_t, log_p_t = true_class_and_log(y_true, y_pred, from_logits)
    factor = safe_power(1.0 - p_t, gamma)
    if asymmetric:
        others = foreground(y_true)
        factor = others + (1.0 - others) * factor
    focal_part = case_mean(-foreground_weight(y_true, delta) * factor * log_p_t)

    p = probability(y_pred, from_logits)
    gaps = tversky_gap(y_true, p, delta, 1.0 - delta)
    if y_true.shape[-1] == 1:
        first, rest = tversky_gap(1.0 - y_true, 1.0 - p, delta, 1.0 - delta), gaps
        background, class_sum = True, False
    else:
        first, rest = gaps[:, :1], gaps[:, 1:]
    if not asymmetric:
        first = safe_power(first, 1.0 - gamma)
    every = ops.concatenate([first, safe_power(rest, 1.0 - gamma)], axis=1)
    return lamda * focal_part + (1.0 - lamda) * over_classes(every, background, class_sum)
