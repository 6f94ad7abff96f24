"""Draws what each loss found of a tumour as solid voxels, beside the annotation."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from mpl_toolkits.mplot3d.axes3d import Axes3D
from scipy.ndimage import zoom

from tumorseg.reporting.figure_style import PREDICTION, TRUTH, WIDTH_IN, empty_figure, style, titled

MOST = 24  # drawn cubes along the longest side of the box
MARGIN = 0.2  # of the tumour's side, at either end, is shown around it
MISSED = (0.45, 0.45, 0.45, 0.25)


class Solid(NamedTuple):
    """A case in space: the annotation and what each loss found, bool (depth, height, width).

    spacing_mm: sides of a voxel in the same order. Found is None where the training failed.
    """

    label: str
    spacing_mm: tuple[float, float, float]
    truth: np.ndarray
    found: list[np.ndarray | None]


def box_around(mask: np.ndarray) -> tuple[slice, ...]:
    """The tumour and MARGIN of its side around it, for every axis; all of an empty mask."""
    box = []
    for axis, size in enumerate(mask.shape):
        others = tuple(other for other in range(mask.ndim) if other != axis)
        inside = np.flatnonzero(mask.any(axis=others))
        if not len(inside):
            return tuple(slice(0, length) for length in mask.shape)
        margin = max(2, round(MARGIN * (inside[-1] + 1 - inside[0])))
        box.append(slice(max(0, inside[0] - margin), min(size, inside[-1] + 1 + margin)))
    return tuple(box)


def cubes(mask: np.ndarray, spacing_mm: Sequence[float]) -> np.ndarray:
    """The mask in cubes of equal sides in mm, at most MOST along each axis; bool."""
    sides = np.multiply(mask.shape, spacing_mm)
    edge = max(sides.max() / MOST, min(spacing_mm))
    factors = np.maximum(np.round(sides / edge), 1) / mask.shape
    return zoom(mask.astype(np.float32), factors, order=1, grid_mode=True, mode="nearest") >= 0.5


def _draw(axis: Axes3D, truth: np.ndarray, found: np.ndarray) -> None:
    """Hits green, false alarms orange, and missed voxels as grey glass."""
    solid = np.swapaxes(
        truth | found, 0, 2
    )  # (width, height, depth): slices lie one above the other
    colours = np.zeros((*solid.shape, 4))
    colours[np.swapaxes(truth & found, 0, 2)] = (*_rgb(TRUTH), 1)
    colours[np.swapaxes(found & ~truth, 0, 2)] = (*_rgb(PREDICTION), 1)
    colours[np.swapaxes(truth & ~found, 0, 2)] = MISSED
    if solid.any():
        axis.voxels(solid, facecolors=colours, edgecolors=(0, 0, 0, 0.15), linewidth=0.2)
    for collection in axis.collections:
        collection.set_rasterized(True)  # thousands of faces would make a file of megabytes
    axis.set_xlim(0, solid.shape[0])
    axis.set_ylim(0, solid.shape[1])
    axis.set_zlim(0, solid.shape[2])
    axis.set_box_aspect(solid.shape, zoom=1.35)
    axis.set_xticklabels([])
    axis.set_yticklabels([])
    axis.set_zticklabels([])
    axis.tick_params(length=0)


def _rgb(colour: str) -> tuple[float, ...]:
    return tuple(int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))


def voxel_figure(solids: Sequence[Solid], losses: Sequence[str], title: str) -> Figure:
    """One row for the annotation and one for each loss, one column for each case."""
    if not solids:
        return empty_figure(title, "no test case has a tumour")
    style()
    figure, axes = plt.subplots(
        1 + len(losses),
        len(solids),
        figsize=(WIDTH_IN, 1.0 + 1.9 * (1 + len(losses))),
        subplot_kw={"projection": "3d"},
        squeeze=False,
    )
    for column, solid in zip(axes.T, solids, strict=True):
        box = box_around(solid.truth)
        truth = cubes(solid.truth[box], solid.spacing_mm)
        column[0].set_title(solid.label, fontsize=9)
        for axis, found in zip(column, (solid.truth, *solid.found), strict=True):
            if found is None:
                axis.set_axis_off()
                axis.text2D(0.5, 0.5, "failed", ha="center", transform=axis.transAxes)
            else:
                _draw(axis, truth, cubes(found[box], solid.spacing_mm))
    for axis, name in zip(axes[:, 0], ("annotation", *losses), strict=True):
        axis.text2D(
            -0.06, 0.5, name, rotation=90, va="center", ha="center", transform=axis.transAxes
        )
    hit, alarm, missed = "found", "found outside the annotation", "missed"
    figure.legend(
        handles=[
            Patch(color=TRUTH, label=hit),
            Patch(color=PREDICTION, label=alarm),
            Patch(color=MISSED, label=missed),
        ],
        loc="outside lower center",
        ncols=3,
    )
    titled(figure, title, "the same test cases in space, in cubes of equal sides")
    return figure
