"""Checks a loss: check_loss("focal") runs the battery that every loss of the folder must pass.

`certain` is what a perfect network returns, `p` any prediction of the same shape.
"""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import keras
import numpy as np

from tumorseg.core.backend import value_and_gradient
from tumorseg.loss_kit.check_cases import (
    SHAPES,
    case,
    logit_gradient,
    opposite,
    probabilities,
    require,
    truth,
    values,
)
from tumorseg.loss_kit.check_numbers import (
    finite_at_0_and_1,
    float32_is_exact_on_large_images,
    gradient_matches_differences,
)
from tumorseg.loss_kit.configured import FORMS
from tumorseg.loss_kit.keras_loss import CaseLoss


def check_loss(
    name: str,
    checks: Iterable[Callable[[CaseLoss], None]] | None = None,
    forms: Iterable[str] = FORMS,
    **constants: Any,
) -> dict[str, str]:
    """Runs checks on a loss in its forms; returns check -> "passed" or what is wrong.

    name: the file in losses/. checks: by default all CHECKS, which take some seconds. forms: of
    FORMS; those of several classes are tried with two.
    constants: those that differ from the loss's defaults. Runs on the Keras backend in use.

    >>> check_loss("focal", [order_of_cases_does_not_matter, wrong_input_is_rejected], gamma=1)
    {'order_of_cases_does_not_matter': 'passed', 'wrong_input_is_rejected': 'passed'}
    """
    losses = [CaseLoss(name, constants, form) for form in forms]
    results = {}
    for check in CHECKS if checks is None else checks:
        wrong = []
        for loss in losses:
            try:
                check(loss)
            except Exception as error:  # whatever the loss raises is the check's result
                wrong.append(f"{loss.form}: {type(error).__name__}: {error}")
        results[check.__name__] = "; ".join(wrong) or "passed"
    return results


def one_value_per_case(loss: CaseLoss) -> None:
    """(batch, ..., channels) gives (batch,), in 2-D and 3-D, in float32 and float64."""
    for shape in SHAPES.values():
        for dtype in (np.float32, np.float64):
            certain, p = case(loss, 1, shape)
            found = values(loss, certain, p.astype(dtype))
            require(found.shape == shape[:1], f"shape {found.shape}, not {shape[:1]}")
            require(np.isfinite(found), "a value is not finite")


def truth_is_the_minimum(loss: CaseLoss) -> None:
    """No prediction costs less than the truth."""
    cases = [case(loss, seed) for seed in range(5)]
    certain, p = (np.concatenate(parts) for parts in zip(*cases, strict=True))
    best = values(loss, certain, certain)
    for share in (0.0, 0.5, 0.99, 0.9999):
        other = values(loss, certain, share * certain + (1 - share) * p)
        require(best <= other + 1e-7, f"{other} costs less than the truth's {best}")


def order_of_cases_does_not_matter(loss: CaseLoss) -> None:
    """Cases in another order have the same values."""
    certain, p = case(loss, 5)
    order = [2, 0, 3, 1]
    same = values(loss, certain[order], p[order]) == values(loss, certain, p)[order]
    require(same, "a value changed with the order of the cases")


def order_of_classes_does_not_matter(loss: CaseLoss) -> None:
    """Classes in another order have the same value; the background stays in front."""
    if loss.form == "binary":
        return
    certain, p = case(loss, 15)
    order = [0, 2, 1] if loss.form == "exclusive" else [1, 0]
    lists = {key: value for key, value in loss.constants.items() if isinstance(value, list | tuple)}
    constants = loss.constants | {key: [value[i] for i in order] for key, value in lists.items()}
    reordered = values(
        CaseLoss(loss.name, constants, loss.form), certain[..., order], p[..., order]
    )
    require(
        np.isclose(reordered, values(loss, certain, p), rtol=1e-5),
        "a value changed with the order of the classes",
    )


def cases_are_independent(loss: CaseLoss) -> None:
    """The value of a case is the same alone and in a batch."""
    certain, p = case(loss, 6)
    alone = [values(loss, certain[i : i + 1], p[i : i + 1])[0] for i in range(len(p))]
    require(
        np.isclose(alone, values(loss, certain, p), rtol=1e-6),
        "the value of a case depends on the other cases of its batch",
    )


