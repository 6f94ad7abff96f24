"""Draws the network as it is built for training (Fig. 1)."""

import json
from typing import Any

from tumorseg.core import device
from tumorseg.core.records import NetworkSettings
from tumorseg.reporting.figure_style import save_svg
from tumorseg.reporting.network_figure import Layer, draw


def described(model: object) -> list[Layer]:
    """Name, kind, output shape, parameters and sources of each layer of a built Keras model."""
    layers = []
    for layer in model.layers:
        kind = type(layer).__name__
        output = layer.output
        given = [] if kind == "InputLayer" else layer.input
        tensors = given if isinstance(given, list) else [given]
        sources = tuple(tensor._keras_history.operation.name for tensor in tensors)
        shape = tuple(output.shape[1:])
        layers.append(Layer(layer.name, kind, shape, layer.count_params(), sources))
    return layers


def main(
    *, network_svg: str, network: NetworkSettings, channels: int, settings: dict[str, Any]
) -> None:
    """Builds the network without training it and draws it.

    Args:
        network_svg: written.
        network: its name, size and classes.
        channels: channels of its input.
        settings: further arguments of the network's build().
    """
    print(f"{network['name']} with {json.dumps(network | {'channels': channels} | settings)}")
    device.start(wanted="cpu", threads=1, seed=1)
    from tumorseg.training.model import build_network  # Keras must start after the device

    model = build_network(network, {"channels": channels, "network": settings})
    title = f"Fig. 1: the network ({network['name']})"
    save_svg(draw(described(model), title, model.count_params()), network_svg)


if "snakemake" in globals():
    from tumorseg.workflow.job import run

    run(main, snakemake)  # noqa: F821
