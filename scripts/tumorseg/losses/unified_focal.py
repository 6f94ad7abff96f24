"""Unified focal loss, symmetric and asymmetric."""

from keras import KerasTensor, ops

from tumorseg.loss_kit.constants import Share, Switch
from tumorseg.loss_kit.parts import (
    case_loss,
    case_mean,
    class_weight,
    probability,
    safe_power,
    true_class_and_log,
    tversky_gap,
)


@case_loss
def unified_focal(
    y_true: KerasTensor,
    y_pred: KerasTensor,
    lamda: Share = 0.5,
    delta: Share = 0.6,
    gamma: Share = 0.5,
    asymmetric: Switch = False,
    from_logits: Switch = False,
) -> KerasTensor:
    """lambda F + (1-lambda) T over two classes, tumour and background; binary.

    F = mean[delta_t (1-p_t)^gamma (-ln p_t)], delta_t = delta where y = 1, else 1 - delta. T = mean
    over both classes of (1 - TI_c)^(1-gamma), delta on the false negatives of each class.

    Args:
        y_true: 0 and 1, (batch, ..., 1), 2-D or 3-D.
        y_pred: probabilities, or logits with from_logits, of the same shape.
        lamda: weight of F.
        delta: weight of the tumour in F and of false negatives in T.
        gamma: the exponent in F; T has 1 - gamma.
        asymmetric: whether (1-p_t)^gamma applies to background pixels only, and the exponent 1 -
            gamma to the tumour's index only.
        from_logits: whether y_pred holds logits.

    Returns:
        One value per case, (batch,).

    Source: Yeung et al. 2022, eqs. 13 to 17 as in their code: gamma on the focal factor and 1 -
    gamma on the index. The paper prints the two the other way round, which is the same at gamma .5.

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
        factor = y_true + (1.0 - y_true) * factor
    focal_part = case_mean(-class_weight(y_true, delta) * factor * log_p_t)

    p = probability(y_pred, from_logits)
    tumour = tversky_gap(y_true, p, delta, 1.0 - delta)
    background = tversky_gap(1.0 - y_true, 1.0 - p, delta, 1.0 - delta)
    if not asymmetric:
        background = safe_power(background, 1.0 - gamma)
    both = ops.concatenate([background, safe_power(tumour, 1.0 - gamma)], axis=1)
    return lamda * focal_part + (1.0 - lamda) * ops.mean(both, axis=1)
