"""Figures of the statistics: each loss against the reference, ranks, thresholds, reliability."""

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tumorseg.reporting.figure_style import LEGEND, WIDTH_IN, empty_figure, palette, style, titled
from tumorseg.statistics.comparison import FIXED, OWN, PRIMARY, Question, dice_of_counts, interval
from tumorseg.statistics.estimates import LEVEL, p_text

GREY = "0.35"


def _rows(number: int, of_each: float = 0.34) -> float:
    return 1.5 + of_each * max(number, 3)


def _plain(axis: Axes, names: list[str]) -> None:
    """Losses as the rows of an axis, the first on top."""
    axis.set_yticks(range(len(names)), names)
    axis.set_ylim(len(names) - 0.4, -0.6)
    axis.grid(axis="y", visible=False)


def forest_figure(contrasts: pd.DataFrame, question: Question, losses: list[str]) -> Figure:
    """Mean difference of patients' Dice from the reference with its interval, a row a loss.

    contrasts: comparison.contrasts. Filled: the fixed threshold; hollow: each training's own.
    """
    title = f"Difference from {question.reference} (recipe {question.recipe})"
    against = (contrasts["recipe"] == question.recipe) & (
        contrasts["against"] == question.reference
    )
    ours = contrasts[against].dropna(subset=["mean_difference"])
    if ours.empty:
        return empty_figure(title, "there is no second loss to hold against the reference")
    style()
    colours = palette(losses)
    fixed = ours[ours["threshold"] == FIXED].sort_values("mean_difference", ascending=False)
    names = list(fixed["loss"])
    figure, axis = plt.subplots(figsize=(WIDTH_IN, _rows(len(names))))
    lowest, highest = ours[["low", "high"]].min(axis=None), ours[["low", "high"]].max(axis=None)
    axis.axvline(0, color=GREY, lw=1)
    for threshold, offset, face in ((FIXED, -0.12, True), (OWN, 0.16, False)):
        rows = ours[ours["threshold"] == threshold].set_index("loss")
        for place, name in enumerate(names):
            if name not in rows.index:
                continue
            row, colour = rows.loc[name], colours[name]
            axis.plot([100 * row["low"], 100 * row["high"]], [place + offset] * 2, color=colour)
            kind = {"mfc": colour if face else "white", "mec": colour, "ms": 6 if face else 5}
            axis.plot(100 * row["mean_difference"], place + offset, "o", **kind)
            if face:
                text = f"{100 * row['mean_difference']:+.1f}   {p_text(row['p_holm'])}"
                right = 100 * highest + 0.04 * 100 * (highest - lowest)
                star = "bold" if row["p_holm"] < LEVEL else "normal"
                axis.text(right, place, text, va="center", fontsize=9, weight=star)
    _plain(axis, names)
    axis.set_xlim(right=100 * (highest + 0.28 * max(highest - lowest, 0.01)))
    axis.set_xlabel(f"patient-mean Dice minus {question.reference}'s, percentage points")
    primary = (fixed["role"] == PRIMARY).all()
    said = f"{int(fixed['patients'].max())} patients; 95 % intervals; p: signed-rank, Holm over "
    said += f"{len(names)} primary contrasts" if primary else "all exploratory contrasts"
    titled(figure, title, said + "; hollow: each training at its own threshold")
    return figure


