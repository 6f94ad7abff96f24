"""Figures of the results: bars by loss (Fig. 4), Dice of every case, training curves."""

import math
import warnings

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib import MatplotlibDeprecationWarning
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tumorseg.audit import published
from tumorseg.reporting.figure_style import LEGEND, WIDTH_IN, empty_figure, palette, style, titled
from tumorseg.statistics.estimates import t_interval

BAR_METRICS = ("precision", "dice", "recall")
LEAST_FOLDS = 3  # with fewer, no interval is drawn: it would span the whole axis
BAR_NAMES = {"precision": "precision", "dice": "F1 (Dice)", "recall": "recall"}


def bar_figure(table: pd.DataFrame) -> Figure:
    """Fig. 4: precision, F1 and recall by loss, one panel per recipe.

    Bars are means over folds of the pooled values, with a 95 % t interval as in the published
    table; dots are folds. table: study_tables.table2 and published_rows, as fractions.
    """
    style()
    folds = table[table["fold"].str.isdigit() & table["aggregation"].isin(["pooled", "not stated"])]
    folds = folds[folds["recipe"] != "baseline"]
    recipes = list(dict.fromkeys(folds["recipe"]))
    losses = list(dict.fromkeys(folds["loss"]))
    used = {recipe: set(folds.loc[folds["recipe"] == recipe, "loss"]) for recipe in recipes}
    shown = {recipe: [loss for loss in losses if loss in used[recipe]] for recipe in recipes}
    groups = sum(map(len, shown.values()))
    figure, axes = plt.subplots(
        1,
        len(recipes),
        figsize=(max(WIDTH_IN, 0.7 * groups), 4.2 if groups <= LEGEND else 5.5),
        sharey=True,
        squeeze=False,
        width_ratios=[len(shown[recipe]) for recipe in recipes],
    )
    colours = palette(list(BAR_METRICS))
    for axis, recipe in zip(axes[0], recipes, strict=True):
        _bars(axis, folds[folds["recipe"] == recipe], shown[recipe], colours)
        axis.set(title="published, averaging not stated" if recipe == published.RECIPE else recipe)
    axes[0, 0].set(ylabel="% (pixels pooled within each fold)", ylim=(0, 105))
    handles = [plt.Rectangle((0, 0), 1, 1, color=colours[name]) for name in BAR_METRICS]
    figure.legend(handles, BAR_NAMES.values(), loc="outside lower center", ncols=3)
    dice = folds.groupby(["recipe", "loss"], sort=False)["dice"].mean()
    lines = []
    for recipe in recipes:
        best = dice[recipe] if len(shown[recipe]) <= 4 else dice[recipe].nlargest(3)
        which = (
            "" if len(best) == len(shown[recipe]) else f"best 3 of {len(shown[recipe])} losses: "
        )
        lines.append(
            f"{recipe}: {which}" + ", ".join(f"{k} {100 * v:.1f}" for k, v in best.items())
        )
    titled(figure, "Fig. 4: precision, F1 and recall by loss", "mean F1 in %: " + "; ".join(lines))
    return figure


def _bars(axis: Axes, folds: pd.DataFrame, losses: list[str], colours: dict[str, tuple]) -> None:
    width = 0.26
    for place, loss in enumerate(losses):
        rows = folds[folds["loss"] == loss]
        for index, name in enumerate(BAR_METRICS):
            values = 100 * rows[name].to_numpy(float)
            values = values[~np.isnan(values)]
            x = place + (index - 1) * width
            if not len(values):
                axis.text(x, 1, "undefined", ha="center", va="bottom", rotation=90, fontsize=8)
                continue
            centre, low, high = t_interval(values)
            axis.bar(x, centre, width * 0.92, color=colours[name], alpha=0.75)
            axis.scatter(
                x + np.linspace(-0.25, 0.25, len(values)) * width,
                values,
                s=9,
                color="0.15",
                zorder=3,
            )
            if len(values) >= LEAST_FOLDS:
                ends = [[centre - max(low, 0)], [min(high, 100) - centre]]
                axis.errorbar(x, centre, ends, color="0.15", capsize=3, lw=1)
    labels = [_fold_label(folds[folds["loss"] == loss], loss) for loss in losses]
    axis.set_xticks(range(len(losses)), labels, rotation=0 if len(losses) < 5 else 60)
    axis.set_xlabel("loss")
    axis.grid(axis="x", visible=False)


def _fold_label(rows: pd.DataFrame, loss: str) -> str:
    failed = int((rows["status"] == "failed").sum())
    folds = f"{failed} of {len(rows)} folds failed" if failed else f"{len(rows)} folds"
    return f"{loss}\n{folds}"


