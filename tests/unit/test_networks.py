"""Promises of the networks: the battery, the same on every backend, the published originals."""

import cv2
import keras
import network_values
import numpy as np
import pytest
from keras import layers, ops
from test_loss_backends import PYTHONS, printed_on

from tumorseg.core import registry
from tumorseg.core.errors import UserError
from tumorseg.network_kit.check import (
    CHECKS,
    Network,
    answers,
    check_network,
    every_weight_learns,
    filled,
    images_of,
    one_probability_per_voxel_and_class,
    survives_a_copy,
    untrained_it_predicts_the_prior,
)
from tumorseg.network_kit.counting import multiply_adds
from tumorseg.network_kit.encoder_weights import load_resnet50
from tumorseg.network_kit.layers import LinearUpSampling, RecurrentConvolution
from tumorseg.networks import attention_unet, resnet50_unet, unetplusplus
from tumorseg.reporting.network_figure import draw
from tumorseg.training.budget import ARITHMETIC
from tumorseg.training.model import build_network

NAMES = registry.names("networks")
# What the dimensions can change; the other checks are made in 2-D, to save minutes.
IN_3D = (one_probability_per_voxel_and_class, every_weight_learns, survives_a_copy)
DIMENSIONS = {"jax": ["2"], "torch": ["2", "3"]}  # JAX compiles 3-D networks slowly


@pytest.mark.parametrize("name", NAMES)
def test_every_network_passes_the_battery(name):
    flat, deep = check_network(name, dimensions=[2]), check_network(name, IN_3D, dimensions=[3])
    assert len(flat) == len(CHECKS)
    assert set(flat.values()) | set(deep.values()) == {"passed"}, (flat, deep)


def test_the_battery_finds_what_is_wrong(monkeypatch):
    class Deaf(layers.Layer):
        """Multiplies what it gets by zero."""

        def call(self, inputs):
            return inputs * 0

    class Wrong:
        """A network that ignores its image, and whose prior is never .02."""

        @staticmethod
        def build(*, shape, channels, **_):
            image = keras.Input((*shape, channels))
            last = layers.Conv2D(1, 1, activation="sigmoid", name="probability")
            return keras.Model(image, last(Deaf()(image)))

    monkeypatch.setattr("tumorseg.network_kit.check.entry", lambda folder, name: Wrong)
    results = check_network("wrong", [untrained_it_predicts_the_prior, every_weight_learns], [2])
    assert "prior 0.02: predicts 0.5" in results["untrained_it_predicts_the_prior"]
    assert "probability/kernel does not learn" in results["every_weight_learns"]


@pytest.fixture(scope="module", params=PYTHONS)
def other(request, tmp_path_factory):
    """What the networks predict on another backend."""
    if not PYTHONS[request.param].is_file():
        pytest.skip(
            f"networks NOT compared on {request.param}, which is not installed: `make torch`"
        )
    faster = {"JAX_DISABLE_MOST_OPTIMIZATIONS": "1"}  # compiles faster
    dimensions = DIMENSIONS[request.param]
    weights = str(tmp_path_factory.mktemp("weights") / "unet.weights.h5")
    model = filled(network_values.trained())
    model.save_weights(weights)
    printed = printed_on(request.param, "network_values.py", weights, *dimensions, **faster)
    return printed | {"file": network_values.from_file(weights)}


@pytest.fixture(scope="module")
def here():
    return network_values.values((2, 3))


def test_every_network_predicts_the_same_on_every_backend(here, other):
    assert set(other["values"]) == {f"{n} {d}" for n in NAMES for d in DIMENSIONS[other["keras"]]}
    for name, found in other["values"].items():
        np.testing.assert_allclose(found, here[name], atol=1e-4, err_msg=name)


def test_weights_trained_on_one_backend_predict_the_same_on_another(other):
    np.testing.assert_allclose(other["from file"], other["file"], atol=1e-4)
    assert np.ptp(other["file"]) > 0.1


def test_regunet_and_enlarging_are_those_of_monai_and_pytorch(other):
    if "regunet" not in other:
        pytest.skip("on PyTorch only")
    for ours, theirs in other["regunet"]:
        assert np.std(theirs) > 0.01
        np.testing.assert_allclose(ours, theirs, atol=1e-4)
    for ours, theirs in other["interpolation"]:
        np.testing.assert_allclose(ours, theirs, atol=1e-6)


