"""The parts of losses: logarithms, powers, sums over a case and over classes. keras.ops only.

y is the truth, p the probability of the same shape (batch, ..., channels): one channel is binary
(sigmoid), several are classes (one-hot, softmax; class 0 is the background).
"""

import inspect
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

import numpy as np
from keras import KerasTensor, backend, ops

from tumorseg.loss_kit.constants import kind
from tumorseg.loss_kit.input_checks import check_number_type, check_shapes, check_values

EPSILON = 1e-7  # below it logarithms and roots continue as straight lines
INFINITY = float("inf")
SMOOTH = 1e-6  # keeps the index of an empty mask defined


def case_loss(
    function: Callable | None = None, *, targets: int = 0, one_hot: bool = False
) -> Callable:
    """Decorator: adds input checks and several classes to a function of (y, p, constants).

    The function gives one value per case. Checks constants (against the range of their type),
    number types and shapes in every call, and values (NaN, labels other than 0 and 1,
    probabilities outside [0, 1]) in eager calls; a wrong one raises ValueError, or TypeError where
    it is not made of numbers. Computes in float32, or in float64 where p is float64.
    targets: the number of channels of y_true for each class in addition to its mask; they follow
        the masks of all classes: mask 0, mask 1, ..., addition 0, addition 1, ...
    one_hot: whether the function itself computes several classes. Otherwise it is the formula of
        one class, and of several each is compared with all others: the result is their mean, or
        what the function's constants `background` and `class_sum` say (over_classes).
    """
    if function is None:
        return lambda decorated: case_loss(decorated, targets=targets, one_hot=one_hot)
    signature = inspect.signature(function)
    name = function.__name__

    @wraps(function)
    def loss(y_true: Any, y_pred: Any, *positional: Any, **constants: Any) -> KerasTensor:
        bound = signature.bind(y_true, y_pred, *positional, **constants)
        for constant, value in list(bound.arguments.items())[2:]:
            allowed = kind(signature.parameters[constant].annotation)
            complaint = allowed.complaint(value) if allowed else None
            if complaint:
                raise ValueError(f"{name}: {constant} {complaint}")
        check_number_type(name, "y_true", y_true)
        check_number_type(name, "y_pred", y_pred)
        given = backend.standardize_dtype(getattr(y_pred, "dtype", "float32"))
        dtype = "float64" if given == "float64" else "float32"
        p = ops.convert_to_tensor(y_pred, dtype=given)
        p = _widened(p) if given == "float16" else ops.cast(p, dtype)
        y = ops.cast(ops.convert_to_tensor(y_true, dtype=dtype), dtype)
        check_shapes(name, y.shape, p.shape, targets)
        check_values(name, y, p, bound.arguments.get("from_logits", False))
        if one_hot or p.shape[-1] == 1:
            return function(y, p, *positional, **constants)
        bound.apply_defaults()
        settings = dict(list(bound.arguments.items())[2:])
        if settings.get("from_logits"):
            p, settings["from_logits"] = probability(p, True), False
        values = [function(*pair, **settings) for pair in each_class(y, p)]
        flags = settings.get("background", True), settings.get("class_sum", False)
        return over_classes(ops.stack(values, axis=1), *flags)

    return loss


@ops.custom_gradient
def _widened(p: KerasTensor) -> tuple[KerasTensor, Callable]:
    """float16 to float32; a gradient beyond float16's range becomes its largest number."""

    def gradient(*given: KerasTensor, upstream: KerasTensor | None = None) -> KerasTensor:
        incoming = given[0] if upstream is None else upstream
        return ops.cast(ops.clip(incoming, -65504.0, 65504.0), "float16")

    return ops.cast(p, "float32"), gradient


def safe_log(x: KerasTensor) -> KerasTensor:
    """ln x; below EPSILON its tangent there: finite at 0, with a non-zero gradient."""
    return ops.log(ops.clip(x, EPSILON, INFINITY)) + ops.clip(x / EPSILON - 1.0, -INFINITY, 0.0)


def safe_power(x: KerasTensor, exponent: Any) -> KerasTensor:
    """x^exponent for x >= 0; below EPSILON the straight line to 0.

    The gradient of a root thereby stays finite at 0. exponent: a number or a tensor, at least 0.
    """
    if isinstance(exponent, int | float) and (exponent >= 1 or exponent == 0):
        return ops.power(x, exponent) if exponent else ops.ones_like(x)
    line = ops.clip(x / EPSILON, -INFINITY, 1.0)
    return ops.power(ops.clip(x, EPSILON, INFINITY), exponent) * line


