"""Fig. 1: the network, drawn block by block from the built Keras model.

A block is all layers whose names are equal up to the first underscore. Layers that only pool,
enlarge or concatenate are drawn as the arrows between blocks.
"""

import math
from typing import NamedTuple

from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import FancyArrowPatch, Rectangle

from tumorseg.reporting.figure_style import WIDTH_IN, palette, style, titled


class Layer(NamedTuple):
    """What the figure shows of a layer; `shape` is (spatial..., channels) of its output."""

    name: str
    kind: str
    shape: tuple[int, ...]
    parameters: int
    sources: tuple[str, ...]


class Block(NamedTuple):
    """Layers drawn as one box; `sources` are (block that feeds it, kind of arrow)."""

    name: str
    layers: list[Layer]
    sources: list[tuple[str, str]]


ARROWS = {
    f"{kind}{dimensions}D{end}": name
    for kind, end, name in (
        ("MaxPooling", "", "max-pooling"),
        ("Conv", "Transpose", "transposed convolution"),
        ("UpSampling", "", "upsampling"),
    )
    for dimensions in (2, 3)
} | {"Concatenate": "skip, concatenated"}
STRAIGHT = "next"
SKIP = ARROWS["Concatenate"]


def blocks(layers: list[Layer]) -> list[Block]:
    """The boxes from left to right with their arrows. layers: in the order of the model."""
    by_name = {layer.name: layer for layer in layers}
    groups: dict[str, list[Layer]] = {}
    for layer in layers:
        if layer.kind not in ARROWS:
            groups.setdefault(layer.name.partition("_")[0], []).append(layer)

    def origins(name: str, arrow: str) -> list[tuple[str, str]]:
        layer = by_name[name]
        if layer.kind not in ARROWS:
            return [(name.partition("_")[0], arrow)]
        # A concatenation that is then pooled or enlarged keeps the arrow of that second layer.
        named = layer.kind == "Concatenate" and arrow != STRAIGHT
        kind = arrow if named else ARROWS[layer.kind]
        return [origin for source in layer.sources for origin in origins(source, kind)]

    result = []
    for name, members in groups.items():
        inner = {layer.name for layer in members}
        outer = [source for layer in members for source in layer.sources if source not in inner]
        arrows = [origin for source in outer for origin in origins(source, STRAIGHT)]
        arrows = [arrow for arrow in arrows if arrow[0] != name]
        result.append(Block(name, members, list(dict.fromkeys(arrows))))
    return result


def _text(block: Block) -> str:
    convolutions = sum("Conv" in layer.kind for layer in block.layers)
    lines = [block.name, " x ".join(map(str, block.layers[-1].shape))]
    if convolutions:
        lines.append(f"{convolutions} conv" + ("s" if convolutions > 1 else ""))
    parameters = sum(layer.parameters for layer in block.layers)
    return "\n".join([*lines, f"{parameters:,} par."] if parameters else lines)


def _box(axes: Axes, block: Block, x: float, y: float, colour: tuple) -> tuple[float, float]:
    """Draws a block around (x, y) and returns its width and height.

    Width grows with the number of channels, height with the resolution.
    """
    *sides, channels = block.layers[-1].shape
    height = max(sides)
    wide, high = 0.16 + 0.05 * math.log2(max(1, channels)), 0.1 + 0.07 * math.log2(height)
    axes.add_patch(Rectangle((x - wide / 2, y - high / 2), wide, high, fc=colour, ec="0.2", lw=0.8))
    axes.text(x, y - high / 2 - 0.05, _text(block), ha="center", va="top", fontsize=6.8)
    return wide, high


Point = tuple[float, float]


def _path(start: Point, end: Point, source: Point, target: Point) -> tuple[list[Point], str]:
    """Where an arrow begins and ends, and its bend. source, target: (width, height) of the boxes.

    Arrows on one level are straight. Arrows down leave at the side and arrive from above, arrows
    up leave at the top and arrive at the side, so that none crosses the text under a box.
    """
    (x0, y0), (x1, y1) = start, end
    left, right = x1 - target[0] / 2, x0 + source[0] / 2
    if y0 == y1:
        return [(right, y0), (left, y1)], "arc3"
    if y0 > y1:
        ends = [(right, y0 - source[1] / 4), (x1 - target[0] / 4, y1 + target[1] / 2)]
        return ends, "angle,angleA=0,angleB=90,rad=6"
    ends = [(x0 + source[0] / 4, y0 + source[1] / 2), (left, y1 - target[1] / 4)]
    return ends, "angle,angleA=90,angleB=0,rad=6"


def draw(layers: list[Layer], title: str, total: int) -> Figure:
    """The network from left to right in the order of computing; lower blocks are coarser.

    total: parameters of the whole model, including layers drawn as arrows.
    """
    style()
    boxes = blocks(layers)
    finest = {block.name: max(block.layers[-1].shape[:-1]) for block in boxes}
    top = max(finest.values())
    depth = {name: math.log2(top / side) for name, side in finest.items()}
    place = {b.name: (0.86 * i, -1.42 * depth[b.name]) for i, b in enumerate(boxes)}
    kinds = [STRAIGHT, *dict.fromkeys(ARROWS.values())]
    colours = palette(kinds)
    figure, axes = plt.subplots(figsize=(WIDTH_IN, 1.5 + 1.15 * (1 + max(depth.values()))))
    sizes = {b.name: _box(axes, b, *place[b.name], (0.78, 0.86, 0.93)) for b in boxes}
    arrows = [(source, block.name, kind) for block in boxes for source, kind in block.sources]
    for source, target, kind in arrows:
        ends, bend = _path(place[source], place[target], sizes[source], sizes[target])
        arrow = FancyArrowPatch(
            *ends,
            connectionstyle=bend,
            arrowstyle="-|>",
            mutation_scale=9,
            shrinkA=0,
            shrinkB=1,
            color=colours[kind],
            ls="--" if kind == SKIP else "-",
            lw=1.5,
        )
        axes.add_patch(arrow)
    used = {kind for _, _, kind in arrows}
    handles = [
        Line2D([], [], color=colours[k], ls="--" if k == SKIP else "-", label=k)
        for k in kinds
        if k in used
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles))
    last = max(x for x, _ in place.values())
    axes.set(xlim=(-0.55, last + 0.55), ylim=(-1.42 * max(depth.values()) - 0.95, 0.55))
    axes.axis("off")
    shape = boxes[0].layers[0].shape
    sides = "depth x height x width" if len(shape) == 4 else "height x width"
    subtitle = (
        f"{total:,} parameters, {len(layers)} layers; input {' x '.join(map(str, shape))}; "
        f"below each block: {sides} x channels of its output"
    )
    titled(figure, title, subtitle)
    return figure
