"""UNet++: a U-Net whose skip connections are rows of blocks, each connected to all before it.

Zhou et al. 2018. Node (i, j) is at level i from the top; j = 0 is the encoder. For j > 0 it gets
the nodes (i, 0) ... (i, j-1) and (i+1, j-1), enlarged by a transposed convolution. The blocks are
those of `unet`. With base width 32, as published, and three input channels it has the paper's 9.04
million parameters. Its deep supervision (`deep_supervision: true` of a recipe's training) is at
full resolution, at the nodes (0, 1) ... (0, L-1); validation and prediction use node (0, L).
"""

from typing import Any

import keras
from keras import layers

from tumorseg.network_kit.assembly import assemble
from tumorseg.network_kit.parts import (
    DROPOUT,
    MAX_POOLING,
    Design,
    Tensor,
    dimensions,
    outputs_of,
    transposed,
    two_convolutions,
)


def build(**options: Any) -> keras.Model:
    """The network. options: as network_kit.assembly.assemble describes them."""
    return assemble("unetplusplus", _body, **options)


def _body(x: Tensor, design: Design) -> Tensor:
    lowest = len(design.factors)
    rows: list[list[Tensor]] = [[] for _ in range(lowest + 1)]
    for diagonal in range(lowest + 1):
        if diagonal:
            factor = design.factors[diagonal - 1]
            x = MAX_POOLING[dimensions(x)](factor, name=f"pool{diagonal}")(rows[diagonal - 1][0])
        depth = len(DROPOUT) if diagonal == lowest else diagonal
        rows[diagonal].append(
            two_convolutions(x, design.width(diagonal), depth, f"node{diagonal}-0", design)
        )
        for level in reversed(range(diagonal)):
            column = diagonal - level
            width, end = design.width(level), f"{level}-{column}"
            up = transposed(rows[level + 1][-1], width, design.factors[level], end, design)
            joined = layers.Concatenate(name=f"concat{end}")([*rows[level], up])
            rows[level].append(two_convolutions(joined, width, level, f"node{end}", design))
    return rows[0][-1]


def deep_outputs(model: keras.Model) -> list[Tensor]:
    """Further outputs of a model from `build`, at full resolution, from the deepest column on."""
    columns = sum(layer.name.startswith("pool") for layer in model.layers)
    ends = [model.get_layer(f"node0-{column}_relu2").output for column in range(1, columns)]
    return outputs_of(model, ends[::-1])
