"""Fig. 1: a network drawn from its built model, block by block.

A block is all layers whose names share what stands before the first underscore; single layers that
only pool, enlarge or concatenate become the arrows between blocks.
"""

import math
from typing import NamedTuple

from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import FancyArrowPatch, Rectangle

from tumorseg.figures import WIDTH_IN, palette, style, titled


class Layer(NamedTuple):
    """What the drawing needs of a layer; `shape` is its output's (height, width, channels)."""

    name: str
    kind: str
    shape: tuple[int, int, int]
    parameters: int
    sources: tuple[str, ...]


class Block(NamedTuple):
    """Layers drawn as one box, and the blocks that feed it with the kind of arrow."""

    name: str
    layers: list[Layer]
    sources: list[tuple[str, str]]


ARROWS = {
    "MaxPooling2D": "max-pooling",
    "Conv2DTranspose": "transposed convolution",
    "UpSampling2D": "upsampling",
    "Concatenate": "skip, concatenated",
}
STRAIGHT = "next"


def blocks(layers: list[Layer]) -> list[Block]:
    """The boxes in order, with their arrows; layers in the order of the model."""
    by_name = {layer.name: layer for layer in layers}
    groups: dict[str, list[Layer]] = {}
    for layer in layers:
        if layer.kind not in ARROWS:
            groups.setdefault(layer.name.partition("_")[0], []).append(layer)

    def origins(name: str, arrow: str) -> list[tuple[str, str]]:
        layer = by_name[name]
        if layer.kind not in ARROWS:
            return [(name.partition("_")[0], arrow)]
        # A concatenation names the arrow only where nothing stronger (pool, enlarge) follows it.
        own = ARROWS[layer.kind]
        named = arrow if layer.kind == "Concatenate" and arrow != STRAIGHT else own
        return [found for source in layer.sources for found in origins(source, named)]

    result = []
    for name, members in groups.items():
        inner = {layer.name for layer in members}
        outer = [source for layer in members for source in layer.sources if source not in inner]
        arrows = [found for source in outer for found in origins(source, STRAIGHT)]
        result.append(Block(name, members, list(dict.fromkeys(arrows))))
    return result


def _text(block: Block) -> str:
    height, width, channels = block.layers[-1].shape
    convolutions = sum(layer.kind.startswith("Conv") for layer in block.layers)
    lines = [block.name, f"{height} x {width} x {channels}"]
    if convolutions:
        lines.append(f"{convolutions} conv" + ("s" if convolutions > 1 else ""))
    parameters = sum(layer.parameters for layer in block.layers)
    return "\n".join([*lines, f"{parameters:,} par."] if parameters else lines)


def _box(axes: Axes, block: Block, x: float, y: float, colour: tuple) -> tuple[float, float]:
    """Draws one block around (x, y): wider with its channels, higher with its resolution."""
    height, _, channels = block.layers[-1].shape
    wide, high = 0.16 + 0.05 * math.log2(max(1, channels)), 0.1 + 0.07 * math.log2(height)
    axes.add_patch(Rectangle((x - wide / 2, y - high / 2), wide, high, fc=colour, ec="0.2", lw=0.8))
    axes.text(x, y - high / 2 - 0.05, _text(block), ha="center", va="top", fontsize=6.8)
    return wide, high


def draw(layers: list[Layer], title: str, total: int) -> Figure:
    """The network as a U: left to right in the order of computing, lower where resolution is less.

    total: the model's parameters, arrows included.
    """
    style()
    found = blocks(layers)
    top = max(block.layers[-1].shape[0] for block in found)
    depth = {block.name: math.log2(top / block.layers[-1].shape[0]) for block in found}
    place = {b.name: (0.86 * i, -1.42 * depth[b.name]) for i, b in enumerate(found)}
    kinds = [STRAIGHT, *dict.fromkeys(ARROWS.values())]
    colours = palette(kinds)
    figure, axes = plt.subplots(figsize=(WIDTH_IN, 1.5 + 1.15 * (1 + max(depth.values()))))
    sizes = {b.name: _box(axes, b, *place[b.name], (0.78, 0.86, 0.93)) for b in found}
    used = set()
    for block in found:
        for source, kind in block.sources:
            skip = kind == ARROWS["Concatenate"]
            (x0, y0), (x1, y1) = place[source], place[block.name]
            ends = (x0 + sizes[source][0] / 2, y0), (x1 - sizes[block.name][0] / 2, y1)
            look = {"color": colours[kind], "ls": "--" if skip else "-", "lw": 1.5}
            arrow = {"arrowstyle": "-|>", "mutation_scale": 9, "shrinkA": 1, "shrinkB": 1}
            axes.add_patch(FancyArrowPatch(*ends, **arrow, **look))
            used.add(kind)
    handles = [
        Line2D([], [], color=colours[k], ls="--" if k == ARROWS["Concatenate"] else "-", label=k)
        for k in kinds
        if k in used
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles))
    last = max(x for x, _ in place.values())
    axes.set(xlim=(-0.55, last + 0.55), ylim=(-1.42 * max(depth.values()) - 0.95, 0.55))
    axes.axis("off")
    height, width, channels = found[0].layers[0].shape
    subtitle = (
        f"{total:,} parameters, {len(layers)} layers; input {height} x {width} px, "
        f"{channels} channel(s); under each block height x width x channels of its output"
    )
    titled(figure, title, subtitle)
    return figure