def trainable(name: str, **options) -> int:
    """The parameters of a network with one output that are trained; 2-D unless a shape is given."""
    model = registry.entry("networks", name).build(**{"size_px": 64} | options)
    return sum(int(np.prod(variable.shape)) for variable in model.trainable_variables)


def bias_of_recurrent_blocks(width: int) -> int:
    """The biases before batch normalisation that LeeJunHyun's R2U-Net has and ours has not."""
    of_level = [width * 2**level for level in range(5)]
    blocks = [*of_level, *of_level[:-1]]
    return sum(2 * own for own in blocks) + sum(of_level[:-1])


def test_parameters_are_as_many_as_the_originals_have():
    published = {"channels": 3, "dropout": 0.0}
    # Zhou et al. 2018, Table 2: U-Net 7.76 M and UNet++ 9.04 M.
    assert trainable("unet", base_width=32, **published) == 7_760_097
    assert trainable("unetplusplus", base_width=32, **published) == 9_042_177
    normalised = published | {"normalisation": True}
    # segmentation_models_pytorch's Unet("resnet50").
    assert trainable("resnet50_unet", base_width=64, **normalised) == 32_521_105
    # LeeJunHyun/Image_Segmentation, R2U_Net(t=2).
    own = trainable("r2unet", base_width=64, **normalised)
    assert own + bias_of_recurrent_blocks(64) == 39_091_393


def test_the_plan_knows_the_arithmetic_of_every_network():
    counted = {
        name: multiply_adds(registry.entry("networks", name).build(size_px=128, base_width=16))
        for name in NAMES
    }
    ratios = {name: count / counted["unet"] for name, count in counted.items()}
    assert ratios == pytest.approx(ARITHMETIC | {"unet": 1.0}, rel=0.1)


def test_the_attention_unet_is_the_unet_and_its_gates():
    """A gate: theta c x c x 4, phi 2c x c + c, psi c + 1, the last convolution c x c + c."""
    gates = sum(4 * c * c + 2 * c * c + c + c + 1 + c * c + c for c in (32, 64, 128))
    unet = trainable("unet", base_width=16)
    assert trainable("attention_unet", shape=(32, 32, 32), normalisation=True) == 5_883_828
    assert trainable("attention_unet", base_width=16) == unet + gates
    assert not [
        layer.name
        for layer in attention_unet.build(size_px=32, base_width=2).layers
        if layer.name.startswith("gate1")
    ]


def test_an_attention_gate_is_its_formula():
    random = np.random.default_rng(0)
    skip, coarse = random.normal(size=(1, 8, 6, 4)), random.normal(size=(1, 4, 3, 8))
    inputs = [keras.Input(array.shape[1:]) for array in (skip, coarse)]
    model = keras.Model(inputs, attention_unet.gate(*inputs, (2, 2), "gate2", False))
    filled(model)
    weight = {w.path: keras.ops.convert_to_numpy(w).astype(float) for w in model.weights}
    blocks = skip[0].reshape(4, 2, 3, 2, 4)
    theta = np.einsum("yaxbc,abcd->yxd", blocks, weight["gate2_theta/kernel"])
    phi = coarse[0] @ weight["gate2_phi/kernel"][0, 0] + weight["gate2_phi/bias"]
    psi = np.maximum(theta + phi, 0) @ weight["gate2_psi/kernel"][0, 0] + weight["gate2_psi/bias"]
    large = cv2.resize(1 / (1 + np.exp(-psi[..., 0])), (6, 8), interpolation=cv2.INTER_LINEAR)
    expected = (skip[0] * large[..., None]) @ weight["gate2_convout/kernel"][0, 0]
    expected += weight["gate2_convout/bias"]
    found = model([array.astype(np.float32) for array in (skip, coarse)])
    np.testing.assert_allclose(keras.ops.convert_to_numpy(found)[0], expected, atol=1e-5)


