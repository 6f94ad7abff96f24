"""Binary cross-entropy."""

from keras import KerasTensor, ops

EPSILON = 1e-7


def log_probability(p: KerasTensor) -> KerasTensor:
    """ln p, finite at p = 0 with a non-zero gradient there, and exactly 0 at p = 1."""
    return ops.log((1.0 - EPSILON) * p + EPSILON)


def bce(y_true: KerasTensor, y_pred: KerasTensor) -> KerasTensor:
    """-[y ln p + (1-y) ln(1-p)], averaged over each case's pixels: one value a case, (batch,).

    y_true: truth in {0, 1}; y_pred: probability in [0, 1]; both (batch, ..., 1).
    Source: the 2025 study, "Binary Cross-Entropy loss function"; its formula lacks the bracket.
    """
    y = ops.cast(y_true, "float32")
    p = ops.cast(y_pred, "float32")
    values = -(y * log_probability(p) + (1.0 - y) * log_probability(1.0 - p))
    return ops.mean(ops.reshape(values, (ops.shape(values)[0], -1)), axis=1)
