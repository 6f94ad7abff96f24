"""Figures that compare losses: differences from the reference, patients, ranks, subgroups."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tumorseg.reporting.figure_style import (
    GREY,
    LEGEND,
    WIDTH_IN,
    empty_figure,
    palette,
    style,
    titled,
)
from tumorseg.statistics.comparison import OWN, Question, interval
from tumorseg.statistics.estimates import p_text
from tumorseg.statistics.two_sources import counted
from tumorseg.statistics.verdicts import FINAL


def _height_in(rows: int, row_in: float = 0.34) -> float:
    """The height of a figure with one row per loss."""
    return 1.5 + row_in * max(rows, 3)


def _label_rows(axis: Axes, names: list[str]) -> None:
    """Labels the rows of an axis with the losses, the first on top."""
    axis.set_yticks(range(len(names)), names)
    axis.set_ylim(len(names) - 0.4, -0.6)
    axis.grid(axis="y", visible=False)


def forest_figure(
    contrasts: pd.DataFrame, verdicts: pd.DataFrame, question: Question, losses: list[str]
) -> Figure:
    """Mean difference in Dice from the reference loss, with its interval; one row per loss.

    contrasts: as returned by comparison.contrasts, verdicts: by verdicts.verdicts. Filled dots: the
    fixed threshold; hollow dots: the threshold that each training's validation patients chose.
    Thick lines: 95 %; thin ones: at the level of Holm's correction. Grey band: within the margin.
    """
    title = f"Difference from {question.reference} (recipe {question.recipe})"
    said = verdicts.dropna(subset=["mean"]) if len(verdicts) else verdicts
    if said.empty:
        return empty_figure(title, "there is no other loss to compare with the reference")
    style()
    colours = palette(losses)
    said = said.sort_values("mean", ascending=False, kind="stable")
    names = list(said["loss"])
    at_own = contrasts[
        (contrasts["recipe"] == question.recipe)
        & (contrasts["against"] == question.reference)
        & (contrasts["threshold"] == OWN)
    ].set_index("loss")
    figure, axis = plt.subplots(figsize=(WIDTH_IN, _height_in(len(names))))
    axis.axvspan(-100 * question.margin, 100 * question.margin, color="0.93", zorder=0)
    axis.axvline(0, color=GREY, lw=1)
    shown = [said[["adjusted_low", "mean", "adjusted_high"]].to_numpy(float).ravel()]
    for place, row in enumerate(said.to_dict("records")):
        colour, y = colours[row["loss"]], place - 0.12
        for low, high, width in (("low", "high", 2.6), ("adjusted_low", "adjusted_high", 1)):
            axis.plot([100 * row[low], 100 * row[high]], [y, y], color=colour, lw=width)
        axis.plot(100 * row["mean"], y, "o", mfc=colour, mec=colour, ms=6)
        if row["loss"] in at_own.index:
            own = at_own.loc[row["loss"]]
            ends = own[["low", "mean_difference", "high"]].to_numpy(float)
            shown.append(ends)
            axis.plot(100 * ends[[0, 2]], [place + 0.16] * 2, color=colour, lw=1.6)
            axis.plot(100 * ends[1], place + 0.16, "o", mfc="white", mec=colour, ms=5)
    values = np.concatenate(shown)
    lowest, highest = np.nanmin(values), max(np.nanmax(values), question.margin)
    width = max(highest - min(lowest, -question.margin), 0.01)
    for place, row in enumerate(said.to_dict("records")):
        weight = "bold" if row["verdict"] in FINAL else "normal"
        text = f"{100 * row['mean']:+.1f}   {row['verdict']}"
        axis.text(
            100 * (highest + 0.04 * width), place, text, va="center", fontsize=9, weight=weight
        )
    _label_rows(axis, names)
    axis.set_xlim(right=100 * (highest + 0.32 * width))
    axis.set_xlabel(
        f"difference in patient-mean Dice from {question.reference} (percentage points)"
    )
    first = said.iloc[0]
    trainings = f"{first['trainings']} training" + ("s" if first["trainings"] != 1 else "")
    subtitle = f"{first['patients']} patients, {trainings} of each loss; 95 % intervals"
    subtitle += " (thin: with Holm's correction)" if len(said) > 1 else ""
    subtitle += f"; grey: margin of {100 * question.margin:.3g} points"
    subtitle += "; hollow: own thresholds" if len(at_own) else ""
    titled(figure, title, subtitle)
    return figure


def paired_figure(scores: pd.DataFrame, question: Question, losses: list[str]) -> Figure:
    """Every patient's Dice with each loss, joined by lines; losses from best to worst.

    scores: as returned by comparison.patient_scores; seeds are averaged here.
    """
    style()
    by_loss = {
        loss: counted(scores[question.recipe, loss])
        for loss in losses
        if (question.recipe, loss) in scores
    }
    table = pd.DataFrame(by_loss)
    title = f"Dice of every patient with every loss (recipe {question.recipe})"
    if table.notna().sum().sum() == 0:
        return empty_figure(title, "no results: every training failed")
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
        centre, low, high = interval(scores[question.recipe, name], least=0)
        x = place + 0.27
        axis.errorbar(x, centre, [[centre - low], [high - centre]], fmt="D", color="0.1", capsize=3)
        axis.plot([place - 0.2, place + 0.2], [table[name].median()] * 2, color="0.1", lw=2)
        axis.text(x + 0.06, centre, f"{centre:.2f}", fontsize=8.5, va="center")
    slanted: dict[str, Any] = {"rotation": 30, "ha": "right"} if len(names) > 5 else {}
    axis.set_xticks(range(len(names)), names, **slanted)
    axis.set(
        ylabel="mean Dice of each patient (0 to 1)", ylim=(-0.03, 1.03), xlim=(-0.5, len(names))
    )
    axis.grid(axis="x", visible=False)
    subtitle = f"{len(table)} patients, one dot each (seeds averaged)"
    subtitle += ", lines join the same patient" if len(names) <= LEGEND else ""
    titled(figure, title, subtitle + "; bar: median; diamond: mean with 95 % interval")
    return figure


def ranking_figure(ranking: pd.DataFrame, question: Question, losses: list[str]) -> Figure:
    """Average ranks over patients with Nemenyi's critical difference, and possible places."""
    ranked = ranking[ranking["recipe"] == question.recipe].dropna(subset=["mean"])
    title = f"Ranks of the losses (recipe {question.recipe})"
    if "average_rank" not in ranked or ranked["average_rank"].notna().sum() < 2:
        return empty_figure(title, "there are fewer than two losses to rank")
    style()
    ranked = ranked.dropna(subset=["average_rank"]).sort_values("average_rank")
    colours, names = palette(losses), list(ranked["loss"])
    figure, (left, right) = plt.subplots(
        1, 2, figsize=(WIDTH_IN, _height_in(len(names), 0.3)), sharey=True
    )
    critical = ranked["critical_difference"].iloc[0]
    for place, row in enumerate(ranked.itertuples()):
        left.plot(row.average_rank, place, "o", color=colours[row.loss])
        right.plot([row.place_low, row.place_high], [place] * 2, color=colours[row.loss], lw=5)
        right.plot([row.place_low, row.place_high], [place] * 2, "o", color=colours[row.loss], ms=5)
        right.text(row.place_high + 0.2, place, f"{100 * row.p_first:.0f} %", va="center", size=9)
        if not np.isnan(critical):
            ends = [row.average_rank - critical / 2, row.average_rank + critical / 2]
            left.plot(ends, [place] * 2, color=colours[row.loss], lw=1.5)
    _label_rows(left, names)
    right.grid(axis="y", visible=False)
    left.set_xlabel("average rank over patients (1 is best)")
    right.set(xlabel="possible places (95 %, all pairs at once)", xlim=(0.6, len(names) + 1.2))
    right.set_xticks(range(1, len(names) + 1))
    p = ranked["friedman_p"].iloc[0]
    subtitle = f"{int(ranked['ranked_patients'].iloc[0])} patients; "
    if not np.isnan(critical):
        subtitle += f"left: patients only, Friedman {p_text(p)}, lines: Nemenyi; "
    titled(figure, title, subtitle + "right: patients and trainings, and how often it is best")
    return figure