@pytest.mark.parametrize("factor", [(2, 2), (1, 2), (2, 1), (2, 1, 2)])
def test_linear_enlarging_is_that_of_opencv_along_each_axis(factor):
    x = np.random.default_rng(1).normal(size=(2, *range(3, 3 + len(factor)), 2)).astype("float32")
    expected = x
    for axis, times in enumerate(factor, start=1):
        rows = np.moveaxis(expected, axis, 0)
        flat = rows.reshape(len(rows), -1)
        size = (flat.shape[1], times * len(rows))
        flat = cv2.resize(flat, size, interpolation=cv2.INTER_LINEAR)
        expected = np.moveaxis(flat.reshape(-1, *rows.shape[1:]), 0, axis)
    layer = LinearUpSampling(factor)
    assert layer.compute_output_shape(x.shape) == expected.shape
    np.testing.assert_allclose(ops.convert_to_numpy(layer(x)), expected, atol=1e-6)


def test_a_recurrent_convolution_applies_the_same_weights_three_times():
    x = np.random.default_rng(2).normal(size=(1, 6, 5, 3)).astype(np.float32)
    layer = RecurrentConvolution(3, norm=False)
    layer.build(x.shape)
    kernel, bias = layer.get_weights()
    bias = bias + np.float32(0.1)
    layer.set_weights([kernel, bias])

    def once(y):
        return ops.relu(ops.conv(y, kernel, padding="same") + bias)

    y = once(x)
    for _ in range(2):
        y = once(x + y)
    np.testing.assert_allclose(layer(x), y, atol=1e-5)
    with pytest.raises(ValueError, match="5 channels, expected 3"):
        RecurrentConvolution(3).build((None, 8, 8, 5))


def test_the_encoder_of_resnet50_is_that_of_keras_applications():
    theirs = keras.applications.ResNet50(weights=None, include_top=False, input_shape=(64, 64, 3))
    image = keras.Input((64, 64, 3))
    ours = keras.Model(image, resnet50_unet.encoder(image, 64, [(2, 2)] * 5))
    random = np.random.default_rng(0)
    for layer in ours.layers:
        weights = theirs.get_layer(layer.name).get_weights() if layer.weights else []
        if layer.name.endswith("_conv"):
            layer.set_weights(weights[:1])  # theirs has a bias, of zero
        elif weights:
            weights = [random.uniform(0.5, 1, weight.shape) for weight in weights]
            layer.set_weights(weights)
            theirs.get_layer(layer.name).set_weights(weights)
    x = random.normal(size=(1, 64, 64, 3)).astype(np.float32)
    ends = ["conv1_relu", "conv2_block3_out", "conv3_block4_out", "conv4_block6_out"]
    parts = [theirs.get_layer(name).output for name in ends]
    reference = keras.Model(theirs.input, [*parts, theirs.output])
    for found, expected in zip(ours(x), reference(x), strict=True):
        scale = float(ops.max(ops.abs(expected)))
        np.testing.assert_allclose(found, expected, atol=1e-4 * scale)


def test_every_node_of_unetplusplus_gets_all_nodes_of_its_row_before_it():
    model = unetplusplus.build(size_px=32, base_width=2, levels=3)
    for level in range(3):
        for column in range(1, 4 - level):
            inputs = model.get_layer(f"concat{level}-{column}").input
            sources = [tensor._keras_history.operation.name for tensor in inputs]
            row = [f"node{level}-{before}_relu2" for before in range(column)]
            assert sources == [*row, f"up{level}-{column}"]


def test_a_resnet_accepts_an_input_that_cannot_be_halved_five_times():
    for shape in ((48, 48), (8, 24, 40)):
        model = resnet50_unet.build(shape=shape, base_width=4)
        assert model.output_shape == (None, *shape, 1)
        assert np.isfinite(answers(model, np.ones((1, *shape, 1), np.float32))).all()


@pytest.mark.parametrize("name", NAMES)
def test_the_figure_shows_every_layer_of_every_network(name):
    from show_network import described

    options = {"dropout": 0, "normalisation": True, "foreground_prior": 0.1}
    network = {"name": name, "size_px": 32, "base_width": 4, "levels": 3}
    model = build_network(network, {"channels": 1, "network": options})
    shown = described(model)
    assert sum(layer.parameters for layer in shown) == model.count_params()
    assert f"{model.count_params():,} parameters" in str(
        [text.get_text() for text in draw(shown, name, model.count_params()).texts]
    )