def probability(y_pred: KerasTensor, from_logits: bool) -> KerasTensor:
    """A network's output as probabilities: unchanged, or its sigmoid (one channel) or softmax."""
    if not from_logits:
        return y_pred
    return ops.sigmoid(y_pred) if y_pred.shape[-1] == 1 else ops.softmax(y_pred, axis=-1)


def of_true_class(y: KerasTensor, p: KerasTensor) -> KerasTensor:
    """p_t, the probability of each pixel's true class, (batch, ..., 1)."""
    if p.shape[-1] == 1:
        return y * p + (1.0 - y) * (1.0 - p)
    return ops.sum(y * p, axis=-1, keepdims=True)


def true_class_and_log(
    y: KerasTensor, y_pred: KerasTensor, from_logits: bool
) -> tuple[KerasTensor, KerasTensor]:
    """p_t and ln p_t, both (batch, ..., 1); from logits, ln p_t stays finite at any logit."""
    p_t = of_true_class(y, probability(y_pred, from_logits))
    if not from_logits:
        return p_t, safe_log(p_t)
    if y_pred.shape[-1] == 1:
        return p_t, ops.log_sigmoid((2.0 * y - 1.0) * y_pred)
    return p_t, ops.sum(y * ops.log_softmax(y_pred, axis=-1), axis=-1, keepdims=True)


def class_weight(y: KerasTensor, weights: Any) -> KerasTensor:
    """Each pixel's weight, (batch, ..., 1).

    Binary: a number a is the weight of y = 1, and 1 - a that of y = 0. Several classes: a number
    is the weight of all, a sequence has one weight per class.
    Raises ValueError where the sequence has the wrong length.
    """
    channels = y.shape[-1]
    if isinstance(weights, Sequence):
        if len(weights) != max(2, channels):
            raise ValueError(f"{len(weights)} class weights for {max(2, channels)} classes")
        if channels == 1:
            return y * weights[1] + (1.0 - y) * weights[0]
        by_class = ops.convert_to_tensor(np.array(weights, float), dtype=y.dtype)
        return ops.sum(y * by_class, axis=-1, keepdims=True)
    if channels == 1:
        return y * weights + (1.0 - y) * (1.0 - weights)
    return weights * ops.sum(y, axis=-1, keepdims=True)


def foreground(y: KerasTensor) -> KerasTensor:
    """Where any class but the background is, (batch, ..., 1)."""
    return y if y.shape[-1] == 1 else 1.0 - y[..., :1]


def foreground_weight(y: KerasTensor, weight: float) -> KerasTensor:
    """Each pixel's weight, (batch, ..., 1): `weight` on all but class 0, which has 1 - `weight`."""
    others = y.shape[-1] - 1
    return class_weight(y, [1.0 - weight] + [weight] * others if others else weight)


def case_mean(values: KerasTensor) -> KerasTensor:
    """(batch, ...) to (batch,): the mean over all but the batch."""
    return ops.mean(values, axis=list(range(1, len(values.shape))))


def case_sum(values: KerasTensor) -> KerasTensor:
    """(batch, ..., channels) to (batch, channels): the sum over a case's pixels.

    Of several channels axis by axis: in one go TensorFlow adds a million pixels one after another,
    which costs float32 two of its seven digits.
    """
    if values.shape[-1] == 1:
        return ops.sum(values, axis=list(range(1, len(values.shape) - 1)))
    while len(values.shape) > 2:
        values = ops.sum(values, axis=-2)
    return values


def tversky_gap(y: KerasTensor, p: KerasTensor, miss: float, false: float) -> KerasTensor:
    """1 - (TP + s)/(TP + miss FN + false FP + s) of each case and channel, (batch, channels).

    Computed as (miss FN + false FP) / (...), which is the same but never negative and exact near 0.
    """
    wrong = miss * case_sum(y * (1.0 - p)) + false * case_sum((1.0 - y) * p)
    return wrong / (case_sum(y * p) + wrong + SMOOTH)


def over_classes(values: KerasTensor, background: bool, class_sum: bool) -> KerasTensor:
    """(batch, channels) to (batch,): the mean over classes, or their sum as the papers print it.

    background: whether class 0 counts; a single channel always counts.
    """
    if values.shape[-1] > 1 and not background:
        values = values[:, 1:]
    return ops.sum(values, axis=1) if class_sum else ops.mean(values, axis=1)


def each_class(y: Any, p: Any) -> list[tuple[Any, Any]]:
    """The truth (batch, ..., 1 + targets) and prediction (batch, ..., 1) of each channel of p."""
    channels = p.shape[-1]
    return [(y[..., k::channels], p[..., k : k + 1]) for k in range(channels)]