def worse_predictions_never_cost_less(loss: CaseLoss) -> None:
    """From the truth to its opposite in a straight line, the loss never falls."""
    certain, _ = case(loss, 7)
    wrong = opposite(loss, certain)
    way = np.concatenate([(1 - t) * certain + t * wrong for t in np.linspace(0, 1, 41)])
    path = values(loss, np.concatenate([certain] * 41), way).reshape(41, -1)
    require(np.diff(path, axis=0) >= -1e-6, "the loss falls as the prediction gets worse")
    require(path[-1] > path[0], "the opposite of the truth costs no more than the truth")


def wrong_input_is_rejected(loss: CaseLoss) -> None:
    """Shapes, 0/255 labels, NaN and probabilities outside [0, 1] raise ValueError.

    So does another number of classes and, exclusive, a pixel of two classes.
    """
    certain, p = case(loss, 11)
    y_true = truth(loss, certain, p.dtype)
    nan = p.copy()
    nan[0, 0, 0] = np.nan
    bright = y_true.copy()
    bright[..., :1] *= 255
    wrong = [
        (y_true[:, :-1], p, "another height"),
        (y_true[..., 0], p[..., 0].reshape(4, -1, 1), "no channel"),
        (y_true, np.concatenate([p, p[..., :1]], axis=-1), "another number of classes"),
        (bright, p, "0/255 labels"),
        (y_true, nan, "NaN"),
        (y_true, p + 1, "probabilities above 1"),
        (y_true, p - 1, "probabilities below 0"),
    ]
    if loss.form == "exclusive":
        two = y_true.copy()
        two[..., :2] = 1
        wrong.append((two, p, "two exclusive classes in a pixel"))
    for y, x, what in wrong:
        try:
            loss.call(y, x)
        except ValueError:
            continue
        raise AssertionError(f"accepts {what}")


def survives_serialisation(loss: CaseLoss) -> None:
    """The loss that Keras serialises and builds again has the same values."""
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(loss))
    certain, p = case(loss, 12)
    require(
        values(again, certain, p) == values(loss, certain, p),
        "the deserialised loss has other values",
    )


def constants_of_training_masks_are_accepted(loss: CaseLoss) -> None:
    """What the loss derives from training masks (constants_from) is accepted; values are finite."""
    certain, p = case(loss, 16)
    masks = certain[..., 1:] if loss.form == "exclusive" else certain
    fitted = CaseLoss.fitted(loss.name, {}, iter(masks.astype(np.uint8)), loss.form)
    require(np.isfinite(values(fitted, certain, p)), "a value is not finite")


def training_lowers_it(loss: CaseLoss) -> None:
    """Twenty steps of Adam on the logits halve the loss's distance to its minimum."""
    certain, _ = case(loss, 13)
    y_true = truth(loss, certain)
    logits = np.random.default_rng(14).normal(0, 0.5, certain.shape).astype(np.float32)
    first = values(loss, certain, probabilities(loss, logits))
    mean: np.ndarray = np.zeros_like(logits)  # of the gradient, as in Adam
    mean_square: np.ndarray = np.zeros_like(logits)
    for step in range(1, 21):
        p = probabilities(loss, logits)
        gradient = value_and_gradient(partial(loss.call, y_true), p)[1]
        gradient = logit_gradient(loss, gradient, p)
        mean = 0.9 * mean + 0.1 * gradient
        mean_square = 0.999 * mean_square + 0.001 * gradient**2
        change = mean / (1 - 0.9**step) / (np.sqrt(mean_square / (1 - 0.999**step)) + 1e-12)
        logits = logits - np.float32(0.4) * change.astype(np.float32)
    last = values(loss, certain, probabilities(loss, logits))
    best = values(loss, certain, certain)
    require(
        last - best < 0.5 * (first - best),
        f"falls from {first} to {last} only; the minimum is {best}",
    )


CHECKS = (
    one_value_per_case,
    truth_is_the_minimum,
    gradient_matches_differences,
    order_of_cases_does_not_matter,
    order_of_classes_does_not_matter,
    cases_are_independent,
    worse_predictions_never_cost_less,
    finite_at_0_and_1,
    float32_is_exact_on_large_images,
    wrong_input_is_rejected,
    survives_serialisation,
    constants_of_training_masks_are_accepted,
    training_lowers_it,
)
