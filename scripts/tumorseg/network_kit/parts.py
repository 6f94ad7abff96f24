"""What networks are made of, in two and three dimensions: convolutions, blocks, the U shape."""

from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeAlias

import keras
from keras import layers

from tumorseg.core.batch_norm import FusedBatchNormalization

DROPOUT = (0.1, 0.1, 0.2, 0.2)  # of the levels from the top; LOWEST_DROPOUT from the fifth on
LOWEST_DROPOUT = 0.3
# By the number of dimensions.
CONV = {2: layers.Conv2D, 3: layers.Conv3D}
CONV_TRANSPOSE = {2: layers.Conv2DTranspose, 3: layers.Conv3DTranspose}
MAX_POOLING = {2: layers.MaxPooling2D, 3: layers.MaxPooling3D}
UP_SAMPLING = {2: layers.UpSampling2D, 3: layers.UpSampling3D}
ZERO_PADDING = {2: layers.ZeroPadding2D, 3: layers.ZeroPadding3D}

Tensor: TypeAlias = keras.KerasTensor
Factor = tuple[int, ...]


class Design(NamedTuple):
    """What the body of a network follows.

    factors: of each pooling from the top, how much it shrinks each axis. base_width: feature maps
    of the first level. dropout: factor on the rates of DROPOUT; 0 builds none. norm: whether batch
    normalisation follows each convolution.
    """

    factors: list[Factor]
    base_width: int
    dropout: float
    norm: bool

    def width(self, level: int) -> int:
        """Feature maps of a level from 0; each has twice as many as the one above."""
        return self.base_width * 2**level

    def rate(self, level: int) -> float:
        """Dropout rate between the convolutions of a level's blocks."""
        return self.dropout * (DROPOUT[level] if level < len(DROPOUT) else LOWEST_DROPOUT)


def dimensions(x: Tensor) -> int:
    """2 or 3: the spatial dimensions of (batch, spatial..., channels)."""
    return len(x.shape) - 2


def convolution(
    x: Tensor,
    width: int,
    block: str,
    part: object,
    *,
    norm: bool,
    kernel: int = 3,
    relu: bool = True,
) -> Tensor:
    """A convolution, batch normalisation in place of its bias if wanted, and ReLU if wanted.

    The layers are named <block>_conv<part>, <block>_norm<part> and <block>_relu<part>.
    """
    x = CONV[dimensions(x)](
        width,
        kernel,
        padding="same",
        use_bias=not norm,
        kernel_initializer="he_normal",
        name=f"{block}_conv{part}",
    )(x)
    if norm:
        x = FusedBatchNormalization(momentum=0.9, name=f"{block}_norm{part}")(x)
    return layers.Activation("relu", name=f"{block}_relu{part}")(x) if relu else x


def two_convolutions(x: Tensor, width: int, level: int, block: str, design: Design) -> Tensor:
    """The U-Net's block: two 3x3 convolutions, with dropout between them."""
    x = convolution(x, width, block, 1, norm=design.norm)
    if design.rate(level):
        x = layers.Dropout(design.rate(level), name=f"{block}_dropout")(x)
    return convolution(x, width, block, 2, norm=design.norm)


def transposed(x: Tensor, width: int, factor: Factor, place: object, _: Design) -> Tensor:
    """Enlarged by a transposed convolution whose kernel and stride are the factor."""
    up = CONV_TRANSPOSE[dimensions(x)]
    return up(width, factor, strides=factor, padding="same", name=f"up{place}")(x)


def concatenated(x: Tensor, skip: Tensor, _: Tensor, level: int, design: Design) -> Tensor:
    """What came from below and the skip connection, side by side."""
    return layers.Concatenate(name=f"concat{level + 1}")([x, skip])


def u_shape(
    image: Tensor,
    design: Design,
    *,
    block: Callable[[Tensor, int, int, str, Design], Tensor] = two_convolutions,
    enlarge: Callable[[Tensor, int, Factor, object, Design], Tensor] = transposed,
    join: Callable[[Tensor, Tensor, Tensor, int, Design], Tensor] = concatenated,
) -> Tensor:
    """An encoder, a bottleneck and a decoder with a skip connection at each level.

    Args:
        image: (batch, spatial..., channels).
        design: levels and widths.
        block: (x, width, level, name, design) -> the features of a level.
        enlarge: (x, width, factor, place, design) -> x on the grid of the level above; place: the
            number of the decoder's level, for names.
        join: (x, skip, coarse, level, design) -> what the decoder's block gets; coarse is x before
            it was enlarged.

    Returns:
        The features of the decoder's highest level.
    """
    x, skips = image, []
    for level, factor in enumerate(design.factors):
        x = block(x, design.width(level), level, f"encoder{level + 1}", design)
        skips.append(x)
        x = MAX_POOLING[dimensions(x)](factor, name=f"pool{level + 1}")(x)
    lowest = len(design.factors)
    x = block(x, design.width(lowest), len(DROPOUT), "bottleneck", design)
    for level in reversed(range(lowest)):
        width, coarse = design.width(level), x
        x = enlarge(x, width, design.factors[level], level + 1, design)
        x = join(x, skips[level], coarse, level, design)
        x = block(x, width, level, f"decoder{level + 1}", design)
    return x


def outputs_of(model: keras.Model, features: Sequence[Tensor]) -> list[Tensor]:
    """Further outputs beside that of the layer `probability`, for deep supervision."""
    last = model.get_layer("probability")
    return [
        type(last).from_config(last.get_config() | {"name": f"probability{number}"})(feature)
        for number, feature in enumerate(features, start=2)
    ]


def deep_outputs(model: keras.Model) -> list[Tensor]:
    """Further outputs of a model with decoder levels, for deep supervision while it is trained.

    One at each resolution below the full one, except the lowest of the decoder, from the highest
    on.
    """
    ends: dict[int, Tensor] = {}  # decoder level -> what its last layer gives
    for layer in model.layers:
        block = layer.name.partition("_")[0]
        if block.startswith("decoder"):
            ends[int(block.removeprefix("decoder"))] = layer.output
    return outputs_of(model, [ends[level] for level in range(2, max(ends))])
