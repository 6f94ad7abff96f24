"""The U-Net in two and three dimensions: two 3x3 convolutions a block, four poolings as published.

Ronneberger et al. 2015, in 3-D Cicek et al. 2016. In 2-D it is the network of the 2025 study's
notebooks: ReLU, he_normal, dropout between the two convolutions of a block, 2x2 max-pooling, 2x2
stride-2 transposed convolution, concatenation, 1x1 sigmoid. With 3 input channels and base width 16
it has 1,941,105 parameters.
"""

from collections.abc import Sequence
from math import log

import keras
from keras import layers

from tumorseg.core.batch_norm import FusedBatchNormalization

DROPOUT = (0.1, 0.1, 0.2, 0.2)  # of the levels from the top; LOWEST_DROPOUT from the fifth on
LOWEST_DROPOUT = 0.3
SMALLEST = 2  # an axis is not halved to less
LARGEST_ODD = 15  # an axis of so many voxels may stay as it is where it cannot be halved further
CONV = {2: layers.Conv2D, 3: layers.Conv3D}
CONV_TRANSPOSE = {2: layers.Conv2DTranspose, 3: layers.Conv3DTranspose}
MAX_POOLING = {2: layers.MaxPooling2D, 3: layers.MaxPooling3D}


def poolings(shape: Sequence[int], levels: int = 4) -> list[tuple[int, ...]]:
    """By how much each pooling shrinks each axis of a patch: 2 or 1, for at most `levels` poolings.

    A pooling halves every axis that is at least half as long as the longest one, so a patch of few
    thick slices is pooled within its slices first and becomes a cube. An axis stays as it is where
    half of it would be less than SMALLEST, or where it is odd. There are fewer poolings where no
    axis can be halved any more.

    >>> poolings((40, 56, 40))
    [(2, 2, 2), (2, 2, 2), (2, 2, 2)]
    >>> poolings((16, 96, 96))
    [(1, 2, 2), (1, 2, 2), (2, 2, 2), (2, 2, 2)]

    Raises:
        ValueError: an axis longer than LARGEST_ODD would have to be halved and is odd, or no axis
            can be halved at all; the message names a size that can.
    """
    sizes, found = list(shape), []
    for _ in range(levels):
        due = [2 * size >= max(sizes) and size >= 2 * SMALLEST for size in sizes]
        for whole, size, halved in zip(shape, sizes, due, strict=True):
            if halved and size % 2 and size > LARGEST_ODD:
                step = 2**levels
                better = max(step, whole // step * step)
                raise ValueError(
                    f"shape {tuple(shape)}: a side of {whole} cannot be halved {levels} times "
                    f"({size} is odd); use {better} or {better + step}"
                )
        factors = tuple(1 + (h and not s % 2) for s, h in zip(sizes, due, strict=True))
        if max(factors) == 1:
            break
        sizes = [size // factor for size, factor in zip(sizes, factors, strict=True)]
        found.append(factors)
    if not found:
        raise ValueError(
            f"shape {tuple(shape)}: no side can be halved; use multiples of {2**levels}"
        )
    return found


def build(
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
) -> keras.Model:
    """The network: images (batch, spatial..., channels) to (batch, spatial..., outputs).

    Args:
        size_px: side of a square 2-D input in pixels, a multiple of 2 ** levels.
        shape: instead of size_px: the input's (height, width) or (depth, height, width).
        channels: channels of the input.
        base_width: feature maps of the first block; each level below has twice as many.
        levels: poolings, at most; `poolings` says which axes each of them halves.
        dropout: factor on the paper's rates; 0 builds no dropout.
        normalisation: batch normalisation after each convolution (not in the paper).
        foreground_prior: probability that the untrained network predicts for each class at each
            pixel (Lin et al. 2017, section 4.1: a small one keeps the many background pixels from
            dominating the first steps); .5 is a bias of zero. Exclusive classes share it equally.
        classes: number of classes.
        exclusive: whether a pixel has one class or is background: a softmax over the background,
            which comes first, and the classes. Otherwise each class has a sigmoid of its own.

    Returns:
        The model; its outputs are float32 probabilities, under mixed precision too.

    Raises:
        ValueError: the size or shape cannot be pooled; what is wrong and which size can.
    """
    if shape is None and size_px % 2**levels:
        raise ValueError(f"size_px must be a multiple of {2**levels}, not {size_px}")
    sides = tuple(shape or (size_px, size_px))
    if len(sides) not in CONV or levels < 1 or classes < 1:
        raise ValueError(
            f"shape {sides}, {levels} levels, {classes} classes: expected a shape of 2 or 3 sides, "
            "and at least one level and one class"
        )
    factors = poolings(sides, levels)
    x = inputs = keras.Input((*sides, channels), name="image")
    skips = []
    for level, factor in enumerate(factors):
        x = _block(x, base_width * 2**level, level, f"encoder{level + 1}", dropout, normalisation)
        skips.append(x)
        x = MAX_POOLING[len(sides)](factor, name=f"pool{level + 1}")(x)
    lowest = len(factors)
    x = _block(x, base_width * 2**lowest, len(DROPOUT), "bottleneck", dropout, normalisation)
    for level in reversed(range(lowest)):
        width, up = base_width * 2**level, CONV_TRANSPOSE[len(sides)]
        factor = factors[level]
        x = up(width, factor, strides=factor, padding="same", name=f"up{level + 1}")(x)
        x = layers.Concatenate(name=f"concat{level + 1}")([x, skips[level]])
        x = _block(x, width, level, f"decoder{level + 1}", dropout, normalisation)
    outputs = CONV[len(sides)](
        classes + exclusive,
        1,
        activation="softmax" if exclusive else "sigmoid",
        dtype="float32",
        bias_initializer=keras.initializers.Constant(_bias(foreground_prior, classes, exclusive)),
        name="probability",
    )(x)
    return keras.Model(inputs, outputs, name="unet")


def _bias(prior: float, classes: int, exclusive: bool) -> float | list[float]:
    """Of the last layer, so that the network predicts the prior for features of 0."""
    if exclusive:
        return [log(1 - prior), *[log(prior / classes)] * classes]
    return -float(keras.ops.log(1 / prior - 1)) if prior != 0.5 else 0.0


def deep_outputs(model: keras.Model) -> list[keras.KerasTensor]:
    """Further outputs of a model from `build`, for deep supervision while it is trained.

    One at each resolution below the full one, except the lowest of a decoder, from the highest on.
    """
    last = model.get_layer("probability")
    found = []
    for level in range(2, sum(layer.name.startswith("pool") for layer in model.layers)):
        layer = type(last).from_config(last.get_config() | {"name": f"probability{level}"})
        found.append(layer(model.get_layer(f"decoder{level}_relu2").output))
    return found


def _block(
    x: keras.KerasTensor, width: int, level: int, name: str, dropout: float, norm: bool
) -> keras.KerasTensor:
    rate = dropout * (DROPOUT[level] if level < len(DROPOUT) else LOWEST_DROPOUT)
    for index in (1, 2):
        x = CONV[len(x.shape) - 2](
            width,
            3,
            padding="same",
            use_bias=not norm,
            kernel_initializer="he_normal",
            name=f"{name}_conv{index}",
        )(x)
        if norm:
            x = FusedBatchNormalization(momentum=0.9, name=f"{name}_norm{index}")(x)
        x = layers.Activation("relu", name=f"{name}_relu{index}")(x)
        if index == 1 and rate:
            x = layers.Dropout(rate, name=f"{name}_dropout")(x)
    return x
