"""RegUNet: a U-Net of residual blocks whose skip connections are added.

The 2024 paper names a RegUNet and neither describes nor cites it. The likeliest is MONAI's RegUNet,
after DeepReg's registration network, and this is that one: a block is a 3x3 convolution and a
residual block of two; 3x3 transposed convolutions enlarge; the skip connections are added; the last
convolution is 3x3. MONAI's has batch normalisation everywhere, as this one has with
`normalisation: true`.
"""

from typing import Any

import keras
from keras import layers

from tumorseg.core.batch_norm import FusedBatchNormalization
from tumorseg.network_kit.assembly import assemble
from tumorseg.network_kit.parts import (
    CONV_TRANSPOSE,
    Design,
    Factor,
    Tensor,
    convolution,
    deep_outputs,
    dimensions,
    u_shape,
)

__all__ = ["build", "deep_outputs"]


def build(**options: Any) -> keras.Model:
    """The network. options: as network_kit.assembly.assemble describes them."""
    return assemble("regunet", _body, head_kernel=3, **options)


def _body(image: Tensor, design: Design) -> Tensor:
    return u_shape(image, design, block=_residual, enlarge=_transposed, join=_added)


def _residual(x: Tensor, width: int, level: int, block: str, design: Design) -> Tensor:
    """A convolution, then two more whose result is added to it; dropout between these two."""
    first = convolution(x, width, block, 1, norm=design.norm)
    x = convolution(first, width, block, 2, norm=design.norm)
    if design.rate(level):
        x = layers.Dropout(design.rate(level), name=f"{block}_dropout")(x)
    x = convolution(x, width, block, 3, norm=design.norm, relu=False)
    x = layers.Add(name=f"{block}_sum")([x, first])
    return layers.Activation("relu", name=f"{block}_relu3")(x)


def _transposed(x: Tensor, width: int, factor: Factor, place: object, design: Design) -> Tensor:
    """Enlarged by a 3x3 transposed convolution, normalised, ReLU."""
    x = CONV_TRANSPOSE[dimensions(x)](
        width,
        3,
        strides=factor,
        padding="same",
        use_bias=not design.norm,
        kernel_initializer="he_normal",
        name=f"up{place}",
    )(x)
    if design.norm:
        x = FusedBatchNormalization(momentum=0.9, name=f"decoder{place}_normup")(x)
    return layers.Activation("relu", name=f"decoder{place}_reluup")(x)


def _added(x: Tensor, skip: Tensor, _: Tensor, level: int, design: Design) -> Tensor:
    """What came from below plus the skip connection."""
    return layers.Add(name=f"decoder{level + 1}_add")([x, skip])
