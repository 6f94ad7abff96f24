"""Promises of the U-Net: the study's parameter count, one probability per pixel, the prior."""

from math import prod

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tumorseg.core import registry
from tumorseg.network_kit.sizes import LARGEST_ODD, SMALLEST, poolings
from tumorseg.networks.unet import build, deep_outputs
from tumorseg.training.model import build_network


def test_the_study_network_has_1_941_105_parameters():
    assert build(size_px=128, channels=3, base_width=16).count_params() == 1_941_105


def test_a_weights_file_of_the_study_network_keeps_its_layers_and_their_order():
    blocks = [*(f"encoder{n}" for n in range(1, 5)), "bottleneck"]
    expected = [f"{block}_conv{index}" for block in blocks for index in (1, 2)]
    for level in range(4, 0, -1):
        expected += [f"up{level}", f"decoder{level}_conv1", f"decoder{level}_conv2"]
    weights = build(size_px=32, base_width=2).weights
    assert [weight.path for weight in weights] == [
        f"{name}/{part}" for name in [*expected, "probability"] for part in ("kernel", "bias")
    ]


@pytest.mark.parametrize(
    ("options", "additional"),
    [
        ({"channels": 1}, -2 * 9 * 16),  # the first convolution has two input channels fewer
        ({"dropout": 0.0}, 0),
        ({"foreground_prior": 0.01}, 0),
        # Batch normalisation replaces the bias of 18 convolutions by 4 numbers per feature map.
        ({"normalisation": True}, 3 * 2 * (2 * (16 + 32 + 64 + 128) + 256)),
    ],
)
def test_each_option_changes_the_parameter_count_as_expected(options, additional):
    network = build(**{"size_px": 32, "channels": 3, "base_width": 16} | options)
    assert network.count_params() == 1_941_105 + additional


@pytest.mark.parametrize(("size_px", "channels"), [(32, 1), (64, 3)])
def test_one_probability_for_every_pixel(size_px, channels):
    network = build(size_px=size_px, channels=channels, base_width=2)
    images = np.random.default_rng(0).normal(size=(2, size_px, size_px, channels))
    probability = keras.ops.convert_to_numpy(network(images.astype("float32") * 50))
    assert probability.shape == (2, size_px, size_px, 1)
    assert probability.dtype == np.float32
    assert probability.min() >= 0
    assert probability.max() <= 1
    assert np.ptp(probability) > 0


def test_blocks_have_the_widths_and_dropout_rates_of_the_study():
    network = build(base_width=16)
    widths = [16, 32, 64, 128, 256, 128, 64, 32, 16]
    blocks = [*(f"encoder{n}" for n in range(1, 5)), "bottleneck"]
    blocks += [f"decoder{n}" for n in range(4, 0, -1)]
    assert [network.get_layer(f"{block}_conv2").filters for block in blocks] == widths
    rates = [network.get_layer(f"{block}_dropout").rate for block in blocks]
    assert rates == [0.1, 0.1, 0.2, 0.2, 0.3, 0.2, 0.2, 0.1, 0.1]
    assert not any("dropout" in layer.name for layer in build(dropout=0.0).layers)


@pytest.mark.parametrize("prior", [0.5, 0.1, 0.01])
def test_the_untrained_network_of_an_empty_image_gives_the_prior(prior):
    network = build(size_px=32, base_width=2, foreground_prior=prior)
    probability = keras.ops.convert_to_numpy(network(np.zeros((1, 32, 32, 1), "float32")))
    np.testing.assert_allclose(probability, prior, rtol=1e-5)


def test_a_size_that_cannot_be_halved_four_times_is_rejected():
    with pytest.raises(ValueError, match="multiple of 16, not 100"):
        build(size_px=100)


@pytest.mark.parametrize("name", registry.names("networks"))
def test_every_network_of_the_registry_builds_from_a_recipe(name):
    recipe = {
        "channels": 2,
        "network": {"dropout": 0.5, "normalisation": True, "foreground_prior": 0.01},
    }
    network = build_network({"name": name, "size_px": 32, "base_width": 2}, recipe)
    assert network.input_shape == (None, 32, 32, 2)
    assert network.output_shape == (None, 32, 32, 1)
    outputs = {"classes": 3, "exclusive": True}
    patch = {"name": name, "size_px": 32, "base_width": 2, "patch": [8, 16, 16], "levels": 2}
    network = build_network(patch | outputs | {"parameters": 9}, recipe)
    assert network.input_shape == (None, 8, 16, 16, 2)
    assert network.output_shape == (None, 8, 16, 16, 4)


