"""Figure of the trainings' ends: how much each still gained in its last fifth of epochs."""

import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from tumorseg.reporting.figure_style import WIDTH_IN, empty_figure, palette, style, titled
from tumorseg.statistics.convergence import CONVERGED, STILL_RISING

TITLE = "Had the trainings converged?"
POINTS_OF = {"val_iou": "validation IoU", "val_dice": "validation Dice"}
POINTS_OF["val_loss"] = "the loss's fall"


def gain_figure(table: pd.DataFrame) -> Figure:
    """Gain of each training from its last fifth but one to its last fifth, a row per loss.

    table: statistics.convergence.convergence_table. Filled: converged; hollow: not. Bars: standard
    errors. Trainings without a gain (failed, too few epochs) are counted in the subtitle.
    """
    judged = table.dropna(subset=["gain"])
    open_ = int((table["verdict"] != CONVERGED).sum())
    count = f"{open_} of {len(table)}" if open_ else f"none of {len(table)}"
    subtitle = f"{count} trainings had not converged"
    if len(judged) < len(table):
        subtitle += f"; {len(table) - len(judged)} without a gain to show (see the table)"
    if judged.empty:
        return empty_figure(TITLE, subtitle)
    style()
    recipes = list(dict.fromkeys(judged["recipe"]))
    losses = list(dict.fromkeys(judged["loss"]))
    colours = palette(losses)
    height = 1.5 + 0.4 * max(len(losses), 3)
    figure, axes = plt.subplots(
        1, len(recipes), figsize=(WIDTH_IN, height), squeeze=False, sharey=True
    )
    for axis, recipe in zip(axes[0], recipes, strict=True):
        axis.axvline(0, color="0.35", lw=1)
        axis.axvline(100 * STILL_RISING, color="0.35", lw=1, ls="--")
        for place, loss in enumerate(losses):
            mine = judged[(judged["recipe"] == recipe) & (judged["loss"] == loss)]
            for index, row in enumerate(mine.itertuples()):
                y = place + 0.5 * ((index + 0.5) / len(mine) - 0.5)
                filled = row.verdict == CONVERGED
                axis.errorbar(
                    100 * row.gain,
                    y,
                    xerr=100 * row.gain_error,
                    fmt="o",
                    ms=5,
                    lw=1,
                    color=colours[loss],
                    mfc=colours[loss] if filled else "white",
                )
        axis.set_yticks(range(len(losses)), losses)
        axis.set_ylim(len(losses) - 0.4, -0.6)
        axis.grid(axis="y", visible=False)
        judged_by = judged.loc[judged["recipe"] == recipe, "judged_by"].iloc[0]
        axis.set(title=recipe, xlabel=f"gain in the last fifth, points of {POINTS_OF[judged_by]}")
    titled(figure, TITLE, subtitle + " (hollow); dashed: a gain of 1 point")
    return figure
