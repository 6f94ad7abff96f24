"""Checks a loss: check_loss("focal") runs the battery that every loss of the folder must pass."""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import keras
import numpy as np

from tumorseg.core.backend import value_and_gradient
from tumorseg.loss_kit.keras_loss import CaseLoss

SHAPES = {"2-D": (4, 12, 10, 1), "3-D": (4, 6, 5, 4, 1)}


def check_loss(
    name: str, checks: Iterable[Callable[[CaseLoss], None]] | None = None, **constants: Any
) -> dict[str, str]:
    """Runs checks on a loss; returns check -> "passed" or what is wrong.

    name: the file in losses/. checks: by default all CHECKS, which take some seconds.
    constants: those that differ from the loss's defaults. Runs on the Keras backend in use.

    >>> check_loss("focal", [order_of_cases_does_not_matter, wrong_input_is_rejected], gamma=1)
    {'order_of_cases_does_not_matter': 'passed', 'wrong_input_is_rejected': 'passed'}
    """
    loss = CaseLoss(name, constants)
    results = {}
    for check in CHECKS if checks is None else checks:
        try:
            check(loss)
            results[check.__name__] = "passed"
        except Exception as error:  # whatever the loss raises is the check's result
            results[check.__name__] = f"{type(error).__name__}: {error}"
    return results


def _require(condition: Any, complaint: str) -> None:
    if not np.all(condition):
        raise AssertionError(complaint)