def test_the_weights_of_one_network_suit_it_in_another_size():
    network = Network("unet", 2)
    large = network.build(shape=(64, 64))
    large.set_weights(filled(network.build()).get_weights())
    assert np.ptp(answers(large, np.random.rand(1, 64, 64, 2).astype("float32"))) > 0
    assert images_of(network).shape == (2, 32, 48, 2)


@pytest.fixture(scope="module")
def imagenet(tmp_path_factory):
    """A file of keras.applications.ResNet50 with random weights, with or without its top."""
    keras.utils.set_random_seed(3)
    model = keras.applications.ResNet50(weights=None, include_top=False)
    for layer in model.layers:
        if isinstance(layer, keras.layers.Conv2D):
            kernel, bias = layer.get_weights()
            layer.set_weights([kernel, np.random.default_rng(1).normal(0, 0.1, bias.shape)])
        elif isinstance(layer, keras.layers.BatchNormalization):
            gamma, beta, mean, variance = layer.get_weights()
            layer.set_weights([gamma, beta, mean + 0.1, variance * 1.3])
    path = tmp_path_factory.mktemp("weights") / "resnet50.weights.h5"
    model.save_weights(path)
    return model, path


def encoder_of(model: keras.Model, layer: str) -> keras.Model:
    return keras.Model(model.inputs, model.get_layer(layer).output)


def test_the_users_own_weights_make_the_encoder_compute_what_keras_applications_computes(imagenet):
    theirs, path = imagenet
    ours = resnet50_unet.build(size_px=64, base_width=64, channels=3)
    load_resnet50(ours, path)
    images = np.random.default_rng(0).random((2, 64, 64, 3), np.float32)
    for layer in ("conv1_relu", "conv3_block4_out", "conv5_block3_out"):
        expected = encoder_of(theirs, layer)(images)
        found = encoder_of(ours, layer)(images)
        scale = float(np.abs(expected).max())
        assert np.asarray(found) == pytest.approx(np.asarray(expected), abs=1e-4 * scale)


def test_the_users_own_weights_see_grey_images_as_three_equal_colours(imagenet):
    theirs, path = imagenet
    ours = resnet50_unet.build(size_px=64, base_width=64, channels=1)
    load_resnet50(ours, path)
    grey = np.random.default_rng(0).random((1, 64, 64, 1), np.float32)
    expected = np.asarray(encoder_of(theirs, "conv4_block6_out")(np.repeat(grey, 3, axis=-1)))
    found = np.asarray(encoder_of(ours, "conv4_block6_out")(grey))
    assert found == pytest.approx(expected, abs=1e-4 * np.abs(expected).max())


def test_inflated_weights_sum_to_the_flat_ones_and_see_a_constant_depth_alike(imagenet):
    theirs, path = imagenet
    ours = resnet50_unet.build(shape=(32, 32, 32), base_width=64, channels=3)
    load_resnet50(ours, path)
    flat, deep = (m.get_layer("conv2_block1_2_conv").kernel for m in (theirs, ours))
    assert np.asarray(deep).sum(axis=0) == pytest.approx(np.asarray(flat), abs=1e-6)
    image = np.random.default_rng(0).random((1, 32, 32, 3), np.float32)
    volume = np.repeat(image[:, None], 32, axis=1)
    found = np.asarray(encoder_of(ours, "conv1_relu")(volume))[:, 8]  # far from both ends
    expected = np.asarray(encoder_of(theirs, "conv1_relu")(image))
    assert found == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize(
    ("width", "content", "says"),
    [(64, "text", "no weights of keras.applications.ResNet50"), (16, None, "set base_width to 64")],
)
def test_weights_that_do_not_fit_are_one_line(imagenet, tmp_path, width, content, says):
    path = imagenet[1]
    if content:
        path = tmp_path / "other.weights.h5"
        path.write_text(content, encoding="utf-8")
    model = resnet50_unet.build(size_px=32, base_width=width, channels=3)
    with pytest.raises(UserError, match=says):
        load_resnet50(model, path)