def paired_figure(scores: pd.DataFrame, question: Question, losses: list[str]) -> Figure:
    """Every patient's Dice with each loss, joined across losses; means with 95 % intervals.

    scores: comparison.patient_scores, seeds averaged here. Losses best first.
    """
    style()
    own = {
        loss: scores[question.recipe, loss].mean(axis=1, skipna=False)
        for loss in losses
        if (question.recipe, loss) in scores
    }
    table = pd.DataFrame(own)
    title = f"Every patient under every loss (recipe {question.recipe})"
    if table.notna().sum().sum() == 0:
        return empty_figure(title, "every training failed")
    names = list(table.mean().sort_values(ascending=False, kind="stable").index)
    colours = palette(losses)
    figure, axis = plt.subplots(figsize=(max(WIDTH_IN, 0.62 * len(names)), 4.6))
    jitter = np.random.default_rng(0).uniform(-0.13, 0.13, len(table))
    places = np.arange(len(names))[None] + jitter[:, None]
    if len(names) <= LEGEND:
        for x, y in zip(places, table[names].to_numpy(), strict=True):
            axis.plot(x, y, color="0.6", lw=0.4, alpha=0.5, zorder=1)
    for place, name in enumerate(names):
        axis.scatter(places[:, place], table[name], s=10, color=colours[name], alpha=0.7, lw=0)
        centre, low, high = interval(scores[question.recipe, name], question)
        x = place + 0.27
        axis.errorbar(x, centre, [[centre - low], [high - centre]], fmt="D", color="0.1", capsize=3)
        axis.plot([place - 0.2, place + 0.2], [table[name].median()] * 2, color="0.1", lw=2)
        axis.text(x + 0.06, centre, f"{centre:.2f}", fontsize=8.5, va="center")
    many = len(names) > 5
    turned = {"rotation": 30, "ha": "right"} if many else {}
    axis.set_xticks(range(len(names)), names, **turned)
    axis.set(ylabel="patient's mean Dice (0 to 1)", ylim=(-0.03, 1.03), xlim=(-0.5, len(names)))
    axis.grid(axis="x", visible=False)
    said = f"{len(table)} patients, a dot each (seeds averaged)"
    said += ", a line joins a patient's dots" if len(names) <= LEGEND else ""
    titled(figure, title, said + "; bar: median; diamond: mean with 95 % interval")
    return figure


def ranking_figure(ranking: pd.DataFrame, question: Question, losses: list[str]) -> Figure:
    """Average ranks over patients, with Nemenyi's critical difference, and bootstrap ranks."""
    ours = ranking[ranking["recipe"] == question.recipe].dropna(subset=["mean"])
    title = f"Ranks of the losses (recipe {question.recipe})"
    if "average_rank" not in ours or ours["average_rank"].notna().sum() < 2:
        return empty_figure(title, "fewer than two losses to rank")
    style()
    ours = ours.dropna(subset=["average_rank"]).sort_values("average_rank")
    colours, names = palette(losses), list(ours["loss"])
    figure, (left, right) = plt.subplots(
        1, 2, figsize=(WIDTH_IN, _rows(len(names), 0.3)), sharey=True
    )
    critical = ours["critical_difference"].iloc[0]
    for place, row in enumerate(ours.itertuples()):
        left.plot(row.average_rank, place, "o", color=colours[row.loss])
        right.plot([row.rank_low, row.rank_high], [place] * 2, color=colours[row.loss], lw=5)
        right.text(row.rank_high + 0.15, place, f"{100 * row.p_first:.0f} %", va="center", size=9)
        if not np.isnan(critical):
            ends = [row.average_rank - critical / 2, row.average_rank + critical / 2]
            left.plot(ends, [place] * 2, color=colours[row.loss], lw=1.5)
    _plain(left, names)
    right.grid(axis="y", visible=False)
    left.set_xlabel("average rank over patients (1 is best)")
    right.set(xlabel="rank by mean Dice, 95 % of bootstrap samples", xlim=(0.6, len(names) + 1.2))
    right.set_xticks(range(1, len(names) + 1))
    p = ours["friedman_p"].iloc[0]
    said = f"{int(ours['ranked_patients'].iloc[0])} patients; "
    if not np.isnan(critical):
        said += f"Friedman {p_text(p)}; lines that do not overlap differ (Nemenyi); "
    titled(figure, title, said + "% right: how often first")
    return figure


