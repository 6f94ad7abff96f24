"""A page to look through a volume: three linked planes, every class, without a network or WebGL."""

import base64
import gzip
import math
import re
from collections.abc import Iterable, Sequence
from html import escape
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from tumorseg.core.files import write_text
from tumorseg.reporting import three_planes
from tumorseg.reporting.page_parts import class_facts, json_text
from tumorseg.reporting.three_planes import (
    grey_range,
    known_spacing,
    to_axial,
    to_grey,
)

MOST_VOXELS = 10_000_000  # a volume of BraTS has 8.9 million
KEPT_RANGE = (0.0, 0.9995)  # quantiles between which the 256 grey values lie


def block_sides(shape: Sequence[int], spacing: Sequence[float], most: int) -> tuple[int, int, int]:
    """How many voxels become one along each axis, so that at most `most` remain.

    The axis with the finest voxels is made coarser first. spacing: known, along the same axes.
    """
    sides = np.ones(3, int)
    while math.prod(math.ceil(n / side) for n, side in zip(shape, sides, strict=True)) > most:
        voxel = np.where(sides < shape, sides * np.asarray(spacing, float), np.inf)
        sides[voxel.argmin()] += 1
    return tuple(sides.tolist())


def mean_of_blocks(grey: np.ndarray, sides: Sequence[int]) -> np.ndarray:
    """Each block of a uint8 volume as its mean, uint8; blocks at the far ends may be smaller."""
    total, counts = grey, np.ones((1, 1, 1))
    for axis, side in enumerate(sides):
        starts = np.arange(0, grey.shape[axis], side)
        total = np.add.reduceat(total, starts, axis=axis, dtype=np.uint32)
        sizes = np.diff(starts, append=grey.shape[axis])
        counts = counts * sizes.reshape([-1 if other == axis else 1 for other in range(3)])
    return np.rint(total / counts).astype(np.uint8)


def any_of_blocks(masks: np.ndarray, sides: Sequence[int]) -> np.ndarray:
    """Each block of masks (depth, height, width, classes) as 1 where any voxel is: none is lost."""
    for axis, side in enumerate(sides):
        starts = np.arange(0, masks.shape[axis], side)
        masks = np.maximum.reduceat(masks, starts, axis=axis)
    return masks


def _packed(values: np.ndarray) -> str:
    """The bytes of a uint8 array, gzip in base64; equal arrays give equal texts."""
    content = gzip.compress(np.ascontiguousarray(values).tobytes(), 6, mtime=0)
    return base64.b64encode(content).decode()


def _bits(masks: np.ndarray, sides: Sequence[int]) -> np.ndarray:
    """Masks as (ceil(classes / 8), depth, height, width) uint8: class k is bit k % 8 of k // 8."""
    reduced = any_of_blocks(masks.astype(np.uint8), sides)
    return np.moveaxis(np.packbits(reduced, axis=-1, bitorder="little"), -1, 0)


def _reduction(shape: Sequence[int], sides: Sequence[int]) -> str:
    """What the page says about a volume shown coarser than it is; empty for one shown whole."""
    if max(sides) == 1:
        return ""
    whole, blocks = (" x ".join(map(str, numbers)) for numbers in (shape, sides))
    return (
        f"Reduced, to keep this page small: of {whole} voxels (depth x height x width), each block "
        f"of {blocks} is shown as one, with its mean grey value and every class in it. Borders "
        "look wider than they are."
    )


def write_viewer(
    path: str | Path,
    title: str,
    image: np.ndarray,
    spacing_mm: Sequence[float],
    truth: np.ndarray,
    predictions: Iterable[tuple[str, np.ndarray]],
    classes: Sequence[str],
    plane: str = "axial",
    most_voxels: int = MOST_VOXELS,
) -> None:
    """Writes one self-contained file with the volume, its ground truth and its predictions.

    Args:
        path: the HTML file.
        title: heading of the page: the case's pseudonym.
        image: (depth, height, width) of one channel, finite.
        spacing_mm: along the same axes, NaN where unknown.
        truth: (depth, height, width, classes) 0/1, the primary class first.
        predictions: name and masks, as truth; taken one by one, so that a generator can read them.
        classes: the classes' names.
        plane: of the slices of which all these volumes are stacks.
        most_voxels: a larger volume is reduced, and the page says so.

    Raises:
        ValueError: masks of another shape than the image and the classes give.
    """
    image = to_axial(image, plane)
    spacing = known_spacing(three_planes.sides_to_axial(spacing_mm, plane))
    sides = block_sides(image.shape, spacing, most_voxels)
    limits = grey_range(image, KEPT_RANGE)
    grey = mean_of_blocks(np.stack([to_grey(part, limits) for part in image]), sides)
    names, overlays = [], []
    for name, masks in chain([("ground truth", truth)], predictions):
        masks = to_axial(masks, plane)
        if masks.shape != (*image.shape, len(classes)):
            wanted = (*image.shape, len(classes))
            raise ValueError(f"{title}, {name}: masks of {masks.shape}, expected {wanted}")
        names.append(name)
        overlays.append(_packed(_bits(masks, sides)))
    planes = three_planes.planes(to_axial(truth, plane)[..., 0], spacing)
    window = to_grey(np.array(grey_range(image)), limits)
    facts: dict[str, Any] = {
        "shape": grey.shape,
        "spacing": [float(f"{side * mm:.5g}") for side, mm in zip(sides, spacing, strict=True)],
        "at": [place // side for place, side in zip(planes.at, sides, strict=True)],
        "shown": planes.shown,
        "values": [float(f"{limit:.5g}") for limit in limits],
        "window": window.tolist(),
        "classes": class_facts(classes),
        "overlays": names,
    }
    module = Path(__file__)
    data = [
        f'<script type="text/plain" id="{name}">{text}</script>'
        for name, text in [
            ("image", _packed(grey)),
            *((f"overlay-{index}", text) for index, text in enumerate(overlays)),
        ]
    ]
    parts = {
        "title": escape(title),
        "reduced": _reduction(image.shape, sides),
        "style": module.with_suffix(".css").read_text(encoding="utf-8"),
        "script": module.with_suffix(".js").read_text(encoding="utf-8"),
        "facts": json_text(facts),
        "data": "\n".join(data),
    }
    template = module.with_suffix(".html").read_text(encoding="utf-8")
    write_text(path, re.sub(r"{{(\w+)}}", lambda match: parts[match[1]], template))
