"""A U-Net whose encoder is ResNet50, in two dimensions and inflated to three.

He et al. 2016: bottleneck blocks 3, 4, 6, 3. The layers are named as in keras.applications and
compute the same, without the biases that batch normalisation makes needless. The 2024 paper gives
no decoder: this is the one of the Segmentation Models libraries (repeat voxels, concatenate, two
3x3 convolutions; a 3x3 convolution at the end). In 3-D every kernel has one more axis of the same
length. Base width 64 is the published one. The encoder always has batch normalisation;
`normalisation` and `dropout` concern the decoder. An input that cannot be halved five times, or
with fewer `levels`, keeps its grid in the lowest stages.
"""

from typing import Any

import keras
from keras import layers

from tumorseg.core.batch_norm import FusedBatchNormalization
from tumorseg.network_kit.assembly import assemble
from tumorseg.network_kit.parts import (
    CONV,
    MAX_POOLING,
    UP_SAMPLING,
    ZERO_PADDING,
    Design,
    Factor,
    Tensor,
    deep_outputs,
    dimensions,
    two_convolutions,
)

__all__ = ["build", "deep_outputs"]
STAGES = (3, 4, 6, 3)  # blocks of conv2 ... conv5
EXPANSION = 4  # a block's last convolution has so many times the width of its first
LEVELS = 5
# Of the decoder from the lowest level on, in parts of the first width.
DECODER = (4, 2, 1, 0.5, 0.25)
EPSILON = 1.001e-5  # as keras.applications


def build(*, size_px: int = 128, levels: int = LEVELS, **options: Any) -> keras.Model:
    """The network. options: as network_kit.assembly.assemble describes them."""
    shape = options.pop("shape", None) or (size_px, size_px)
    levels = min(levels, LEVELS)
    return assemble("resnet50_unet", _body, head_kernel=3, shape=shape, levels=levels, **options)


def _body(image: Tensor, design: Design) -> Tensor:
    same: Factor = (1,) * dimensions(image)
    factors = [*design.factors, *[same] * (LEVELS - len(design.factors))]
    skips = encoder(image, design.base_width, factors)
    x = skips.pop()
    for level, share in reversed(list(enumerate(DECODER[::-1]))):
        name = f"{level + 1}"
        if factors[level] != same:
            x = UP_SAMPLING[dimensions(x)](factors[level], name=f"up{name}")(x)
        if level:
            x = layers.Concatenate(name=f"concat{name}")([x, skips.pop()])
        width = max(1, round(design.base_width * share))
        x = two_convolutions(x, width, level, f"decoder{name}", design)
    return x


def encoder(image: Tensor, width: int, factors: list[Factor]) -> list[Tensor]:
    """ResNet50's features after each of its five halvings, the highest resolution first.

    image: (batch, spatial..., channels); width: of the first convolution, 64 as published; factors:
    how much each halving shrinks each axis.
    """
    x = ZERO_PADDING[dimensions(image)](3, name="conv1_pad")(image)
    x = _convolution(x, width, "conv1", kernel=7, strides=factors[0])
    x = layers.Activation("relu", name="conv1_relu")(x)
    found = [x]
    x = ZERO_PADDING[dimensions(x)](1, name="conv2_pad")(x)
    x = MAX_POOLING[dimensions(x)](3, strides=factors[1], name="conv2_pool")(x)
    for stage, blocks in enumerate(STAGES, start=2):
        # conv2 keeps the grid of the pooling.
        strides: Factor = (1,) * dimensions(x) if stage == 2 else factors[stage - 1]
        for number in range(1, blocks + 1):
            x = _bottleneck(
                x,
                width * 2 ** (stage - 2),
                f"conv{stage}_block{number}",
                strides=strides if number == 1 else None,
            )
        found.append(x)
    return found


def _bottleneck(x: Tensor, width: int, name: str, strides: Factor | None) -> Tensor:
    """1x1, 3x3, 1x1, added to x; strides: of the first block of a stage, which changes x too."""
    short = x
    if strides:
        short = _convolution(x, EXPANSION * width, f"{name}_0", strides=strides)
    x = _convolution(x, width, f"{name}_1", strides=strides or (1,) * dimensions(x))
    x = layers.Activation("relu", name=f"{name}_1_relu")(x)
    x = _convolution(x, width, f"{name}_2", kernel=3, padding="same")
    x = layers.Activation("relu", name=f"{name}_2_relu")(x)
    x = _convolution(x, EXPANSION * width, f"{name}_3")
    x = layers.Add(name=f"{name}_add")([short, x])
    return layers.Activation("relu", name=f"{name}_out")(x)


def _convolution(
    x: Tensor,
    width: int,
    name: str,
    *,
    kernel: int = 1,
    strides: Factor | int = 1,
    padding: str = "valid",
) -> Tensor:
    """A convolution and batch normalisation, which makes a bias of the convolution needless."""
    x = CONV[dimensions(x)](
        width,
        kernel,
        strides=strides,
        padding=padding,
        use_bias=False,
        kernel_initializer="he_normal",
        name=f"{name}_conv",
    )(x)
    return FusedBatchNormalization(momentum=0.9, epsilon=EPSILON, name=f"{name}_bn")(x)