def subgroup_figure(
    subgroups: pd.DataFrame, recipe: str, losses: list[str], title: str = ""
) -> Figure:
    """Patient-mean Dice by subgroup with intervals, one panel per grouping (2024 paper, Fig. 3)."""
    title = title or f"Dice by subgroup (recipe {recipe})"
    shown = subgroups[subgroups["recipe"] == recipe].dropna(subset=["dice"])
    if shown.empty:
        return empty_figure(title, "no subgroup has a defined Dice")
    style()
    kinds, colours = list(dict.fromkeys(shown["kind"])), palette(losses)
    columns = min(3, len(kinds))
    panel_rows = -(-len(kinds) // columns)
    figure, grid = plt.subplots(
        panel_rows, columns, figsize=(WIDTH_IN, 1 + 2.6 * panel_rows), sharey=True, squeeze=False
    )
    for axis in grid.flat[len(kinds) :]:
        axis.remove()
    for axis, kind in zip(grid.flat, kinds, strict=False):
        of_kind = shown[shown["kind"] == kind]
        groups = list(dict.fromkeys(of_kind["group"]))
        for place, loss in enumerate(losses):
            rows = of_kind[of_kind["loss"] == loss].set_index("group").reindex(groups)
            x = np.arange(len(groups)) + (place - (len(losses) - 1) / 2) * 0.7 / len(losses)
            ends = [rows["dice"] - rows["low"], rows["high"] - rows["dice"]]
            axis.errorbar(x, rows["dice"], ends, fmt="o", ms=4, lw=1.2, color=colours[loss])
        sizes = of_kind.groupby("group")["patients"].max()
        names = [f"{g}\n{sizes[g]} patient{'s' if sizes[g] != 1 else ''}" for g in groups]
        axis.set_xticks(range(len(groups)), names)
        axis.set(title=kind, ylim=(0, 1))
        axis.grid(axis="x", visible=False)
    for axis in grid[:, 0]:
        axis.set_ylabel("patient-mean Dice (0 to 1)")
    handles = [plt.Line2D([], [], marker="o", color=colours[loss]) for loss in losses]
    figure.legend(handles, losses, loc="outside lower center", ncols=min(4, len(losses)))
    titled(figure, title, "exploratory: 95 % intervals, not adjusted for multiple comparisons")
    return figure