def case_figure(metrics: pd.DataFrame) -> Figure:
    """Dice of every test case by loss: one dot per case over a box plot, one panel per recipe."""
    style()
    cases = metrics[(metrics["status"] == "ok") & (metrics["recipe"] != "baseline")]
    recipes = list(dict.fromkeys(metrics.loc[metrics["recipe"] != "baseline", "recipe"]))
    losses = list(dict.fromkeys(metrics.loc[metrics["recipe"] != "baseline", "loss"]))
    colours = palette(losses)
    figure, axes = plt.subplots(
        1, len(recipes), figsize=(WIDTH_IN, 1.6 + 0.62 * len(losses)), sharex=True, squeeze=False
    )
    np.random.seed(0)  # seaborn's jitter draws from the global generator
    for axis, recipe in zip(axes[0], recipes, strict=True):
        rows = cases[cases["recipe"] == recipe]
        look = {"data": rows, "x": "dice", "y": "loss", "order": losses, "ax": axis}
        hue = {"hue": "loss", "hue_order": losses, "palette": colours, "legend": False}
        if rows["dice"].notna().any():
            with warnings.catch_warnings():  # seaborn 0.13 still calls matplotlib the old way
                warnings.simplefilter("ignore", MatplotlibDeprecationWarning)
                sns.boxplot(**look, **hue, showfliers=False, width=0.5, boxprops={"alpha": 0.4})
            sns.stripplot(**look, **hue, size=2.5, alpha=0.6, jitter=0.2)
        else:
            axis.text(0.5, (len(losses) - 1) / 2, "no Dice is defined", ha="center", va="center")
            axis.set_ylim(len(losses) - 0.5, -0.5)
        axis.set(title=recipe, xlabel="Dice of each test case (0 to 1)", ylabel="loss")
        axis.set_yticks(
            range(len(losses)), [_case_label(rows[rows["loss"] == loss], loss) for loss in losses]
        )
    axes[0, 0].set_xlim(-0.03, 1.03)
    subtitle = (
        f"{metrics['case'].nunique()} cases, each tested once; "
        "at each loss: mean, median, missed tumours"
    )
    titled(figure, "Dice of every test case", subtitle)
    return figure


def _case_label(rows: pd.DataFrame, loss: str) -> str:
    if rows.empty:
        return f"{loss}\nfailed"
    tumours, undefined = int((rows["truth_px"] > 0).sum()), int(rows["dice"].isna().sum())
    defined = f"mean {rows['dice'].mean():.3f}, median {rows['dice'].median():.3f}"
    defined += f", {undefined} undefined" if undefined else ""
    return f"{loss}\n{defined}\n{int(rows['missed'].sum())} of {tumours} tumours missed"


def curve_figure(history: pd.DataFrame, losses: list[str], recipe: str) -> Figure:
    """Training curves: validation Dice of all losses, then the values of each loss.

    Thin lines are trainings, thick lines their mean. history: loss_name, training, epoch, loss,
    val_loss, val_dice. losses: in the order of the other figures, so that colours agree.
    """
    title = f"Training curves ({recipe})"
    if history.empty:
        return empty_figure(title, "no curves: every training failed in its first epoch")
    style()
    colours = palette(losses)
    losses = [loss for loss in losses if (history["loss_name"] == loss).any()]
    columns = min(3, 1 + len(losses))
    rows = math.ceil((1 + len(losses)) / columns)
    figure, grid = plt.subplots(rows, columns, figsize=(WIDTH_IN, 0.9 + 2.9 * rows), squeeze=False)
    axes = list(grid.flat)
    for loss in losses:
        _curves(axes[0], history[history["loss_name"] == loss], "val_dice", colours[loss], loss)
    axes[0].set(title="all losses", xlabel="epoch", ylabel="validation Dice (0 to 1)", ylim=(0, 1))
    if len(losses) <= LEGEND:
        axes[0].legend()
    for axis, loss in zip(axes[1:], losses, strict=False):
        of_loss = history[history["loss_name"] == loss]
        _curves(axis, of_loss, "loss", colours[loss], "training")
        _curves(axis, of_loss, "val_loss", "0.3", "validation", dashes="--")
        axis.set(xlabel="epoch", ylabel=f"{loss} loss (no unit)")
        axis.set_title(loss, color=colours[loss], weight="bold")
        axis.legend()
    for axis in axes[1 + len(losses) :]:
        axis.remove()
    titled(figure, title, _best_epochs(history, losses))
    return figure


def _curves(
    axis: Axes, rows: pd.DataFrame, name: str, colour: object, label: str, dashes: str = "-"
) -> None:
    """Draws one column of the history, a thin line per training and their mean.

    Args:
        axis: where to draw.
        rows: the history of one loss.
        name: the column to draw.
        colour: of all lines.
        label: of the mean, in the legend.
        dashes: the line style.
    """
    for _, training in rows.groupby("training"):
        axis.plot(training["epoch"], training[name], color=colour, lw=0.7, alpha=0.5, ls=dashes)
    means = rows.groupby("epoch")[name].mean()
    axis.plot(means.index, means, color=colour, lw=2, label=label, ls=dashes)


def _best_epochs(history: pd.DataFrame, losses: list[str]) -> str:
    last = history[history["epoch"] == history["epoch"].max()]
    last = last.groupby("loss_name")["val_dice"].mean()
    best = history.groupby(["loss_name", "training"])["val_dice"].max().groupby("loss_name").mean()
    shown = losses if len(losses) <= 4 else sorted(losses, key=lambda loss: -best[loss])[:3]
    texts = [f"{loss} {last.get(loss, math.nan):.3f}" for loss in shown]
    if shown == losses:
        texts = [f"{text} (best {best[loss]:.3f})" for text, loss in zip(texts, shown, strict=True)]
    which = "" if shown == losses else f" (best 3 of {len(losses)} losses)"
    epochs, trainings = int(history["epoch"].max()), history["training"].nunique()
    sizes = f"{epochs} epochs, {trainings} trainings per loss"
    return f"{sizes}; mean final validation Dice{which}: " + ", ".join(texts)
