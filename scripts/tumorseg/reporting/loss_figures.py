"""Figure of the losses, computed by their code: value and slope against p_t."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib import pyplot
from matplotlib.figure import Figure

from tumorseg.core.backend import value_and_gradient
from tumorseg.loss_kit.keras_loss import CaseLoss, with_background
from tumorseg.reporting.figure_style import LEGEND, WIDTH_IN, palette, style, titled

SIDE, TUMOUR = 20, 5  # a synthetic case of 20 x 20 pixels with a tumour of 5 x 4 pixels (5 %)


@dataclass(frozen=True)
class Curve:
    """A loss as a function of p_t, the probability of the true class; arrays are (points,)."""

    name: str
    p_t: np.ndarray
    value: np.ndarray
    slope: np.ndarray


def curve(
    name: str,
    function: str,
    constants: dict[str, Any],
    form: str = "binary",
    classes: int = 1,
    points: int = 99,
) -> Curve:
    """The loss of a synthetic case in which every pixel gives its true class probability p_t.

    form, classes: keras_loss.CaseLoss. The classes share the tumour; the others of exclusive
    classes share 1 - p_t. The slope is d loss / d p_t, with p_t changing in all pixels at once.
    """
    p_t = np.linspace(0.01, 0.99, points)
    masks = np.zeros((points, SIDE, SIDE, classes), np.float32)
    rows, columns = np.mgrid[8 : 8 + TUMOUR, 8:12].reshape(2, -1)
    masks[:, rows, columns, np.arange(rows.size) * classes // rows.size] = 1
    loss = CaseLoss.fitted(function, constants, masks, form)
    certain, others = masks, 1
    if form == "exclusive":
        certain, others = with_background(masks), classes
    level = p_t[:, None, None, None]
    p = (certain * level + (1 - certain) * (1 - level) / others).astype(np.float32)
    truth = loss.targets(masks)
    value, slope = value_and_gradient(lambda x: loss.call(truth, x), p)
    of_level = certain - (1 - certain) / others  # d p / d p_t
    return Curve(name, p_t, value, (slope * of_level).sum((1, 2, 3)))


FAMILIES = {
    "focal": ("focal", "gamma", (0.0, 0.5, 1.0, 2.0, 5.0)),
    "focal Tversky": ("focal_tversky", "gamma", (0.75, 1.0, 4 / 3, 2.0, 3.0)),
    "cosine Tversky": ("cosine_tversky", "gamma", (0.5, 1.0, 2.0)),
    "unified focal": ("unified_focal", "gamma", (0.0, 0.25, 0.5, 0.75)),
}


def loss_figure(
    losses: dict[str, tuple[str, dict[str, Any]]], form: str = "binary", classes: int = 1
) -> Figure:
    """The experiment's losses in the first column, then the effect of gamma in four families.

    Upper row: value; lower row: minus the slope. losses: name -> (function, constants), as in the
    config; form, classes: those of the experiment. The families have one class.
    """
    style()
    columns = {
        "this experiment": [
            curve(name, *settings, form, classes) for name, settings in losses.items()
        ],
        **{
            title: [curve(f"{key} {x:.3g}", function, {key: x}) for x in values]
            for title, (function, key, values) in FAMILIES.items()
        },
    }
    figure, axes = pyplot.subplots(2, len(columns), figsize=(1.5 * WIDTH_IN, 6), sharex=True)
    for (above, below), (title, curves) in zip(axes.T, columns.items(), strict=True):
        colours = palette([loss_curve.name for loss_curve in curves])
        for index, loss_curve in enumerate(curves):
            dashes = ("-", "--", ":")[index // 10 % 3]
            look = {
                "color": colours[loss_curve.name],
                "lw": 1.6,
                "ls": dashes,
                "label": loss_curve.name,
            }
            above.plot(loss_curve.p_t, loss_curve.value, **look)
            below.plot(loss_curve.p_t, -loss_curve.slope, **look)
        above.set(title=title)
        below.set(yscale="log", xlabel="p_t, probability of the true class")
        if len(curves) <= LEGEND:
            above.legend(fontsize=7, handlelength=1.6)
        else:
            lines = above.get_lines()
            figure.legend(handles=lines, loc="outside lower center", ncols=7, fontsize=8)
    axes[0, 0].set(ylabel="loss (no unit)")
    axes[1, 0].set(ylabel="minus the slope (per unit of p_t)")
    values = ", ".join(
        f"{loss_curve.name} {np.interp(0.5, loss_curve.p_t, loss_curve.value):.3f}"
        for loss_curve in columns["this experiment"][:6]
    )
    titled(figure, "Losses: value and slope, computed by their code", f"at p_t = .5: {values}")
    return figure
