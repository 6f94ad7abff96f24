"""The U-Net in two and three dimensions: two 3x3 convolutions a block, four poolings as published.

Ronneberger et al. 2015, in 3-D Cicek et al. 2016. In 2-D it is the network of the 2025 study's
notebooks: ReLU, he_normal, dropout between the two convolutions of a block, 2x2 max-pooling, 2x2
stride-2 transposed convolution, concatenation, 1x1 sigmoid. With 3 input channels and base width 16
it has 1,941,105 parameters.
"""

from typing import Any

import keras

from tumorseg.network_kit.assembly import assemble
from tumorseg.network_kit.parts import deep_outputs, u_shape

__all__ = ["build", "deep_outputs"]


def build(**options: Any) -> keras.Model:
    """The network. options: as network_kit.assembly.assemble describes them."""
    return assemble("unet", u_shape, **options)
