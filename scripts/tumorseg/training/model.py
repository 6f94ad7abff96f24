"""The network of a recipe, and images with the channels that it takes."""

from typing import Any

import numpy as np

from tumorseg.core import registry


def build_network(network: dict[str, Any], settings: dict[str, Any]) -> Any:
    """The Keras model of a recipe: `network` names it and its size, `settings` its ingredients."""
    build = registry.entry("networks", network["name"]).build
    size = {"size_px": network["size_px"], "base_width": network["base_width"]}
    return build(**size, channels=settings["channels"], **settings["network"])


def with_channels(images: np.ndarray, channels: int) -> np.ndarray:
    """(n, size, size, 1) to (n, size, size, channels): the grey channel repeated, as the study."""
    return np.ascontiguousarray(np.repeat(images, channels, axis=-1))
