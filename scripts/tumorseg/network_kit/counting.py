"""Counts the arithmetic of a network."""

from math import prod

import keras


def multiply_adds(model: keras.Model) -> int:
    """Multiplications and additions, as pairs, that the model's convolutions take for one image.

    >>> from tumorseg.networks.unet import build
    >>> round(multiply_adds(build(size_px=128, base_width=16)) / 1e9, 2)
    0.75
    """
    return sum(_of_layer(layer) for layer in model.layers)


def _of_layer(layer: keras.layers.Layer) -> int:
    kind = type(layer).__name__
    if kind == "RecurrentConvolution":
        *sides, width = layer.output.shape[1:]
        return (layer.steps + 1) * prod(sides) * width * width * 3 ** len(sides)
    if kind.startswith("Conv"):
        # A transposed convolution applies its kernel at each voxel of its input.
        grid = layer.input if kind.endswith("Transpose") else layer.output
        channels = layer.input.shape[-1] * layer.output.shape[-1]
        return prod(grid.shape[1:-1]) * channels * prod(layer.kernel_size)
    return 0
