"""R2U-Net: the U-Net with recurrent residual blocks (the RRUNet of the 2024 paper).

Alom et al. 2018, with t = 2 as in the much used PyTorch version (LeeJunHyun): a block is a 1x1
convolution to its width, two recurrent 3x3 convolutions (three steps each, shared weights) and the
sum of both; the decoder enlarges by repeating voxels and a 3x3 convolution. With base width 64,
three input channels and batch normalisation it has that version's 39.09 million parameters.
"""

from typing import Any

import keras
from keras import layers

from tumorseg.network_kit.assembly import assemble
from tumorseg.network_kit.layers import RecurrentConvolution
from tumorseg.network_kit.parts import (
    CONV,
    UP_SAMPLING,
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
    return assemble("r2unet", _body, **options)


def _body(image: Tensor, design: Design) -> Tensor:
    return u_shape(image, design, block=_recurrent_residual, enlarge=_repeated)


def _repeated(x: Tensor, width: int, factor: Factor, place: object, design: Design) -> Tensor:
    """Enlarged by repeating each voxel, then one 3x3 convolution."""
    x = UP_SAMPLING[dimensions(x)](factor, name=f"up{place}")(x)
    return convolution(x, width, f"decoder{place}", "up", norm=design.norm)


def _recurrent_residual(x: Tensor, width: int, level: int, block: str, design: Design) -> Tensor:
    """x + R(R(x)) at this width; dropout between the two R as in `unet`."""
    first = CONV[dimensions(x)](width, 1, name=f"{block}_conv1x1")(x)
    y = RecurrentConvolution(width, norm=design.norm, name=f"{block}_recurrent1")(first)
    if design.rate(level):
        y = layers.Dropout(design.rate(level), name=f"{block}_dropout")(y)
    y = RecurrentConvolution(width, norm=design.norm, name=f"{block}_recurrent2")(y)
    return layers.Add(name=f"{block}_sum")([first, y])
