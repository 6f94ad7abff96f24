"""Adaptive focal loss as the 2024 paper writes it."""

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
    """mean[-weight (1-p_t)^gamma ln p_t] of each case: the form that all three variants share."""
    p_t, log_p_t = true_class_and_log(y, y_pred, from_logits)
    return case_mean(-weight * safe_power(1.0 - p_t, gamma) * log_p_t)


@case_loss
def afl_paper(
    y_true: KerasTensor,
    y_pred: KerasTensor,
    class_balance: Switch = True,
    volume: Switch = True,
    smoothness: Switch = True,
    from_logits: Switch = False,
) -> KerasTensor:
    """-alpha mean[(1-p_t)^gamma ln p_t], alpha and gamma from each case's mask; binary.

    alpha = background share (class_balance off: 1); gamma = foreground share (volume) + mean
    gradient magnitude of the mask (smoothness), a part that is off counts 0. All off is bce.
    alpha weighs both classes alike, so it balances nothing. gamma is tiny (.0002 to .01 on real
    slices) and grows with the border's length, so it lowers the loss of jagged tumours, against
    the paper's claim.
    y_true: 0 and 1, y_pred: probabilities or logits, both (batch, ..., 1), 2-D or 3-D. Returns
    (batch,). Source: 2024 paper, eqs. 1 to 8; 7 and 8 lack the minus sign.
    """
    weight = 1.0 - share(y_true) if class_balance else ops.ones_like(share(y_true))
    gamma = adaptive_gamma(y_true, volume, smoothness)
    return adaptive_focal(y_true, y_pred, weight, gamma, from_logits)
