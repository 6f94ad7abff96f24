"""Focal loss."""

from keras import KerasTensor, ops

from tumorseg.losses.bce import log_probability


def focal(
    y_true: KerasTensor, y_pred: KerasTensor, alpha: float = 0.25, gamma: float = 2.0
) -> KerasTensor:
    """-alpha_t (1-p_t)^gamma ln p_t, averaged over each case's pixels: one value a case, (batch,).

    alpha_t = alpha where y = 1, else 1 - alpha; p_t = p where y = 1, else 1 - p.
    y_true: truth in {0, 1}; y_pred: probability in [0, 1]; both (batch, ..., 1).
    Source: Lin et al. 2017, eq. 5; the 2025 study uses alpha .6. gamma 0 and alpha .5 is bce / 2.
    """
    y = ops.cast(y_true, "float32")
    p = ops.cast(y_pred, "float32")
    p_t = y * p + (1.0 - y) * (1.0 - p)
    alpha_t = y * alpha + (1.0 - y) * (1.0 - alpha)
    values = -alpha_t * ops.power(1.0 - p_t, gamma) * log_probability(p_t)
    return ops.mean(ops.reshape(values, (ops.shape(values)[0], -1)), axis=1)
