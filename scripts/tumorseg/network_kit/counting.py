"""Counts the arithmetic and the activations of a network."""

from math import prod

import keras


def multiply_adds(model: keras.Model) -> int:
    """Multiplications and additions, as pairs, that the model's convolutions take for one image.

    >>> from tumorseg.networks.unet import build
    >>> round(multiply_adds(build(size_px=128, base_width=16)) / 1e9, 2)
    0.75
    """
    return sum(_of_layer(layer) for layer in model.layers)


def activations(model: keras.Model) -> int:
    """Values that a training step keeps of one image: the outputs of all layers.

    A recurrent convolution keeps two more of its size for each step. Backends that fuse layers keep
    fewer; each value takes four bytes in float32 and two in bfloat16.

    >>> from tumorseg.networks.unet import build
    >>> round(activations(build(size_px=128, base_width=16)) / 1e6, 1)
    6.6
    """
    return sum(_kept_of(layer) for layer in model.layers)


def _kept_of(layer: keras.layers.Layer) -> int:
    steps = layer.steps if type(layer).__name__ == "RecurrentConvolution" else 0
    return (1 + 2 * steps) * prod(layer.output.shape[1:])


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
