"""The network of a recipe, and images with the number of channels that it takes."""

from typing import TYPE_CHECKING

import numpy as np

from tumorseg.core.records import NetworkSettings, RecipeSettings
from tumorseg.core.registry import entry

if TYPE_CHECKING:
    import keras


def build_network(network: NetworkSettings, settings: RecipeSettings) -> "keras.Model":
    """The Keras model of a recipe.

    network: the network's name and size; settings: the recipe, which adds channels and options.
    """
    build = entry("networks", network["name"]).build
    size = {"size_px": network["size_px"], "base_width": network["base_width"]}
    return build(**size, channels=settings["channels"], **settings["network"])


def with_channels(images: np.ndarray, channels: int) -> np.ndarray:
    """The images, (n, size, size, channels); a single channel, (n, size, size, 1), is repeated."""
    if images.shape[-1] == channels:
        return np.ascontiguousarray(images)
    return np.ascontiguousarray(np.repeat(images, channels, axis=-1))
