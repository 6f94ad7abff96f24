"""Promises of the fused batch normalisation: Keras' own layer, in one kernel."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from tumorseg.core.backend import value_and_gradient
from tumorseg.core.batch_norm import FusedBatchNormalization
from tumorseg.core.precision import cpu_precision

SHAPES = {"2-D": (4, 12, 10, 6), "3-D": (2, 5, 8, 7, 6)}


def pair(shape: tuple[int, ...], dtype: str = "float32") -> tuple[keras.Layer, keras.Layer]:
    """Keras' layer and ours with the same weights, which are not the initial ones."""
    random = np.random.default_rng(1)
    found = []
    weights = [random.uniform(0.5, 2, shape[-1]).astype(np.float32) for _ in range(4)]
    for kind in (layers.BatchNormalization, FusedBatchNormalization):
        layer = kind(momentum=0.9, dtype=dtype)
        layer.build(shape)
        layer.set_weights(weights)
        found.append(layer)
    return found[0], found[1]


def assert_close(ours, theirs, atol: float = 1e-5) -> None:
    np.testing.assert_allclose(*map(ops.convert_to_numpy, (ours, theirs)), atol=atol)


def inputs_of(shape: tuple[int, ...]) -> np.ndarray:
    return np.random.default_rng(2).normal(3, 2, shape).astype(np.float32)


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("training", [True, False])
def test_outputs_are_those_of_keras(shape, training):
    theirs, ours = pair(shape)
    x = inputs_of(shape)
    assert_close(ours(x, training=training), theirs(x, training=training))


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_moving_averages_are_those_of_keras_after_several_steps(shape):
    theirs, ours = pair(shape)
    for step in range(5):
        x = inputs_of(shape) * (step + 1)
        theirs(x, training=True)
        ours(x, training=True)
    for own, other in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(own, other, rtol=1e-5)


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_gradients_are_those_of_keras(shape):
    target = np.random.default_rng(3).normal(size=shape).astype(np.float32)
    gradients = [
        value_and_gradient(
            lambda x, n=layer: ops.sum(ops.multiply(n(x, training=True), target)), inputs_of(shape)
        )
        for layer in pair(shape)
    ]
    np.testing.assert_allclose(gradients[1][1], gradients[0][1], atol=1e-4)


def test_a_frozen_layer_keeps_its_averages_and_uses_them():
    theirs, ours = pair(SHAPES["2-D"])
    before = ours.get_weights()
    theirs.trainable = ours.trainable = False
    x = inputs_of(SHAPES["2-D"])
    assert_close(ours(x, training=True), theirs(x, training=True))
    for own, other in zip(ours.get_weights(), before, strict=True):
        np.testing.assert_array_equal(own, other)


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_statistics_stay_float32_where_layers_compute_in_bfloat16(shape):
    theirs, ours = pair(shape, "mixed_bfloat16")
    x = ops.cast(inputs_of(shape), "bfloat16")
    outputs = ours(x, training=True)
    assert keras.backend.standardize_dtype(outputs.dtype) == "bfloat16"
    assert {weight.dtype for weight in ours.weights} == {"float32"}
    theirs(x, training=True)
    for own, other in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(own, other, rtol=1e-2)
    exact = np.asarray(ops.convert_to_numpy(ops.cast(x, "float32")))
    axes = tuple(range(exact.ndim - 1))
    moved = 0.9 * pair(shape)[1].get_weights()[2] + 0.1 * exact.mean(axis=axes)
    np.testing.assert_allclose(ours.get_weights()[2], moved, rtol=1e-5)


@pytest.mark.parametrize(
    "options",
    [{"axis": 1}, {"scale": False}, {"center": False}, {"dtype": "float64"}],
    ids=["another axis", "no scale", "no offset", "float64"],
)
def test_what_the_kernel_cannot_do_is_left_to_keras(options):
    x = inputs_of(SHAPES["2-D"])
    theirs, ours = layers.BatchNormalization(**options), FusedBatchNormalization(**options)
    assert_close(ours(x, training=True), theirs(x, training=True))


def test_the_layer_comes_back_from_its_configuration():
    layer = FusedBatchNormalization(momentum=0.8, epsilon=1e-4, name="norm")
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    assert isinstance(again, FusedBatchNormalization)
    assert (again.momentum, again.epsilon, again.name) == (0.8, 1e-4, "norm")


@pytest.mark.parametrize(
    ("cpuinfo", "precision"),
    [
        ("flags : fpu avx2", "float32"),
        ("flags : fpu avx512f avx512_vnni", "float32"),
        ("vendor_id : AuthenticAMD\nflags : fpu avx512f avx512_bf16", "bfloat16"),
        ("vendor_id : GenuineIntel\nflags : fpu avx512f avx512_bf16", "float32"),
        ("flags : avx512f amx_bf16 amx_tile", "bfloat16"),
        ("", "float32"),
    ],
)
def test_bfloat16_is_chosen_on_processors_that_are_faster_in_it(cpuinfo, precision):
    assert cpu_precision(16, cpuinfo) == precision


def test_narrow_networks_stay_in_float32_whose_kernels_they_fill_better():
    flags = "flags : avx512f amx_bf16 amx_tile"
    assert [cpu_precision(width, flags) for width in (8, 16)] == ["float32", "bfloat16"]
