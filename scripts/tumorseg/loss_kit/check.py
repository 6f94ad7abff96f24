"""One battery that every loss of the folder passes: check_loss("focal"), one's own included."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from tumorseg.core.device import value_and_gradient
from tumorseg.loss_kit.keras_loss import CaseLoss

Loss = Callable[[np.ndarray, np.ndarray], Any]
SHAPES = {"2-D": (4, 12, 10, 1), "3-D": (4, 6, 5, 4, 1)}


def check_loss(name: str, **constants: Any) -> dict[str, str]:
    """Runs every check on a loss of the folder; check -> "passed" or what was found wrong.

    name: the file in losses/; constants: other than its defaults. Runs on Keras' backend.
    """
    loss = CaseLoss(name, constants)
    found = {}
    for check in CHECKS:
        try:
            check(loss)
            found[check.__name__] = "passed"
        except Exception as error:  # a check's finding, whatever the loss did
            found[check.__name__] = f"{type(error).__name__}: {error}"
    return found


def _demand(condition: Any, complaint: str) -> None:
    if not np.all(condition):
        raise AssertionError(complaint)


def _case(seed: int, shape: tuple[int, ...] = SHAPES["2-D"]) -> tuple[np.ndarray, np.ndarray]:
    """Masks with a box each, and probabilities away from 0 and 1; float64."""
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
    """y_true as the loss wants it; float16 holds neither distances nor long sums."""
    wide = np.float64 if dtype == np.float64 else np.float32
    return loss.targets(masks).astype(wide)


def one_value_a_case(loss: CaseLoss) -> None:
    """(batch, ..., 1) to (batch,), in 2-D and 3-D, in float32 and float64."""
    for shape in SHAPES.values():
        for dtype in (np.float32, np.float64):
            masks, p = _case(1, shape)
            values = _values(loss, masks, p.astype(dtype))
            _demand(values.shape == shape[:1], f"shape {values.shape}, not {shape[:1]}")
            _demand(np.isfinite(values), "a value is not finite")


def perfect_is_the_minimum(loss: CaseLoss) -> None:
    """No prediction costs less than the truth itself."""
    for seed in range(5):
        masks, p = _case(seed)
        best = _values(loss, masks, masks)
        for share in (0.0, 0.5, 0.99, 0.9999):
            other = _values(loss, masks, share * masks + (1 - share) * p)
            _demand(best <= other + 1e-7, f"{other} costs less than the truth's {best}")


def slope_is_the_derivative(loss: CaseLoss) -> None:
    """Autodiff equals central differences in float64, to 1e-5 of the largest slope.

    Keras rounds float64 to float32 on every backend but TensorFlow: to 2e-2 there.
    """
    exact = keras.backend.backend() == "tensorflow"
    width, tolerance = (1e-6, 1e-5) if exact else (5e-3, 2e-2)
    for shape in SHAPES.values():
        masks, p = _case(3, (2, *shape[1:]))
        p = p if exact else 0.2 + 0.6 * p
        truth = _truth(loss, masks, p.dtype)
        slope = value_and_gradient(lambda x, y=truth: loss.call(y, x), p)[1]
        random = np.random.default_rng(4)
        for index in map(tuple, random.integers(0, p.shape, (12, p.ndim))):
            step = np.zeros_like(p)
            step[index] = width
            above, below = _values(loss, masks, p + step), _values(loss, masks, p - step)
            rise = (above - below).sum() / (2 * width)
            error = abs(rise - slope[index]) / np.abs(slope).max()
            _demand(error < tolerance, f"slope {slope[index]:.8g}, difference {rise:.8g}")


def order_of_cases_is_nothing(loss: CaseLoss) -> None:
    """Cases in another order have the same values in that order."""
    masks, p = _case(5)
    order = [2, 0, 3, 1]
    same = _values(loss, masks[order], p[order]) == _values(loss, masks, p)[order]
    _demand(same, "a value changed with the order of the cases")


def cases_do_not_see_each_other(loss: CaseLoss) -> None:
    """Each case alone has the value that it has in a batch."""
    masks, p = _case(6)
    alone = [_values(loss, masks[i : i + 1], p[i : i + 1])[0] for i in range(len(p))]
    _demand(np.isclose(alone, _values(loss, masks, p), rtol=1e-6), "a case saw its neighbours")


def worse_never_scores_better(loss: CaseLoss) -> None:
    """Along the straight path from the truth to its opposite the loss does not fall."""
    masks, _ = _case(7)
    path = [_values(loss, masks, (1 - t) * masks + t * (1 - masks)) for t in np.linspace(0, 1, 41)]
    _demand(np.diff(path, axis=0) >= -1e-6, "the loss falls as the prediction gets worse")
    _demand(path[-1] > path[0], "the opposite of the truth costs no more than the truth")


def finite_at_the_ends(loss: CaseLoss) -> None:
    """Value and slope are finite for p of 0 and 1, empty and full masks, in three precisions.

    And a wrong p of exactly 0 or 1 still has a slope towards the truth.
    """
    for kind in ("float32", "float16", "bfloat16"):
        for masks in (_case(8)[0], np.zeros(SHAPES["2-D"]), np.ones(SHAPES["2-D"])):
            truth = _truth(loss, masks)
            for p in (masks, 1 - masks, np.full_like(masks, 0.5)):

                def function(x: Any, y: np.ndarray = truth, kind: str = kind) -> Any:
                    return loss.call(y, keras.ops.cast(x, kind))

                values, slope = value_and_gradient(function, p.astype(np.float32))
                _demand(np.isfinite(values), f"value {values} in {kind}")
                _demand(np.isfinite(slope), f"a slope is not finite in {kind}")
    masks, p = _case(9)
    wrong = p > 0.7
    found = np.where(wrong, 1 - masks, masks).astype(np.float32)
    slope = value_and_gradient(lambda x: loss.call(_truth(loss, masks), x), found)[1]
    _demand((slope * (1 - 2 * masks))[wrong] > 0, "nothing pulls a wrong 0 or 1 back")


def large_images_are_exact(loss: CaseLoss) -> None:
    """A 2048 x 2048 image in float32 has the value it has in float64, to 1e-5."""
    random = np.random.default_rng(10)
    masks = np.zeros((1, 2048, 2048, 1))
    masks[0, 300:420, 500:700] = 1
    p = random.uniform(0.01, 0.1, masks.shape) + 0.8 * masks
    exact = _values(loss, masks, p)
    found = _values(loss, masks, p.astype(np.float32))
    _demand(np.isclose(found, exact, rtol=1e-5), f"{found} in float32, {exact} in float64")


def wrong_input_is_refused(loss: CaseLoss) -> None:
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
        raise AssertionError(f"took {what} without a word")


def is_kept_by_its_config(loss: CaseLoss) -> None:
    """Serialised and built again it is the same loss."""
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(loss))
    masks, p = _case(12)
    _demand(_values(again, masks, p) == _values(loss, masks, p), "another loss came back")


def teaches(loss: CaseLoss) -> None:
    """Fifty steps of Adam on a case's logits bring the loss down towards the truth's."""
    masks, _ = _case(13)
    truth = _truth(loss, masks)
    logits = np.random.default_rng(14).normal(0, 0.5, masks.shape).astype(np.float32)
    first = slow = fast = 0.0
    for step in range(1, 51):
        p = 1 / (1 + np.exp(-logits))
        values, slope = value_and_gradient(lambda x: loss.call(truth, x), p)
        first = values if step == 1 else first
        slope = slope * p * (1 - p)
        slow, fast = 0.9 * slow + 0.1 * slope, 0.999 * fast + 0.001 * slope**2
        change = slow / (1 - 0.9**step) / (np.sqrt(fast / (1 - 0.999**step)) + 1e-12)
        logits = logits - np.float32(0.2) * change.astype(np.float32)
    last, best = _values(loss, masks, 1 / (1 + np.exp(-logits))), _values(loss, masks, masks)
    _demand(last - best < 0.5 * (first - best), f"from {first} only to {last}; best is {best}")


CHECKS = (
    one_value_a_case,
    perfect_is_the_minimum,
    slope_is_the_derivative,
    order_of_cases_is_nothing,
    cases_do_not_see_each_other,
    worse_never_scores_better,
    finite_at_the_ends,
    large_images_are_exact,
    wrong_input_is_refused,
    is_kept_by_its_config,
    teaches,
)
