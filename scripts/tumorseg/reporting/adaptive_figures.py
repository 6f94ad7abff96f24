"""What the adaptive focal loss does to real cases: its alpha and gamma by size and smoothness."""

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter
from scipy import stats

from tumorseg.reporting.figure_style import GREY, WIDTH_IN, empty_figure, style, titled

UNSURE = 0.5  # the probability at which the weight of a voxel is shown


def constants(cases: pd.DataFrame) -> pd.DataFrame:
    """case, share, gamma, alpha, weight, compactness: of each case with a tumour.

    cases: cases.tsv joined with masks.tsv. share: foreground / all voxels; alpha = 1 - share;
    gamma = share + mean gradient magnitude of the mask; weight: alpha (1 - p_t)^gamma at p_t = .5,
    the factor by which afl_paper multiplies the cross-entropy of a voxel of either class. The 2024
    paper, eqs. 1 to 8, on the image's own grid.
    """
    tumours = cases[cases["tumour_px"] > 0]
    sides = [name for name in ("depth_px", "height_px", "width_px") if name in tumours]
    share = tumours["tumour_px"] / tumours[sides].prod(axis=1)
    gamma = share + tumours["gamma_msa"]
    weight = (1 - share) * (1 - UNSURE) ** gamma
    values = {"share": share, "gamma": gamma, "alpha": 1 - share, "weight": weight}
    return tumours[["case", "compactness"]].assign(**values).reset_index(drop=True)


def adaptive_figure(cases: pd.DataFrame) -> Figure:
    """Gamma by size, gamma by smoothness, and the weight that follows, one dot a case.

    cases: cases.tsv joined with masks.tsv. Rank correlations (Spearman) stand in the headings.
    """
    title = "Adaptive focal loss: what alpha and gamma do to these cases"
    table = constants(cases)
    if len(table) < 3:
        return empty_figure(title, "fewer than three cases have a tumour")
    style()
    figure, axes = plt.subplots(1, 3, figsize=(WIDTH_IN, 3.6))
    panels = (
        ("share", "gamma", "foreground share of the voxels", "gamma"),
        ("compactness", "gamma", "compactness (1: round)", "gamma"),
        ("compactness", "weight", "compactness (1: round)", "weight of a voxel"),
    )
    for axis, (x, y, below, beside) in zip(axes, panels, strict=True):
        known = table.dropna(subset=[x, y])
        axis.scatter(known[x], known[y], s=10, alpha=0.6, edgecolors="none")
        axis.set(xlabel=below, ylabel=beside)
        for name, side in ((x, axis.xaxis), (y, axis.yaxis)):
            if name in ("share", "gamma"):
                axis.set(**{f"{side.axis_name}scale": "log"})
                narrow = known[name].max() < 10 * known[name].min()
                side.set_major_locator(MaxNLocator(4) if narrow else LogLocator(subs=(1, 2, 5)))
                side.set_major_formatter("{x:g}")
                side.set_minor_formatter(NullFormatter())
        rank = stats.spearmanr(known[x], known[y]).statistic
        axis.set_title(f"rank correlation {rank:+.2f}")
    axes[2].axhline(1, color=GREY, lw=1)
    low, high = (float(np.quantile(table["gamma"], at)) for at in (0, 1))
    least = float(table["weight"].min())
    subtitle = (
        f"{len(table)} cases: gamma {low:.4f} to {high:.4f}, alpha {table['alpha'].min():.3f} to "
        f"{table['alpha'].max():.3f};\nweight of a voxel with p = .5, either class: at least "
        f"{least:.3f} of the cross-entropy's"
    )
    titled(figure, title, subtitle)
    return figure
