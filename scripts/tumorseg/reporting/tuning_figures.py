"""Figures of the tuning: every trial by epoch, and the effect of each searched value."""

import math
from itertools import product
from typing import Any

import seaborn as sns
from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from tumorseg.reporting.figure_style import LEGEND, WIDTH_IN, empty_figure, style, titled
from tumorseg.tuning.results import values_text, winner
from tumorseg.tuning.search_space import has_values
from tumorseg.tuning.table1 import FinishedSearch

STAR: dict[str, Any] = {
    "marker": "*",
    "s": 130,
    "color": "#D55E00",
    "edgecolor": "white",
    "zorder": 5,
    "clip_on": False,
}


def _panels(count: int) -> tuple[Figure, list[Axes]]:
    columns = min(3, count)
    rows = math.ceil(count / columns)
    size = (WIDTH_IN, 0.8 + 2.9 * rows)
    figure, grid = pyplot.subplots(rows, columns, figsize=size, squeeze=False)
    axes = list(grid.flat)
    for axis in axes[count:]:
        axis.remove()
    return figure, axes[:count]


def curve_figure(searches: list[FinishedSearch], recipe: str) -> Figure:
    """Validation IoU by epoch: one line per trial, one panel per search, a star at the best."""
    title = f"Tuning by epoch ({recipe})"
    shown = [s for s in searches if s.recipe == recipe and len(s.history)]
    if not shown:
        return empty_figure(title, "nothing was searched")
    style()
    figure, axes = _panels(len(shown))
    for axis, search in zip(axes, shown, strict=True):
        trials = list(dict.fromkeys(search.grid_points["trial"]))
        colours = sns.color_palette("viridis", len(trials))
        for trial, colour in zip(trials, colours, strict=True):
            rows = search.history[search.history["trial"] == trial]
            label = values_text(search.chosen(trial))
            axis.plot(rows["epoch"], rows["val_iou"], color=colour, lw=1.4, label=label)
            status = set(search.grid_points.loc[search.grid_points["trial"] == trial, "status"])
            if len(rows) and status & {"pruned", "failed"}:
                last = rows.iloc[-1]
                axis.plot(last["epoch"], last["val_iou"], "x", color=colour, ms=7, mew=2)
        _star(axis, search, "epochs")
        axis.set(title=search.name, xlabel="epoch", ylabel="validation IoU (0 to 1)")
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
        axis.set_ylim(bottom=0)
        if len(trials) <= LEGEND:
            axis.legend(fontsize=6.5)
    titled(figure, title, _result_text(shown))
    return figure


def sensitivity_figure(searches: list[FinishedSearch], recipe: str) -> Figure:
    """Best validation IoU of each trial against each searched value, one panel per dimension."""
    title = f"Effect of each tuned value ({recipe})"
    shown = [s for s in searches if s.recipe == recipe and len(s.history)]
    panels = list(
        dict.fromkeys(
            (loss, name)
            for loss, search in product(dict.fromkeys(s.loss for s in shown), shown)
            if search.loss == loss
            for name in search.dimensions
        )
    )
    if not panels:
        return empty_figure(title, "nothing was searched")
    style()
    figure, axes = _panels(len(panels))
    for axis, (loss, name) in zip(axes, panels, strict=True):
        of_loss = [search for search in shown if search.loss == loss]
        colours = sns.color_palette("colorblind", len(of_loss))
        for search, colour in zip(of_loss, colours, strict=True):
            by = ["trial", "epochs"] if name == "epochs" else ["trial", name]
            points = search.grid_points.groupby(by, as_index=False)["val_iou"].max()
            axis.scatter(points[name], points["val_iou"], s=22, color=colour, label=search.scope)
            best = points.groupby(name)["val_iou"].max()
            if has_values(search.best["searched"][name]):
                axis.plot(best.index, best, color=colour, lw=1)
            _star(axis, search, name)
        values = of_loss[0].best["searched"][name]
        if name == "learning_rate" or (not has_values(values) and values.get("log")):
            axis.set_xscale("log")
            # Labels at 1, 2 and 5 times a power of ten: more would overlap in a panel this narrow.
            axis.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
            axis.xaxis.set_major_formatter(FuncFormatter(lambda value, place: f"{value:g}"))
            axis.xaxis.set_minor_locator(NullLocator())
        axis.set(title=loss, xlabel=name.replace("_", " "), ylabel="validation IoU (0 to 1)")
        axis.set_ylim(bottom=0)
        if len(of_loss) > 1:
            axis.legend(fontsize=6.5)
    titled(figure, title, _result_text(shown))
    return figure


def _star(axis: Axes, search: FinishedSearch, name: str) -> None:
    best = winner(search.grid_points)
    if best is not None:
        axis.scatter(best[name], best["val_iou"], **STAR)


def _result_text(shown: list[FinishedSearch]) -> str:
    epochs = sum(len(search.history) for search in shown)
    separate = sum(int(search.grid_points["epochs"].sum()) for search in shown)
    text = f"{sum(s.grid_points['trial'].nunique() for s in shown)} trials, {epochs} epochs trained"
    if separate > epochs:
        text += f" (training every grid point separately: {separate})"
    best = [f"{s.name} {values_text(s.best['training'] | s.best['constants'])}" for s in shown]
    return f"{text}; star: chosen" + (f": {'; '.join(best)}" if len(best) <= 2 else "")
