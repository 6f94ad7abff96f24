"""From the body of a network to the network: its input, the checks, and its probabilities."""

from collections.abc import Callable, Sequence
from math import log

import keras

from tumorseg.network_kit.parts import CONV, Design, Tensor, dimensions
from tumorseg.network_kit.sizes import poolings, sides_of


def assemble(
    name: str,
    body: Callable[[Tensor, Design], Tensor],
    *,
    size_px: int = 128,
    shape: Sequence[int] | None = None,
    channels: int = 1,
    base_width: int = 16,
    levels: int = 4,
    dropout: float = 1.0,
    normalisation: bool = False,
    foreground_prior: float = 0.5,
    classes: int = 1,
    exclusive: bool = False,
    head_kernel: int = 1,
) -> keras.Model:
    """A network: images (batch, spatial..., channels) to (batch, spatial..., outputs).

    Args:
        name: of the model.
        body: (image, design) -> features at full resolution.
        size_px: side of a square 2-D input in pixels, a multiple of 2 ** levels.
        shape: instead of size_px: the input's (height, width) or (depth, height, width).
        channels: channels of the input.
        base_width: feature maps of the first level; each level below has twice as many.
        levels: poolings, at most; `sizes.poolings` says which axes each of them halves.
        dropout: factor on the rates of the 2025 study's U-Net (`parts.DROPOUT`); 0 builds no
            dropout.
        normalisation: batch normalisation after each convolution.
        foreground_prior: probability that the untrained network predicts for each class at each
            pixel (Lin et al. 2017, section 4.1: a small one keeps the many background pixels from
            dominating the first steps); .5 is a bias of zero. Exclusive classes share it equally.
        classes: number of classes.
        exclusive: whether a pixel has one class or is background: a softmax over the background,
            which comes first, and the classes. Otherwise each class has a sigmoid of its own.
        head_kernel: side of the last convolution's kernel.

    Returns:
        The model; its outputs are float32 probabilities, under mixed precision too.

    Raises:
        ValueError: the size or shape cannot be pooled; what is wrong and which size can.
    """
    sides = sides_of(size_px, shape, levels)
    if classes < 1 or base_width < 1:
        raise ValueError(f"{classes} classes, base width {base_width}: expected at least 1 of each")
    image = keras.Input((*sides, channels), name="image")
    features = body(image, Design(poolings(sides, levels), base_width, dropout, normalisation))
    outputs = CONV[dimensions(image)](
        classes + exclusive,
        head_kernel,
        padding="same",
        activation="softmax" if exclusive else "sigmoid",
        dtype="float32",
        bias_initializer=keras.initializers.Constant(_bias(foreground_prior, classes, exclusive)),
        name="probability",
    )(features)
    return keras.Model(image, outputs, name=name)


def _bias(prior: float, classes: int, exclusive: bool) -> float | list[float]:
    """Of the last layer, so that the network predicts the prior for features of 0."""
    if exclusive:
        return [log(1 - prior), *[log(prior / classes)] * classes]
    return -float(keras.ops.log(1 / prior - 1)) if prior != 0.5 else 0.0