def balance_figure(metrics: pd.DataFrame, question: Question, losses: list[str]) -> Figure:
    """Pooled precision against recall: a small dot a training's fold, a large one all folds."""
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
        own = done[done["loss"] == loss]
        parts = own.groupby(["seed", "fold"])[["tp", "fp", "fn"]].sum()
        for rows, size, edge in ((parts, 14, 0), (parts.sum().to_frame().T, 80, 1)):
            x, y = rows["tp"] / (rows["tp"] + rows["fn"]), rows["tp"] / (rows["tp"] + rows["fp"])
            label = loss if edge else None
            axis.scatter(x, y, s=size, color=colours[loss], lw=edge, ec="black", label=label)
    axis.set(xlabel="recall, pooled", ylabel="precision, pooled", xlim=(0, 1), ylim=(0, 1.02))
    figure.legend(loc="outside right center")
    titled(figure, title, "small: one training's test fold; large: all; grey: equal Dice")
    return figure


def size_figure(metrics: pd.DataFrame, question: Question, losses: list[str]) -> Figure:
    """Dice against tumour size: a dot an image for the reference and the best, medians for all."""
    title = f"Dice against tumour size (recipe {question.recipe})"
    chosen = (metrics["recipe"] == question.recipe) & (metrics["status"] == "ok")
    done = metrics[chosen & (metrics["truth_px"] > 0)]
    if done.empty:
        return empty_figure(title, "every training failed")
    style()
    colours = palette(losses)
    figure, axis = plt.subplots(figsize=(WIDTH_IN, 4.4))
    images = done.groupby(["loss", "case"], sort=False)[["truth_px", "dice"]].mean().reset_index()
    edges = np.unique(images["truth_px"].quantile(np.linspace(0, 1, 7)))
    for loss in losses:
        own = images[images["loss"] == loss]
        if own.empty:
            continue
        if len(losses) <= 4:
            axis.scatter(own["truth_px"], own["dice"], s=7, color=colours[loss], alpha=0.35, lw=0)
        bins = pd.cut(own["truth_px"], edges, include_lowest=True)
        middle = own.groupby(bins, observed=True)[["truth_px", "dice"]].median()
        axis.plot(middle["truth_px"], middle["dice"], "o-", color=colours[loss], label=loss, ms=5)
    axis.set(xscale="log", xlabel="true tumour, pixels (log scale)", ylabel="Dice of an image")
    axis.set_ylim(-0.03, 1.03)
    figure.legend(loc="outside right center")
    titled(figure, title, "line: median in sixths of the images by size (seeds averaged)")
    return figure


def threshold_figure(
    curves: pd.DataFrame, chosen: pd.DataFrame, question: Question, losses: list[str], fixed: float
) -> Figure:
    """Patient-mean Dice of the test cases against the threshold, and what validation chose."""
    title = f"Dice against the threshold (recipe {question.recipe})"
    mine = curves[(curves["recipe"] == question.recipe) & (curves["role"] == "test")]
    if mine.empty:
        return empty_figure(title, "every training failed")
    style()
    colours = palette(losses)
    figure, axis = plt.subplots(figsize=(WIDTH_IN, 4.4))
    axis.axvline(fixed, color=GREY, lw=1)
    mine = mine.assign(dice=dice_of_counts)
    for loss in losses:
        own = mine[mine["loss"] == loss]
        of_patients = own.groupby(["threshold", "patient"], sort=False)["dice"].mean()
        means = of_patients.groupby("threshold").mean()
        axis.plot(means.index, means, color=colours[loss], label=loss)
        picked = chosen[(chosen["recipe"] == question.recipe) & (chosen["loss"] == loss)]
        heights = means.reindex(picked["threshold"])
        axis.scatter(picked["threshold"], heights, s=22, color=colours[loss], ec="white", zorder=3)
    axis.set(xlabel="threshold of the probability", ylabel="patient-mean Dice", xlim=(0, 1))
    axis.set_ylim(bottom=0)
    figure.legend(loc="outside right center")
    said = f"grey: the fixed threshold {fixed}; dots: chosen on each training's validation cases"
    titled(figure, title, said)
    return figure


