"""Attention U-Net: the U-Net with additive attention gates on its skip connections.

Oktay et al. 2018, eqs. 1 to 3. A gate weighs each voxel of a skip connection with a number between
0 and 1, computed from the skip itself, brought to the grid below by a strided convolution, and from
the decoder's features there, then enlarged linearly. As published, the highest skip connection has
no gate, since it has seen too little of the image. Encoder and decoder are those of `unet`, so that
the two networks differ in the gates alone; the authors' decoder enlarges by interpolation instead.
"""

from typing import Any

import keras
from keras import layers

from tumorseg.network_kit.assembly import assemble
from tumorseg.network_kit.layers import LinearUpSampling
from tumorseg.network_kit.parts import (
    CONV,
    Design,
    Tensor,
    concatenated,
    convolution,
    deep_outputs,
    dimensions,
    u_shape,
)

__all__ = ["build", "deep_outputs"]


def build(**options: Any) -> keras.Model:
    """The network. options: as network_kit.assembly.assemble describes them."""
    return assemble("attention_unet", _body, **options)


def _body(image: Tensor, design: Design) -> Tensor:
    return u_shape(image, design, join=_gated)


def _gated(x: Tensor, skip: Tensor, coarse: Tensor, level: int, design: Design) -> Tensor:
    """The skip connection, weighed by its gate, beside the decoder's features."""
    if level:
        skip = gate(skip, coarse, design.factors[level], f"gate{level + 1}", design.norm)
    return concatenated(x, skip, coarse, level, design)


def gate(skip: Tensor, coarse: Tensor, factor: tuple[int, ...], name: str, norm: bool) -> Tensor:
    """An attention gate: skip, each voxel times its weight, then a 1x1 convolution.

    skip: (batch, spatial..., channels); coarse: the gating signal, on the grid below. As in the
    authors' code the inner features are as many as the skip's channels.
    """
    conv, width = CONV[dimensions(skip)], skip.shape[-1]
    theta = conv(width, factor, strides=factor, use_bias=False, name=f"{name}_theta")(skip)
    phi = conv(width, 1, name=f"{name}_phi")(coarse)
    both = layers.Activation("relu", name=f"{name}_relu")(
        layers.Add(name=f"{name}_add")([theta, phi])
    )
    weight = conv(1, 1, activation="sigmoid", name=f"{name}_psi")(both)
    weight = LinearUpSampling(factor, name=f"{name}_weight")(weight)
    weighed = layers.Multiply(name=f"{name}_multiply")([skip, weight])
    return convolution(weighed, width, name, "out", norm=norm, kernel=1, relu=False)
