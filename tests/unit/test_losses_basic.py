"""Promises of the losses: the formula's values, known identities, finite at 0 and 1."""

import math

import keras
import numpy as np
import pytest
import tensorflow as tf  # gradients: Keras itself has no call for them
from hypothesis import given, settings
from hypothesis import strategies as st

from tumorseg import registry
from tumorseg.losses.bce import bce
from tumorseg.losses.focal import focal


def value(function, truth, probability, **constants) -> np.ndarray:
    """One loss a case of batches given as (cases, pixels)."""
    y, p = (np.asarray(part, "float32")[..., None] for part in (truth, probability))
    return keras.ops.convert_to_numpy(function(y, p, **constants))


def gradient(function, truth, probability) -> np.ndarray:
    p = tf.Variable(np.asarray(probability, "float32")[..., None])
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(function(np.asarray(truth, "float32")[..., None], p))
    return tape.gradient(loss, p).numpy()[..., 0]


def batch(seed: int, cases: int = 3, pixels: int = 50):
    random = np.random.default_rng(seed)
    return random.integers(0, 2, (cases, pixels)), random.uniform(1e-4, 1 - 1e-4, (cases, pixels))


@pytest.mark.parametrize(
    ("truth", "probability", "expected"),
    [
        ([[1]], [[0.25]], [math.log(4)]),
        ([[0]], [[0.25]], [math.log(4 / 3)]),
        ([[1, 0]], [[0.5, 0.5]], [math.log(2)]),
        # One value a case: the batch is not averaged.
        ([[1, 1], [0, 0]], [[0.9, 0.8], [0.9, 0.8]], [-math.log(0.72) / 2, -math.log(0.02) / 2]),
        ([[1, 0]], [[1.0, 0.0]], [0.0]),
    ],
)
def test_bce_by_hand(truth, probability, expected):
    np.testing.assert_allclose(value(bce, truth, probability), expected, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize(
    ("truth", "probability", "alpha", "gamma", "expected"),
    [
        (1, 0.25, 0.6, 2.0, 0.6 * 0.75**2 * math.log(4)),
        (0, 0.25, 0.6, 2.0, 0.4 * 0.25**2 * math.log(4 / 3)),
        (1, 0.5, 0.25, 1.0, 0.25 * 0.5 * math.log(2)),
        (1, 0.25, 1.0, 0.0, math.log(4)),
        (0, 0.25, 1.0, 0.0, 0.0),
    ],
)
def test_focal_by_hand(truth, probability, alpha, gamma, expected):
    found = value(focal, [[truth]], [[probability]], alpha=alpha, gamma=gamma)
    np.testing.assert_allclose(found, [expected], rtol=1e-5)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_focal_with_gamma_0_and_alpha_half_is_half_of_bce(seed):
    truth, probability = batch(seed)
    np.testing.assert_allclose(
        value(focal, truth, probability, alpha=0.5, gamma=0.0),
        value(bce, truth, probability) / 2,
        rtol=1e-5,
    )


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**6), alpha=st.floats(0, 1), gamma=st.floats(0, 5))
def test_focal_agrees_with_keras(seed, alpha, gamma):
    truth, probability = batch(seed)
    theirs = keras.losses.BinaryFocalCrossentropy(
        apply_class_balancing=True, alpha=alpha, gamma=gamma, reduction=None
    )
    expected = keras.ops.convert_to_numpy(theirs(truth.astype("float32"), probability))
    found = value(focal, truth, probability, alpha=alpha, gamma=gamma)
    np.testing.assert_allclose(found, expected, rtol=2e-3, atol=1e-6)


def test_bce_agrees_with_keras():
    truth, probability = batch(4)
    expected = keras.ops.convert_to_numpy(
        keras.losses.BinaryCrossentropy(reduction=None)(truth.astype("float32"), probability)
    )
    np.testing.assert_allclose(value(bce, truth, probability), expected, rtol=1e-4)


LOSSES = registry.names("losses")


@pytest.mark.parametrize("name", LOSSES)
def test_loss_and_gradient_are_finite_at_probabilities_0_and_1(name):
    function = registry.loss_function(name)
    truth, probability = [[0, 0, 1, 1, 1, 0]], [[0.0, 1.0, 0.0, 1.0, 0.5, 0.5]]
    assert np.isfinite(value(function, truth, probability)).all()
    slopes = gradient(function, truth, probability)[0]
    assert np.isfinite(slopes).all()
    # Where the network is as wrong as it can be, something still pulls it back.
    assert slopes[1] > 0
    assert slopes[2] < 0


@pytest.mark.parametrize("name", LOSSES)
def test_gradient_is_the_slope_of_the_loss(name):
    function = registry.loss_function(name)
    truth, probability = (part[:1, :4] for part in batch(11))
    slopes = gradient(function, truth, probability)[0]
    for pixel in range(4):
        step = np.zeros((1, 4))
        step[0, pixel] = 1e-3
        rise = value(function, truth, probability + step) - value(
            function, truth, probability - step
        )
        assert slopes[pixel] == pytest.approx(rise[0] / 2e-3, rel=2e-2, abs=1e-3)


@pytest.mark.parametrize("name", LOSSES)
def test_a_better_prediction_costs_less_and_a_case_does_not_see_its_neighbours(name):
    function = registry.loss_function(name)
    truth, _ = batch(5)
    good, bad = np.where(truth, 0.9, 0.1), np.where(truth, 0.6, 0.4)
    assert (value(function, truth, good) < value(function, truth, bad)).all()
    together = value(function, truth, np.vstack([good[:1], bad[1:]]))
    np.testing.assert_allclose(together[:1], value(function, truth[:1], good[:1]), rtol=1e-6)
    assert together.shape == (3,)