def reliability_figure(
    bins: pd.DataFrame, calibration: pd.DataFrame, question: Question, losses: list[str]
) -> Figure:
    """How often pixels of a given probability are tumour, and how many pixels there are."""
    style()
    mine = bins[bins["recipe"] == question.recipe]
    colours, errors = palette(losses), calibration.set_index(["recipe", "loss"])
    figure, (axis, below) = plt.subplots(
        2, 1, figsize=(WIDTH_IN * 0.75, 6.4), sharex=True, height_ratios=[3, 1]
    )
    axis.plot([0, 1], [0, 1], color=GREY, lw=1)
    for loss in losses:
        own = mine[mine["loss"] == loss].groupby("bin_low").sum(numeric_only=True)
        own = own[own["pixels"] > 0]
        if own.empty:
            continue
        x = own["probability_sum"] / own["pixels"]
        error = errors.loc[(question.recipe, loss), "ece_above_10_pct"]
        label = f"{loss}  {error:.3f}"
        axis.plot(x, own["true_px"] / own["pixels"], "o-", color=colours[loss], label=label, ms=4)
        below.plot(x, own["pixels"], "o-", color=colours[loss], ms=3, lw=1)
    axis.set(ylabel="share of pixels that are tumour", ylim=(0, 1))
    below.set(yscale="log", xlabel="predicted probability (tenths)", ylabel="pixels", xlim=(0, 1))
    figure.legend(loc="outside right center", title="loss  ECE above .1")
    said = "on the diagonal a probability means what it says; below it the loss is overconfident"
    titled(figure, f"Reliability (recipe {question.recipe})", said)
    return figure


def subgroup_figure(subgroups: pd.DataFrame, question: Question, losses: list[str]) -> Figure:
    """Patient-mean Dice by subgroup, a panel a kind: Fig. 3 of the 2024 paper, with intervals."""
    title = f"Dice by subgroup (recipe {question.recipe})"
    mine = subgroups[subgroups["recipe"] == question.recipe].dropna(subset=["dice"])
    if mine.empty:
        return empty_figure(title, "every training failed")
    style()
    kinds, colours = list(dict.fromkeys(mine["kind"])), palette(losses)
    columns = min(3, len(kinds))
    rows = -(-len(kinds) // columns)
    figure, grid = plt.subplots(
        rows, columns, figsize=(WIDTH_IN, 1 + 2.6 * rows), sharey=True, squeeze=False
    )
    for axis in grid.flat[len(kinds) :]:
        axis.remove()
    for axis, kind in zip(grid.flat, kinds, strict=False):
        of_kind = mine[mine["kind"] == kind]
        groups = list(dict.fromkeys(of_kind["group"]))
        for place, loss in enumerate(losses):
            own = of_kind[of_kind["loss"] == loss].set_index("group").reindex(groups)
            x = np.arange(len(groups)) + (place - (len(losses) - 1) / 2) * 0.7 / len(losses)
            ends = [own["dice"] - own["low"], own["high"] - own["dice"]]
            axis.errorbar(x, own["dice"], ends, fmt="o", ms=4, lw=1.2, color=colours[loss])
        sizes = of_kind.groupby("group")["patients"].max()
        names = [f"{group}\n{sizes[group]} patients" for group in groups]
        axis.set_xticks(range(len(groups)), names)
        axis.set(title=kind, ylim=(0, 1))
        axis.grid(axis="x", visible=False)
    for axis in grid[:, 0]:
        axis.set_ylabel("patient-mean Dice")
    handles = [plt.Line2D([], [], marker="o", color=colours[loss]) for loss in losses]
    figure.legend(handles, losses, loc="outside lower center", ncols=min(4, len(losses)))
    titled(figure, title, "95 % intervals, not adjusted for their number; exploratory")
    return figure
