"""Adaptive focal loss as the 2024 paper prints it."""

from keras import KerasTensor, ops

from tumorseg.loss_kit.constants import Switch
from tumorseg.loss_kit.parts import case_loss, case_mean, safe_power, true_class_and_log


def _difference(y: KerasTensor, axis: int) -> KerasTensor:
    """Central differences along one axis, one-sided at its ends (numpy.gradient, spacing 1)."""
    size = y.shape[axis]
    if size < 2:
        return ops.zeros_like(y)

    def along(start: int, stop: int) -> KerasTensor:
        index = [slice(None)] * len(y.shape)
        index[axis] = slice(start, stop)
        return y[tuple(index)]

    inner = (along(2, size) - along(0, size - 2)) / 2.0
    ends = along(1, 2) - along(0, 1), along(size - 1, size) - along(size - 2, size - 1)
    return ops.concatenate([ends[0], inner, ends[1]], axis=axis)


def share(y: KerasTensor) -> KerasTensor:
    """Foreground share of each case, (batch, 1, ..., 1)."""
    return ops.mean(y, axis=list(range(1, len(y.shape))), keepdims=True)


def adaptive_gamma(y: KerasTensor, volume: bool, smoothness: bool) -> KerasTensor:
    """Foreground share + mean gradient magnitude of the mask, (batch, 1, ..., 1); eqs. 2 to 6."""
    axes = list(range(1, len(y.shape)))
    gamma = ops.zeros_like(share(y))
    if volume:
        gamma = gamma + share(y)
    if smoothness:
        squared = sum(ops.square(_difference(y, axis)) for axis in axes[:-1])
        gamma = gamma + ops.mean(ops.sqrt(squared), axis=axes, keepdims=True)
    return gamma


def adaptive_focal(
    y: KerasTensor, y_pred: KerasTensor, weight: KerasTensor, gamma: KerasTensor, from_logits: bool
) -> KerasTensor:
    """mean[-weight (1-p_t)^gamma ln p_t] of each case: the formula common to all three variants."""
    p_t, log_p_t = true_class_and_log(y, y_pred, from_logits)
    return case_mean(-weight * safe_power(1.0 - p_t, gamma) * log_p_t)


@case_loss
def afl_paper(
    y_true: KerasTensor,
    y_pred: KerasTensor,
    class_balance: Switch = True,
    volume: Switch = True,
    smoothness: Switch = True,
    background: Switch = True,
    class_sum: Switch = False,
    from_logits: Switch = False,
) -> KerasTensor:
    """-alpha mean[(1-p_t)^gamma ln p_t], alpha and gamma from each case's mask.

    With all three parts off this is bce. alpha weighs both classes alike, so it balances nothing.
    gamma is tiny (.0002 to .01 on real slices) and grows with the border's length: it lowers the
    loss of jagged tumours, contrary to the paper's claim. The paper has one class only; of several
    each is compared with all others, with its own alpha and gamma.

    Args:
        y_true: 0 and 1 (several classes: one-hot), (batch, ..., channels).
        y_pred: probabilities, or logits with from_logits, of the same shape.
        class_balance: whether alpha is the background's share of the pixels; otherwise 1.
        volume: whether gamma includes the foreground's share.
        smoothness: whether gamma includes the mean gradient magnitude of the mask.
        background: several classes: whether class 0 counts.
        class_sum: several classes: whether they are summed instead of averaged.
        from_logits: whether y_pred holds logits.

    Returns:
        One value per case, (batch,).

    Source: 2024 paper, eqs. 1 to 8; 7 and 8 lack the minus sign.

    Example, one case of four pixels:

    >>> import numpy as np
    >>> truth = np.array([1, 0, 0, 0]).reshape(1, 4, 1)
    >>> prediction = np.array([0.7, 0.3, 0.1, 0.1]).reshape(1, 4, 1)
    >>> round(float(afl_paper(truth, prediction)[0]), 4)
    0.0724
    """
    weight = 1.0 - share(y_true) if class_balance else ops.ones_like(share(y_true))
    gamma = adaptive_gamma(y_true, volume, smoothness)
    return adaptive_focal(y_true, y_pred, weight, gamma, from_logits)
