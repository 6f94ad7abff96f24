"""Promises of the fused Adam: Keras' Adam to rounding, and by the paper's formula."""

import keras
import numpy as np
import pytest

from tumorseg.training.adam import FusedAdam
from tumorseg.training.state import STRIDE, Average

STEPS = 12


def gradients() -> list[np.ndarray]:
    random = np.random.default_rng(3)
    return [random.normal(size=(5, 4)).astype(np.float32) * 10.0 ** (i % 3) for i in range(STEPS)]


def trained(optimizer: keras.optimizers.Optimizer) -> np.ndarray:
    """A variable after all steps."""
    variable = keras.Variable(np.linspace(-1, 1, 20, dtype=np.float32).reshape(5, 4))
    for gradient in gradients():
        optimizer.apply([keras.ops.convert_to_tensor(gradient)], [variable])
    return keras.ops.convert_to_numpy(variable)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"weight_decay": 0.1},
        {"beta_1": 0.5, "beta_2": 0.9, "epsilon": 1e-3},
        {"amsgrad": True},
        {"clipnorm": 0.5},
    ],
    ids=lambda settings: "-".join(settings) or "defaults",
)
def test_every_setting_gives_the_weights_of_keras_adam(settings):
    for rate in (0.01, keras.optimizers.schedules.CosineDecay(0.1, STEPS)):
        expected = trained(keras.optimizers.Adam(rate, **settings))
        np.testing.assert_allclose(
            trained(FusedAdam(rate, **settings)), expected, rtol=1e-5, atol=5e-6
        )


def test_the_steps_follow_the_formula_of_the_paper():
    """Kingma & Ba 2015, algorithm 1, with epsilon where Keras and TensorFlow have it."""
    x = np.linspace(-1, 1, 20).reshape(5, 4)
    m = v = np.zeros_like(x)
    for t, gradient in enumerate(gradients(), start=1):
        m = 0.9 * m + 0.1 * gradient
        v = 0.999 * v + 0.001 * gradient.astype(float) ** 2
        rate = 0.01 * np.sqrt(1 - 0.999**t) / (1 - 0.9**t)
        x = x - rate * m / (np.sqrt(v) + 1e-7)
    np.testing.assert_allclose(trained(FusedAdam(0.01)), x, rtol=1e-5)


def test_its_variables_are_those_of_keras_adam():
    """So that a state is stored and restored in the same way."""
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    names = []
    for kind in (keras.optimizers.Adam, FusedAdam):
        optimizer = kind(0.01)
        optimizer.build(model.trainable_variables)
        names.append([variable.path.split("/", 1)[1] for variable in optimizer.variables])
    assert names[0] == names[1]


def test_it_survives_saving():
    again = keras.saving.deserialize_keras_object(
        keras.saving.serialize_keras_object(FusedAdam(0.02, weight_decay=0.1))
    )
    assert isinstance(again, FusedAdam)
    assert float(again.learning_rate) == pytest.approx(0.02)


def test_the_average_of_weights_is_that_of_every_step_where_they_move_steadily():
    """Taking in every STRIDE-th step lags by less than STRIDE steps."""
    average, exact = Average(0.9), 0.0
    for step in range(1, 401):
        average.step(lambda step=step: [np.array([float(step)])])
        exact += (1 - min(0.9, step / (step + 10))) * (step - exact)
    assert abs(average.values[0][0] - exact) < STRIDE


def test_the_average_fetches_weights_once_in_a_stride():
    fetched = []
    average = Average(0.9)
    for step in range(1, 4 * STRIDE + 1):
        average.step(lambda step=step: fetched.append(step) or [np.zeros(1)])
    assert fetched == [1, *range(STRIDE, 4 * STRIDE + 1, STRIDE)]
