"""Figures of how each loss behaves: precision and recall, tumour size, thresholds, calibration."""

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from tumorseg.reporting.figure_style import GREY, WIDTH_IN, empty_figure, palette, style, titled
from tumorseg.statistics.comparison import Question
from tumorseg.statistics.own_threshold import dice_of_counts


def balance_figure(metrics: pd.DataFrame, question: Question, losses: list[str]) -> Figure:
    """Pooled precision against recall: small dots are trainings, large dots all folds together."""
    style()
    title = f"Precision against recall (recipe {question.recipe})"
    chosen = (metrics["recipe"] == question.recipe) & (metrics["status"] == "ok")
    done, colours = metrics[chosen], palette(losses)
    figure, axis = plt.subplots(figsize=(WIDTH_IN * 0.75, 5.2))
    grid = np.linspace(0.01, 1, 200)
    for dice in (0.2, 0.4, 0.6, 0.8):
        line = dice * grid / (2 * grid - dice)
        shown = (line > 0) & (line <= 1)
        axis.plot(grid[shown], line[shown], color="0.8", lw=0.8, zorder=0)
        axis.text(1.01, dice / (2 - dice), f"Dice {dice}", fontsize=8, color="0.5", va="center")
    for loss in losses:
        of_loss = done[done["loss"] == loss]
        counts = of_loss.groupby(["seed", "fold"])[["tp", "fp", "fn"]].sum()
        for rows, size, edge in ((counts, 14, 0), (counts.sum().to_frame().T, 80, 1)):
            x, y = rows["tp"] / (rows["tp"] + rows["fn"]), rows["tp"] / (rows["tp"] + rows["fp"])
            label = loss if edge else None
            axis.scatter(x, y, s=size, color=colours[loss], lw=edge, ec="black", label=label)
    axis.set(
        xlabel="recall (pooled, 0 to 1)",
        ylabel="precision (pooled, 0 to 1)",
        xlim=(0, 1),
        ylim=(0, 1.02),
    )
    figure.legend(loc="outside right center")
    titled(figure, title, "small dots: test folds; large dots: all folds; grey lines: equal Dice")
    return figure


def size_figure(metrics: pd.DataFrame, question: Question, losses: list[str]) -> Figure:
    """Dice of each image against its tumour size, with a line of medians per loss."""
    title = f"Dice against tumour size (recipe {question.recipe})"
    chosen = (metrics["recipe"] == question.recipe) & (metrics["status"] == "ok")
    done = metrics[chosen & (metrics["truth_px"] > 0)]
    if done.empty:
        return empty_figure(title, "no results: every training failed")
    style()
    colours = palette(losses)
    figure, axis = plt.subplots(figsize=(WIDTH_IN, 4.4))
    images = done.groupby(["loss", "case"], sort=False)[["truth_px", "dice"]].mean().reset_index()
    edges = np.unique(images["truth_px"].quantile(np.linspace(0, 1, 7)))
    for loss in losses:
        rows = images[images["loss"] == loss]
        if rows.empty:
            continue
        if len(losses) <= 4:
            axis.scatter(rows["truth_px"], rows["dice"], s=7, color=colours[loss], alpha=0.35, lw=0)
        bins = pd.cut(rows["truth_px"], edges, include_lowest=True)
        medians = rows.groupby(bins, observed=True)[["truth_px", "dice"]].median()
        sizes, dices = medians["truth_px"], medians["dice"]
        axis.plot(sizes, dices, "o-", color=colours[loss], label=loss, ms=5)
    axis.set(xscale="log", xlabel="tumour size in pixels (log scale)", ylabel="Dice (0 to 1)")
    axis.set_ylim(-0.03, 1.03)
    figure.legend(loc="outside right center")
    titled(
        figure, title, "line: median in six equal groups of images by tumour size (seeds averaged)"
    )
    return figure


def threshold_figure(
    curves: pd.DataFrame, chosen: pd.DataFrame, question: Question, losses: list[str], fixed: float
) -> Figure:
    """Patient-mean Dice of the test cases against the threshold, with the chosen thresholds.

    Args:
        curves: counts of every case at every threshold (thresholds tables).
        chosen: the threshold that each training's validation cases chose.
        question: which recipe is shown.
        losses: in the order of the other figures, so that colours agree.
        fixed: the comparison's fixed threshold.
    """
    title = f"Dice against the threshold (recipe {question.recipe})"
    tested = curves[(curves["recipe"] == question.recipe) & (curves["role"] == "test")]
    if tested.empty:
        return empty_figure(title, "no results: every training failed")
    style()
    colours = palette(losses)
    figure, axis = plt.subplots(figsize=(WIDTH_IN, 4.4))
    axis.axvline(fixed, color=GREY, lw=1)
    tested = tested.assign(dice=dice_of_counts)
    for loss in losses:
        of_loss = tested[tested["loss"] == loss]
        of_patients = of_loss.groupby(["threshold", "patient"], sort=False)["dice"].mean()
        means = of_patients.groupby("threshold").mean()
        axis.plot(means.index, means, color=colours[loss], label=loss)
        picked = chosen[(chosen["recipe"] == question.recipe) & (chosen["loss"] == loss)]
        heights = means.reindex(picked["threshold"])
        axis.scatter(picked["threshold"], heights, s=22, color=colours[loss], ec="white", zorder=3)
    axis.set(
        xlabel="threshold of the probability", ylabel="patient-mean Dice (0 to 1)", xlim=(0, 1)
    )
    axis.set_ylim(bottom=0)
    figure.legend(loc="outside right center")
    subtitle = f"grey line: the fixed threshold {fixed}; dots: chosen on the validation cases"
    titled(figure, title, subtitle)
    return figure


def reliability_figure(
    bins: pd.DataFrame, calibration: pd.DataFrame, question: Question, losses: list[str]
) -> Figure:
    """Share of tumour pixels by predicted probability, and the number of pixels below."""
    style()
    shown = bins[bins["recipe"] == question.recipe]
    colours, errors = palette(losses), calibration.set_index(["recipe", "loss"])
    figure, (axis, below) = plt.subplots(
        2, 1, figsize=(WIDTH_IN * 0.75, 6.4), sharex=True, height_ratios=[3, 1]
    )
    axis.plot([0, 1], [0, 1], color=GREY, lw=1)
    for loss in losses:
        rows = shown[shown["loss"] == loss].groupby("bin_low").sum(numeric_only=True)
        rows = rows[rows["pixels"] > 0]
        if rows.empty:
            continue
        x = rows["probability_sum"] / rows["pixels"]
        error = errors.loc[(question.recipe, loss), "ece_above_10_pct"]
        label = f"{loss}  {error:.3f}"
        axis.plot(x, rows["true_px"] / rows["pixels"], "o-", color=colours[loss], label=label, ms=4)
        below.plot(x, rows["pixels"], "o-", color=colours[loss], ms=3, lw=1)
    axis.set(ylabel="share of tumour pixels", ylim=(0, 1))
    below.set(
        yscale="log",
        xlabel="predicted probability (mean of each tenth)",
        ylabel="pixels",
        xlim=(0, 1),
    )
    if axis.lines[1:]:  # beside the diagonal
        figure.legend(loc="outside right center", title="loss  ECE above .1")
    subtitle = "diagonal: probabilities equal frequencies; below it: overconfident"
    titled(figure, f"Reliability of the probabilities (recipe {question.recipe})", subtitle)
    return figure
