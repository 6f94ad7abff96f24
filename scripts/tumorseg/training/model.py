"""The network of a recipe, and images with the number of channels that it takes."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from tumorseg.core.records import NetworkSettings, RecipeSettings
from tumorseg.core.registry import entry

if TYPE_CHECKING:
    import keras


def build_network(network: NetworkSettings, settings: RecipeSettings) -> "keras.Model":
    """The Keras model of a recipe.

    network: its name, size and outputs; settings: the recipe, which adds channels and options.
    """
    build = entry("networks", network["name"]).build
    known = ("base_width", "levels", "classes", "exclusive")
    options: dict[str, Any] = {name: value for name, value in network.items() if name in known}
    if "patch" in network:
        options["shape"] = network["patch"]
    else:
        options["size_px"] = network["size_px"]
    return build(**options, channels=settings["channels"], **settings["network"])


def with_channels(images: np.ndarray, channels: int) -> np.ndarray:
    """The images, (n, spatial..., channels); a single channel, (n, spatial..., 1), is repeated."""
    if images.shape[-1] == channels:
        return np.ascontiguousarray(images)
    return np.ascontiguousarray(np.repeat(images, channels, axis=-1))


def form_of(network: Mapping[str, object]) -> str:
    """In which form losses see the classes: binary, exclusive or overlapping (keras_loss.CaseLoss).

    A network without `classes` has one.
    """
    if network.get("classes", 1) == 1:
        return "binary"
    return "exclusive" if network["exclusive"] else "overlapping"
