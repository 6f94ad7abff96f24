"""Figures of the data: tumour to brain ratio, and how much tumour skull stripping keeps."""

import math

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from tumorseg.audit import published
from tumorseg.core.cases import PLANES
from tumorseg.reporting.data_tables import KEPT_PCT
from tumorseg.reporting.figure_style import WIDTH_IN, empty_figure, palette, style, titled


def ratio_figure(masks: pd.DataFrame, large_ratio: float) -> Figure:
    """Fig. S1: histogram of tumour to brain area by plane, with the limit of the size classes."""
    title = "Fig. S1: tumour area relative to brain area"
    ratios = masks.dropna(subset=["tumour_brain_ratio"])
    if ratios.empty:
        return empty_figure(title, f"no brain was found in any of {len(masks)} cases")
    style()
    planes = [plane for plane in PLANES if (ratios["plane"] == plane).any()]
    figure, axis = plt.subplots(figsize=(WIDTH_IN, 4.0))
    sns.histplot(
        data=ratios,
        x="tumour_brain_ratio",
        hue="plane",
        hue_order=planes,
        palette=palette(planes),
        multiple="stack",
        binwidth=0.01,
        binrange=(0, math.ceil(100 * ratios["tumour_brain_ratio"].max() + 1) / 100),
        ax=axis,
    )
    values = ratios["tumour_brain_ratio"]
    lines = [
        (large_ratio, "-", f"limit between small and large: {large_ratio:g}"),
        (values.mean(), "--", f"mean of these cases: {values.mean():.3f}"),
        (published.RATIO_MEAN, ":", f"published mean: {published.RATIO_MEAN}"),
    ]
    legend = axis.get_legend()
    assert legend is not None  # for the type checker: the planes have one
    handles = [handle for handle in legend.legend_handles if handle is not None]
    labels = planes
    for ratio, dashes, label in lines:
        handles = [*handles, axis.axvline(ratio, color="0.2", ls=dashes, lw=1.4)]
        labels = [*labels, label]
    legend.remove()
    figure.legend(handles, labels, loc="outside lower center", ncols=3)
    axis.set(xlabel="tumour area / brain area in the slice (no unit)", ylabel="number of cases")
    large = int((values > large_ratio).sum())
    subtitle = (
        f"{len(values)} cases: mean {values.mean():.3f}, median {values.median():.3f} "
        f"(published .22 and .19); {large} large, {len(values) - large} small (by size only)"
    )
    titled(figure, title, subtitle)
    return figure


def strip_methods_figure(methods: pd.DataFrame, planes: pd.Series, used: str) -> Figure:
    """Share of each tumour that each skull-stripping method keeps, by plane.

    methods: case, method, tumour_kept, true_brain_dice; planes: plane by case; used: the method
    of this experiment, marked in the figure.
    """
    style()
    table = methods.assign(
        plane=methods["case"].map(planes).to_numpy(), kept_pct=100 * methods["tumour_kept"]
    )
    names = list(dict.fromkeys(table["method"]))
    shown = [plane for plane in PLANES if (table["plane"] == plane).any()]
    figure, axis = plt.subplots(figsize=(WIDTH_IN, 4.4))
    np.random.seed(0)  # seaborn's jitter draws from the global generator
    sns.stripplot(
        data=table,
        x="method",
        y="kept_pct",
        hue="plane",
        order=names,
        hue_order=shown,
        palette=palette(shown),
        dodge=True,
        jitter=0.25,
        size=3,
        alpha=0.7,
        ax=axis,
    )
    axis.axhline(KEPT_PCT, color="0.2", lw=1, ls="--")
    axis.text(-0.48, KEPT_PCT - 1.4, f"{KEPT_PCT:g} %", fontsize=8, va="top")
    labels = [_method_label(table[table["method"] == name], name, name == used) for name in names]
    axis.set_xticks(range(len(names)), labels)
    axis.set(xlabel="skull-stripping method", ylabel="tumour pixels kept (% of each case)")
    axis.set_ylim(-3, 103)
    axis.legend(title=None, loc="lower left", frameon=True)
    harmed = int((table.loc[table["method"] == used, "kept_pct"] < KEPT_PCT).sum())
    cases = table["case"].nunique()
    subtitle = f"{cases} cases; the method in use, {used}, "
    subtitle += f"keeps less than {KEPT_PCT:g} % in {harmed} of them"
    titled(figure, "Skull stripping: share of each tumour that is kept", subtitle)
    return figure


def _method_label(rows: pd.DataFrame, name: str, used: bool) -> str:
    known = rows["true_brain_dice"].dropna()
    brain = f"brain Dice {known.mean():.3f}" if len(known) else "true brain unknown"
    unharmed = (rows["kept_pct"] >= KEPT_PCT).sum()
    mark = " (in use)" if used else ""
    return f"{name}{mark}\n{unharmed} of {len(rows)} cases keep {KEPT_PCT:g} %\n{brain}"
