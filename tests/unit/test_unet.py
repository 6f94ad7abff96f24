"""Promises of the U-Net: the study's parameter count, one probability per pixel, the prior."""

import keras
import numpy as np
import pytest

from tumorseg.core import registry
from tumorseg.networks.unet import build
from tumorseg.training.model import build_network


def test_the_study_network_has_1_941_105_parameters():
    assert build(size_px=128, channels=3, base_width=16).count_params() == 1_941_105


@pytest.mark.parametrize(
    ("settings", "additional"),
    [
        ({"channels": 1}, -2 * 9 * 16),  # the first convolution has two input channels fewer
        ({"dropout": 0.0}, 0),
        ({"foreground_prior": 0.01}, 0),
        # Batch normalisation replaces the bias of 18 convolutions by 4 numbers per feature map.
        ({"normalisation": True}, 3 * 2 * (2 * (16 + 32 + 64 + 128) + 256)),
    ],
)
def test_each_option_changes_the_parameter_count_as_expected(settings, additional):
    network = build(**{"size_px": 32, "channels": 3, "base_width": 16} | settings)
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
    settings = {
        "channels": 2,
        "network": {"dropout": 0.5, "normalisation": True, "foreground_prior": 0.01},
    }
    network = build_network({"name": name, "size_px": 32, "base_width": 2}, settings)
    assert network.input_shape == (None, 32, 32, 2)
    assert network.output_shape == (None, 32, 32, 1)