def _case(seed: int, shape: tuple[int, ...] = SHAPES["2-D"]) -> tuple[np.ndarray, np.ndarray]:
    """Masks with one box each, and probabilities away from 0 and 1; float64."""
    random = np.random.default_rng(seed)
    masks = np.zeros(shape)
    for mask in masks:
        corner = [int(random.integers(0, side // 2)) for side in shape[1:-1]]
        size = [int(random.integers(2, side // 2 + 1)) for side in shape[1:-1]]
        mask[tuple(slice(c, c + s) for c, s in zip(corner, size, strict=True))] = 1
    return masks, random.uniform(0.02, 0.98, shape)


def _values(loss: CaseLoss, masks: np.ndarray, p: np.ndarray) -> np.ndarray:
    return keras.ops.convert_to_numpy(loss.call(_truth(loss, masks, p.dtype), p))


def _truth(loss: CaseLoss, masks: np.ndarray, dtype: Any = np.float32) -> np.ndarray:
    """The loss's y_true, at least float32: float16 holds neither distances nor long sums."""
    wide = np.float64 if dtype == np.float64 else np.float32
    return loss.targets(masks).astype(wide)


def one_value_per_case(loss: CaseLoss) -> None:
    """(batch, ..., 1) gives (batch,), in 2-D and 3-D, in float32 and float64."""
    for shape in SHAPES.values():
        for dtype in (np.float32, np.float64):
            masks, p = _case(1, shape)
            values = _values(loss, masks, p.astype(dtype))
            _require(values.shape == shape[:1], f"shape {values.shape}, not {shape[:1]}")
            _require(np.isfinite(values), "a value is not finite")


def truth_is_the_minimum(loss: CaseLoss) -> None:
    """No prediction costs less than the truth."""
    for seed in range(5):
        masks, p = _case(seed)
        best = _values(loss, masks, masks)
        for share in (0.0, 0.5, 0.99, 0.9999):
            other = _values(loss, masks, share * masks + (1 - share) * p)
            _require(best <= other + 1e-7, f"{other} costs less than the truth's {best}")


def gradient_matches_differences(loss: CaseLoss) -> None:
    """The gradient equals central differences in float64, to 1e-5 of its largest value.

    On JAX and PyTorch to 2e-2, because Keras rounds float64 to float32 there.
    """
    exact = keras.backend.backend() == "tensorflow"
    width, tolerance = (1e-6, 1e-5) if exact else (5e-3, 2e-2)
    for shape in SHAPES.values():
        masks, p = _case(3, (2, *shape[1:]))
        p = p if exact else 0.2 + 0.6 * p
        truth = _truth(loss, masks, p.dtype)
        gradient = value_and_gradient(partial(loss.call, truth), p)[1]
        random = np.random.default_rng(4)
        for index in map(tuple, random.integers(0, p.shape, (12, p.ndim))):
            step = np.zeros_like(p)
            step[index] = width
            above, below = _values(loss, masks, p + step), _values(loss, masks, p - step)
            rise = (above - below).sum() / (2 * width)
            error = abs(rise - gradient[index]) / np.abs(gradient).max()
            _require(error < tolerance, f"gradient {gradient[index]:.8g}, difference {rise:.8g}")


def order_of_cases_does_not_matter(loss: CaseLoss) -> None:
    """Cases in another order have the same values."""
    masks, p = _case(5)
    order = [2, 0, 3, 1]
    same = _values(loss, masks[order], p[order]) == _values(loss, masks, p)[order]
    _require(same, "a value changed with the order of the cases")


def cases_are_independent(loss: CaseLoss) -> None:
    """The value of a case is the same alone and in a batch."""
    masks, p = _case(6)
    alone = [_values(loss, masks[i : i + 1], p[i : i + 1])[0] for i in range(len(p))]
    _require(
        np.isclose(alone, _values(loss, masks, p), rtol=1e-6),
        "the value of a case depends on the other cases of its batch",
    )


def worse_predictions_never_cost_less(loss: CaseLoss) -> None:
    """From the truth to its opposite in a straight line, the loss never falls."""
    masks, _ = _case(7)
    path = [_values(loss, masks, (1 - t) * masks + t * (1 - masks)) for t in np.linspace(0, 1, 41)]
    _require(np.diff(path, axis=0) >= -1e-6, "the loss falls as the prediction gets worse")
    _require(path[-1] > path[0], "the opposite of the truth costs no more than the truth")


def finite_at_0_and_1(loss: CaseLoss) -> None:
    """Value and gradient are finite for p of 0 and 1, empty and full masks, in three precisions.

    A wrong p of exactly 0 or 1 still has a gradient towards the truth.
    """
    for kind in ("float32", "float16", "bfloat16"):
        for masks in (_case(8)[0], np.zeros(SHAPES["2-D"]), np.ones(SHAPES["2-D"])):
            truth = _truth(loss, masks)
            for p in (masks, 1 - masks, np.full_like(masks, 0.5)):

                def function(x: Any, y: np.ndarray = truth, kind: str = kind) -> Any:
                    return loss.call(y, keras.ops.cast(x, kind))

                values, gradient = value_and_gradient(function, p.astype(np.float32))
                _require(np.isfinite(values), f"value {values} in {kind}")
                _require(np.isfinite(gradient), f"a gradient is not finite in {kind}")
    masks, p = _case(9)
    wrong = p > 0.7
    prediction = np.where(wrong, 1 - masks, masks).astype(np.float32)
    gradient = value_and_gradient(partial(loss.call, _truth(loss, masks)), prediction)[1]
    _require(
        (gradient * (1 - 2 * masks))[wrong] > 0, "a wrong 0 or 1 has no gradient towards the truth"
    )


def float32_is_exact_on_large_images(loss: CaseLoss) -> None:
    """A 2048 x 2048 image in float32 has the value it has in float64, to 1e-5."""
    random = np.random.default_rng(10)
    masks = np.zeros((1, 2048, 2048, 1))
    masks[0, 300:420, 500:700] = 1
    p = random.uniform(0.01, 0.1, masks.shape) + 0.8 * masks
    exact = _values(loss, masks, p)
    rounded = _values(loss, masks, p.astype(np.float32))
    _require(np.isclose(rounded, exact, rtol=1e-5), f"{rounded} in float32, {exact} in float64")


def wrong_input_is_rejected(loss: CaseLoss) -> None:
    """Shapes, 0/255 labels, NaN and probabilities outside [0, 1] raise ValueError."""
    masks, p = _case(11)
    truth = _truth(loss, masks, p.dtype)
    nan = p.copy()
    nan[0, 0, 0] = np.nan
    labels = truth.copy()
    labels[..., :1] *= 255
    for y, x, what in (
        (truth[:, :-1], p, "another height"),
        (truth[..., 0], p[..., 0].reshape(4, -1, 1), "no channel"),
        (labels, p, "0/255 labels"),
        (truth, nan, "NaN"),
        (truth, p + 1, "probabilities above 1"),
        (truth, p - 1, "probabilities below 0"),
    ):
        try:
            loss.call(y, x)
        except ValueError:
            continue
        raise AssertionError(f"accepts {what}")


def survives_serialisation(loss: CaseLoss) -> None:
    """The loss that Keras serialises and builds again has the same values."""
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(loss))
    masks, p = _case(12)
    _require(
        _values(again, masks, p) == _values(loss, masks, p),
        "the deserialised loss has other values",
    )


def training_lowers_it(loss: CaseLoss) -> None:
    """Fifty steps of Adam on the logits halve the loss's distance to its minimum."""
    masks, _ = _case(13)
    truth = _truth(loss, masks)
    logits = np.random.default_rng(14).normal(0, 0.5, masks.shape).astype(np.float32)
    first = _values(loss, masks, 1 / (1 + np.exp(-logits)))
    mean: np.ndarray = np.zeros_like(logits)  # of the gradient, as in Adam
    mean_square: np.ndarray = np.zeros_like(logits)
    for step in range(1, 51):
        p = 1 / (1 + np.exp(-logits))
        gradient = value_and_gradient(partial(loss.call, truth), p)[1] * p * (1 - p)
        mean = 0.9 * mean + 0.1 * gradient
        mean_square = 0.999 * mean_square + 0.001 * gradient**2
        change = mean / (1 - 0.9**step) / (np.sqrt(mean_square / (1 - 0.999**step)) + 1e-12)
        logits = logits - np.float32(0.2) * change.astype(np.float32)
    last, best = _values(loss, masks, 1 / (1 + np.exp(-logits))), _values(loss, masks, masks)
    _require(
        last - best < 0.5 * (first - best),
        f"falls from {first} to {last} only; the minimum is {best}",
    )


CHECKS = (
    one_value_per_case,
    truth_is_the_minimum,
    gradient_matches_differences,
    order_of_cases_does_not_matter,
    cases_are_independent,
    worse_predictions_never_cost_less,
    finite_at_0_and_1,
    float32_is_exact_on_large_images,
    wrong_input_is_rejected,
    survives_serialisation,
    training_lowers_it,
)
