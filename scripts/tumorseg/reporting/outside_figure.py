"""The figure of the outside data: how far Dice falls, and whether the differences hold."""

from typing import Any

import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tumorseg.reporting.figure_style import GREY, WIDTH_IN, empty_figure, palette, style, titled
from tumorseg.statistics.comparison import FIXED, OWN, Question
from tumorseg.statistics.outside_words import row_of
from tumorseg.statistics.wording import plural

# What is drawn of each loss: marker, filled or hollow, the place below its row's middle, its name.
INSIDE = ("o", True, -0.27, "inside")
TOGETHER = ("s", True, -0.09, "outside, all trainings together")
AT_OWN = ("s", False, 0.09, "the same at the thresholds they chose")
SINGLE = ("D", False, 0.27, "outside, trainings one by one")


def _draw(axis: Axes, place: int, kind: tuple, colour: Any, ends: tuple[float, ...]) -> None:
    """A marker and, where the ends are numbers, its interval. ends: low, centre, high."""
    marker, filled, below, _ = kind
    low, centre, high = (100 * end for end in ends)
    axis.plot([low, high], [place + below] * 2, color=colour, lw=1.8)
    face = colour if filled else "white"
    axis.plot(centre, place + below, marker, mfc=face, mec=colour, ms=5.5, zorder=3)


def _dice(axis: Axes, place: int, colour: Any, fixed: dict, own: dict) -> None:
    """The left panel's row of one loss: Dice inside and outside."""
    inside, single = fixed["inside_dice"], fixed["single_dice"]
    axis.plot(
        [100 * inside, 100 * single],
        [place + INSIDE[2], place + SINGLE[2]],
        color=colour,
        lw=0.8,
        ls=":",
    )
    _draw(axis, place, INSIDE, colour, (inside,) * 3)
    _draw(axis, place, SINGLE, colour, (single,) * 3)
    for kind, row in ((TOGETHER, fixed), (AT_OWN, own)):
        if row:
            _draw(axis, place, kind, colour, (row["low"], row["dice"], row["high"]))


def outside_figure(
    external: pd.DataFrame, contrasts: pd.DataFrame, inside: pd.DataFrame, question: Question
) -> Figure:
    """Dice of each loss inside and outside, and differences from the reference in both.

    external, contrasts: of statistics/outside.py; inside: the contrasts of the inside data.
    """
    title = f"Outside data (recipe {question.recipe})"
    of_recipe = external[(external["recipe"] == question.recipe)]
    losses = list(dict.fromkeys(of_recipe["loss"]))
    shown = of_recipe[of_recipe["choice"] == FIXED].dropna(subset=["dice", "single_dice"])
    if shown.empty:
        return empty_figure(title, "no loss has a result: every training failed")
    style()
    colours = palette(losses)
    names = list(shown.sort_values("dice", ascending=False, kind="stable")["loss"])
    size = WIDTH_IN, 1.9 + 0.75 * max(2, len(names))
    gap = {"wspace": 0.08}
    figure, (left, right) = plt.subplots(1, 2, figsize=size, sharey=True, gridspec_kw=gap)
    right.axvspan(-100 * question.margin, 100 * question.margin, color="0.93", zorder=0)
    right.axvline(0, color=GREY, lw=1)
    for place, loss in enumerate(names):
        which = {"recipe": question.recipe, "loss": loss}
        fixed = row_of(external, **which, choice=FIXED)
        _dice(left, place, colours[loss], fixed, row_of(external, **which, choice=OWN))
        which["against"] = question.reference
        pairs = [
            (INSIDE, row_of(inside, **which, threshold=FIXED), "low mean_difference high"),
            (TOGETHER, row_of(contrasts, **which, threshold=FIXED), "low mean_difference high"),
            (AT_OWN, row_of(contrasts, **which, threshold=OWN), "low mean_difference high"),
            (
                SINGLE,
                row_of(contrasts, **which, threshold=FIXED),
                "single_low single_difference single_high",
            ),
        ]
        for kind, row, columns in pairs:
            if row:
                ends = tuple(float(row[name]) for name in columns.split())
                _draw(right, place, kind, colours[loss], ends)
        if loss == question.reference:
            right.text(0, place, "  the reference", va="center", fontsize=9, color=GREY)
    left.set_yticks(range(len(names)), names)
    left.set_ylim(len(names) - 0.4, -0.6)
    for axis in (left, right):
        axis.grid(axis="y", visible=False)
    left.set(xlabel="patient-mean Dice (%)", xlim=(-3, 103))
    right.set_xlabel(f"difference from {question.reference} (points of Dice)")
    handles = [
        plt.Line2D([], [], marker=marker, ls="", mfc="0.3" if filled else "white", mec="0.3")
        for marker, filled, *_ in (INSIDE, TOGETHER, AT_OWN, SINGLE)
    ]
    labels = [kind[-1] for kind in (INSIDE, TOGETHER, AT_OWN, SINGLE)]
    figure.legend(handles, labels, loc="outside lower center", ncols=2)
    first = shown.iloc[0]
    counts = f"{plural(int(first['patients']), 'outside patient')}, "
    counts += f"{plural(int(first['inside_patients']), 'inside patient')}; 95 % intervals"
    margin = f"grey: margin of {100 * question.margin:.3g} points"
    titled(figure, title, f"{counts}; dotted: the drop of single trainings; {margin}")
    return figure
