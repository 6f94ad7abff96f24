"""The checks of a loss's arithmetic: its gradient, its limits at 0 and 1, and its precision."""

from functools import partial
from typing import Any

import keras
import numpy as np

from tumorseg.core.backend import value_and_gradient
from tumorseg.loss_kit.check_cases import (
    SHAPES,
    case,
    on_scale,
    opposite,
    require,
    truth,
    uniform,
    values,
)
from tumorseg.loss_kit.keras_loss import CaseLoss


def gradient_matches_differences(loss: CaseLoss) -> None:
    """The gradient equals central differences in float64, to 1e-5 of its largest value.

    On JAX and PyTorch to 2e-2, because Keras rounds float64 to float32 there.
    """
    exact = keras.backend.backend() == "tensorflow"
    width, tolerance = (1e-6, 1e-5) if exact else (5e-3, 2e-2)
    for shape in SHAPES.values():
        certain, p = case(loss, 3, (2, *shape[1:]))
        p = p if exact else 0.2 + 0.6 * p
        gradient = value_and_gradient(partial(loss.call, truth(loss, certain, p.dtype)), p)[1]
        places = np.random.default_rng(4).integers(0, p.shape, (12, p.ndim))
        steps = np.zeros((len(places), *p.shape))
        steps[(range(len(places)), *places.T)] = width
        around = [(p + sign * steps).reshape(-1, *p.shape[1:]) for sign in (1, -1)]
        above, below = (values(loss, np.concatenate([certain] * len(places)), x) for x in around)
        rises = (above - below).reshape(len(places), -1).sum(1) / (2 * width)
        expected = gradient[tuple(places.T)]
        error = np.abs(rises - expected) / np.abs(gradient).max()
        require(error < tolerance, f"gradients {expected}, differences {rises}")


def finite_at_0_and_1(loss: CaseLoss) -> None:
    """Value and gradient are finite for p of 0 and 1, empty and full masks, in three precisions.

    A wrong p of exactly 0 or 1 still has a gradient towards the truth.
    """
    shape = SHAPES["2-D"]
    masks = (case(loss, 8)[0], uniform(loss, 0, shape), uniform(loss, 1, shape))
    certain = np.concatenate(masks)
    tried = (certain, opposite(loss, certain), on_scale(loss, 0.5 + 0 * certain))
    y_true, p = truth(loss, np.concatenate([certain] * 3)), np.concatenate(tried)
    for kind in ("float32", "float16", "bfloat16"):

        def function(x: Any, kind: str = kind) -> Any:
            return loss.call(y_true, keras.ops.cast(x, kind))

        found, gradient = value_and_gradient(function, p.astype(np.float32))
        require(np.isfinite(found), f"value {found} in {kind}")
        require(np.isfinite(gradient), f"a gradient is not finite in {kind}")
    certain, _ = case(loss, 9)
    wrong = np.random.default_rng(9).random(certain.shape[:-1]) < 0.3
    p = np.where(wrong[..., None], opposite(loss, certain), certain).astype(np.float32)
    gradient = value_and_gradient(partial(loss.call, truth(loss, certain)), p)[1]
    change = (gradient * (certain - p))[wrong]  # of the loss, towards the truth
    require(
        (change.sum(-1) if loss.form == "exclusive" else change) < 0,
        "a wrong 0 or 1 has no gradient towards the truth",
    )


def float32_is_exact_on_large_images(loss: CaseLoss) -> None:
    """A 2048 x 2048 image in float32 has the value it has in float64, to 1e-5.

    With several classes 1024 x 1024, because each has a channel.
    """
    side = 2048 if loss.form == "binary" else 1024
    certain = uniform(loss, 0, (1, side, side))
    certain[0, 300:420, 500:700] = uniform(loss, 1, (120, 200))
    p = np.random.default_rng(10).uniform(0.01, 0.1, certain.shape) + 0.8 * certain
    p = on_scale(loss, p)
    exact = values(loss, certain, p)
    rounded = values(loss, certain, p.astype(np.float32))
    require(np.isclose(rounded, exact, rtol=1e-5), f"{rounded} in float32, {exact} in float64")