@pytest.mark.parametrize(
    ("shape", "levels", "factors", "lowest"),
    [
        ((128, 128), 4, [(2, 2)] * 4, (8, 8)),
        ((32, 32), 4, [(2, 2)] * 4, (2, 2)),
        ((40, 56, 40), 4, [(2, 2, 2)] * 3, (5, 7, 5)),
        ((16, 96, 96), 4, [(1, 2, 2)] * 2 + [(2, 2, 2)] * 2, (4, 6, 6)),
        ((20, 320, 256), 5, [(1, 2, 2)] * 3 + [(2, 2, 2)] * 2, (5, 10, 8)),
        ((1, 64, 64), 4, [(1, 2, 2)] * 4, (1, 4, 4)),
        ((96, 96, 96), 3, [(2, 2, 2)] * 3, (12, 12, 12)),
        ((5, 64, 64), 3, [(1, 2, 2)] * 3, (5, 8, 8)),
    ],
)
def test_a_patch_is_pooled_towards_a_cube(shape, levels, factors, lowest):
    assert poolings(shape, levels) == factors
    halved = [prod(each) for each in zip(*factors, strict=True)]
    assert tuple(s // f for s, f in zip(shape, halved, strict=True)) == lowest


@settings(max_examples=300, deadline=None)
@given(
    shape=st.lists(st.integers(1, 200), min_size=2, max_size=3),
    levels=st.integers(1, 6),
)
def test_every_shape_is_pooled_exactly_or_refused_with_one_that_is_not(shape, levels):
    try:
        found = poolings(shape, levels)
    except ValueError as error:
        assert str(tuple(shape)) in str(error)
        if "odd" in str(error):
            for better in str(error).split("use ")[1].split(" or "):
                assert poolings([int(better)] * len(shape), levels)
        return
    assert 1 <= len(found) <= levels
    sizes = list(shape)
    for factors in found:
        assert set(factors) <= {1, 2} and max(factors) == 2
        assert all(size % factor == 0 for size, factor in zip(sizes, factors, strict=True))
        sizes = [size // factor for size, factor in zip(sizes, factors, strict=True)]
        halved = [size for size, factor in zip(sizes, factors, strict=True) if factor == 2]
        assert min(halved) >= SMALLEST
    if len(found) < levels:
        assert max(sizes) <= max(LARGEST_ODD, 2 * SMALLEST)


def parameters(factors, channels, width, outputs):
    """The number of weights, written down a second time: convolutions, their biases, the steps."""
    volume, total, entering = 3 ** len(factors[0]), 0, channels
    widths = [width * 2**level for level in range(len(factors) + 1)]
    for own in widths:
        total += (volume * entering + 1) * own + (volume * own + 1) * own
        entering = own
    for own, factor in zip(widths[-2::-1], factors[::-1], strict=True):
        total += (prod(factor) * 2 * own + 1) * own  # up
        total += (volume * 2 * own + 1) * own + (volume * own + 1) * own
    return total + (width + 1) * outputs


@pytest.mark.parametrize(
    ("shape", "options", "outputs"),
    [
        ((32, 48), {}, 1),
        ((16, 32, 32), {"classes": 3}, 3),
        ((8, 24, 8), {"classes": 2, "exclusive": True}, 3),
        ((8, 12, 20), {"levels": 1}, 1),
    ],
)
def test_a_patch_of_two_or_three_dimensions_has_one_output_a_voxel_and_class(
    shape, options, outputs
):
    network = build(shape=shape, channels=2, base_width=2, **options)
    factors = poolings(shape, options.get("levels", 4))
    assert network.count_params() == parameters(factors, 2, 2, outputs)
    images = np.random.default_rng(0).normal(size=(2, *shape, 2)).astype("float32")
    probability = keras.ops.convert_to_numpy(network(images * 50))
    assert probability.shape == (2, *shape, outputs)
    assert probability.dtype == np.float32
    assert probability.min() >= 0 and probability.max() <= 1
    if options.get("exclusive"):
        np.testing.assert_allclose(probability.sum(axis=-1), 1, atol=1e-5)


@pytest.mark.parametrize("prior", [0.5, 0.1, 0.01])
def test_exclusive_classes_share_the_prior_and_overlapping_ones_each_have_it(prior):
    empty = np.zeros((1, 8, 8, 8, 1), "float32")
    options = {"shape": (8, 8, 8), "base_width": 2, "classes": 4, "foreground_prior": prior}
    network = build(**options, exclusive=True)
    copied = keras.models.clone_model(network)  # the network that is validated is such a copy
    for model in (network, copied):
        probability = keras.ops.convert_to_numpy(model(empty))
        expected = [1 - prior, *[prior / 4] * 4]
        np.testing.assert_allclose(probability, np.broadcast_to(expected, (1, 8, 8, 8, 5)), 1e-5)
    probability = keras.ops.convert_to_numpy(build(**options)(empty))
    np.testing.assert_allclose(probability, prior, rtol=1e-5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"shape": (100, 100)}, r"\(100, 100\): a side of 100 .* \(25 is odd\); use 96 or 112"),
        ({"shape": (16, 37, 64)}, r"a side of 37 .* \(37 is odd\); use 32 or 48"),
        ({"shape": (3, 3, 3)}, "no side can be halved; use multiples of 16"),
        ({"shape": (64,)}, "expected a shape of 2 or 3 sides"),
        ({"shape": (32, 32, 32, 32)}, "expected a shape of 2 or 3 sides"),
        ({"levels": 0}, "at least one level"),
        ({"classes": 0}, "0 classes, base width 16: expected at least 1 of each"),
        ({"size_px": 40, "levels": 4}, "multiple of 16, not 40"),
    ],
)
def test_a_patch_that_cannot_be_pooled_is_refused_in_one_line(options, message):
    with pytest.raises(ValueError, match=message):
        build(**options)


def test_deep_supervision_adds_an_output_at_every_lower_resolution_but_the_lowest():
    network = build(shape=(16, 48, 32), base_width=2, classes=2, exclusive=True)
    before = len(network.weights)
    shapes = [tuple(output.shape) for output in deep_outputs(network)]
    assert shapes == [(None, 16, 24, 16, 3), (None, 8, 12, 8, 3)]
    assert len(network.weights) == before
