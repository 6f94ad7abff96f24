"""Figures of a paper beside ours: its matrices of p values, and the cases that it shows."""

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from tumorseg.reporting.figure_style import (
    PREDICTION,
    TRUTH,
    WIDTH_IN,
    empty_figure,
    outline,
    show,
    style,
    titled,
)
from tumorseg.reporting.page_parts import grey_limit
from tumorseg.reporting.paper_cases import PaperCase
from tumorseg.statistics.estimates import LEVEL

HIGHER, LOWER, NEITHER = "#b7dcc6", "#f2c4b4", "#ececec"
MATRICES = {
    "p_printed": "as printed",
    "p_rank_sum": "ours, rank-sum\n(as published)",
    "p_signed_rank": "ours, signed-rank\n(paired)",
}


def matrix_figure(tests: pd.DataFrame, paper: str) -> Figure:
    """The matrices of p values: as printed, and ours of both tests; one row for each class.

    tests: paper_tables.tests with a column printed_difference. A cell is green where the row's loss
    has the higher mean Dice, red where the column's has, and bold below 5 %.
    """
    title = f"p values of all pairs, beside those of {paper}"
    if tests.empty:
        return empty_figure(title, "the paper prints no p values for this data set")
    style()
    groups = [rows for _, rows in tests.groupby("table", sort=False)]
    losses = max(len(_losses(rows)) for rows in groups)
    figure, axes = plt.subplots(
        len(groups),
        3,
        figsize=(WIDTH_IN + 2, 1.1 + len(groups) * (0.9 + 0.34 * losses)),
        squeeze=False,
    )
    for line, rows in zip(axes, groups, strict=True):
        for axis, (name, heading) in zip(line, MATRICES.items(), strict=True):
            side = "printed_difference" if name == "p_printed" else "difference"
            _matrix(axis, rows, name, side)
            axis.set_title(heading, fontsize=9)
        line[0].set_ylabel(rows["class"].iloc[0] or rows["table"].iloc[0], fontsize=10)
    titled(
        figure,
        title,
        "green: the row's loss has the higher mean Dice, red: the lower; bold: p < .05 after Holm",
    )
    return figure


def _losses(rows: pd.DataFrame) -> list[str]:
    """The losses of a matrix in their printed order."""
    return list(dict.fromkeys([*rows["against"], *rows["loss"]]))


def _matrix(axis: Axes, rows: pd.DataFrame, name: str, side: str) -> None:
    """Draws one matrix. name: the column of p values; side: that of differences."""
    losses = _losses(rows)
    for row in rows.to_dict("records"):
        y, x = losses.index(row["loss"]), losses.index(row["against"])
        difference, p = row[side], float(row[name])
        colour = NEITHER if not abs(difference) > 0 else HIGHER if difference > 0 else LOWER
        axis.add_patch(plt.Rectangle((x - 0.5, y - 0.5), 1, 1, color=colour))
        text = "–" if math.isnan(p) else "<.001" if p < 0.001 else f"{p:.3f}".replace("0.", ".", 1)
        weight = "bold" if p < LEVEL else "normal"
        axis.text(x, y, text, ha="center", va="center", fontsize=7, weight=weight)
    count = len(losses)
    axis.set(xlim=(-0.5, count - 1.5), ylim=(count - 0.5, 0.5))
    axis.set_xticks(range(count - 1), losses[:-1], rotation=60, ha="right", fontsize=7)
    axis.set_yticks(range(1, count), losses[1:], fontsize=7)
    axis.grid(visible=False)


def _box(mask: np.ndarray, found: list[np.ndarray]) -> tuple[slice, slice]:
    """Rows and columns to show: the tumour in the middle, what was found of it, and a margin.

    A prediction that lies far from the tumour does not enlarge the box beyond four times its side.
    """
    sides = []
    for axis in (0, 1):
        inside = np.flatnonzero(mask.any(axis=1 - axis))
        low, high = (inside[0], inside[-1] + 1) if len(inside) else (0, mask.shape[axis])
        reach = max(8, high - low)
        touched = [np.flatnonzero(other.any(axis=1 - axis)) for other in found]
        ends = [place for places in touched if len(places) for place in (places[0], places[-1] + 1)]
        low, high = min([low, *ends]), max([high, *ends])
        middle = (inside[0] + inside[-1] + 1) / 2 if len(inside) else mask.shape[axis] / 2
        half = min(max(middle - low, high - middle) + reach * 0.5, 2 * reach)
        start, stop = max(0, math.floor(middle - half)), math.ceil(middle + half)
        sides.append(slice(start, min(stop, mask.shape[axis])))
    return sides[0], sides[1]


def case_figure(
    cases: Sequence[PaperCase], losses: Sequence[str], *, title: str, threshold: float
) -> Figure:
    """One row for each case: the outlined tumour, then each loss's prediction over it.

    losses: the headings of the predictions, in the order of PaperCase.predictions.
    """
    if not cases:
        return empty_figure(title, "no test case has a tumour")
    style()
    boxes = [
        _box(case.mask, [p > threshold for p, _ in case.predictions if p is not None])
        for case in cases
    ]
    ratios = [
        case.image[box].shape[0] / case.image[box].shape[1]
        for case, box in zip(cases, boxes, strict=True)
    ]
    width = WIDTH_IN / (1.2 + len(losses))
    figure, axes = plt.subplots(
        len(cases),
        1 + len(losses),
        figsize=(WIDTH_IN, 1.2 + sum(min(1.5, ratio) * width + 0.25 for ratio in ratios)),
        squeeze=False,
    )
    for axis, name in zip(axes[0], ("ground truth", *losses), strict=True):
        axis.set_title(name.replace("_", "\n"), fontsize=8)
    for line, case, box in zip(axes, cases, boxes, strict=True):
        limit = grey_limit(case.image[box])
        line[0].set_ylabel(case.label, fontsize=8)
        for axis, drawn in zip(line, (None, *case.predictions), strict=True):
            show(axis, case.image[box], limit=limit)
            outline(axis, case.mask[box], TRUTH)
            if drawn is None:
                continue
            probability, dice = drawn
            if probability is not None:
                outline(axis, probability[box] > threshold, PREDICTION, "--")
            text = "failed" if probability is None else f"Dice {dice:.2f}"
            axis.set_xlabel(text, fontsize=8, labelpad=2)
    figure.legend(
        handles=[
            Line2D([], [], color=TRUTH, label="ground truth"),
            Line2D([], [], color=PREDICTION, ls="--", label=f"probability > {threshold:g}"),
        ],
        loc="outside lower center",
        ncols=2,
    )
    titled(figure, title, "test cases chosen by their masks alone; the slice with most tumour")
    return figure
