"""Figures of slices: annotation to mask (Fig. 2), skull stripping (3), predictions (5)."""

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from tumorseg.reporting.figure_style import (
    PREDICTION,
    TRUTH,
    WIDTH_IN,
    empty_figure,
    outline,
    show,
    style,
    titled,
)
from tumorseg.reporting.page_parts import grey_limit
from tumorseg.reporting.shown_cases import ShownCase, ShownPrediction, cut_to_head, head


def label_row(axes: Axes, text: str) -> None:
    """Writes the name of a row of pictures to its left."""
    axes.set_ylabel(text, rotation=0, ha="right", va="center", fontsize=8, labelpad=6)


def _case_columns(cases: list[ShownCase], names: list[str]) -> tuple[Figure, np.ndarray]:
    """A grid with one column per case, as wide as its slice, and one row per kind of picture."""
    style()
    shapes = [case.image.shape for case in cases]
    ratios = [width / height for height, width in shapes]
    side = (WIDTH_IN - 1.4) / sum(ratios)
    figure, axes = plt.subplots(
        len(names),
        len(cases),
        figsize=(WIDTH_IN, 1.1 + len(names) * (side + 0.08)),
        squeeze=False,
        width_ratios=ratios,
    )
    for axis, case in zip(axes[0], cases, strict=True):
        axis.set_title(case.label, fontsize=8)
    for axis, name in zip(axes[:, 0], names, strict=True):
        label_row(axis, name)
    return figure, axes


def annotation_figure(cases: list[ShownCase]) -> Figure:
    """Fig. 2: image, image with the outlined tumour, mask; one column per case."""
    native = sorted({f"{case.image.shape[1]} x {case.image.shape[0]}" for case in cases})
    cases = [cut_to_head(case) for case in cases]
    figure, axes = _case_columns(cases, ["image", "annotated\ntumour", "mask"])
    for column, case in zip(axes.T, cases, strict=True):
        for axis in column[:2]:
            show(axis, case.image, limit=grey_limit(case.image))
        outline(column[1], case.mask, TRUTH)
        show(column[2], case.mask, limit=1)
        column[2].set_xlabel(f"{int(case.mask.sum()):,} px", fontsize=8)
    subtitle = f"{len(cases)} cases, native size {', '.join(native)} px, cropped to the head"
    titled(figure, "Fig. 2: from annotation to mask", subtitle)
    return figure


def strip_figure(cases: list[ShownCase], method: str) -> Figure:
    """Fig. 3: image, brain mask, stripped image with the tumour outlined; one column per case."""
    cases = [cut_to_head(case) for case in cases]
    figure, axes = _case_columns(cases, ["image", "brain mask", "stripped,\ntumour\noutlined"])
    for column, case in zip(axes.T, cases, strict=True):
        limit = grey_limit(case.image)
        show(column[0], case.image, limit=limit)
        show(column[1], case.brain, limit=1)
        show(column[2], case.stripped, limit=limit)
        outline(column[2], case.mask, TRUTH)
        kept = (case.mask & case.brain).sum() / max(1, case.mask.sum())
        column[2].set_xlabel(f"{100 * kept:.1f} % kept", fontsize=8)
    subtitle = (
        f"{len(cases)} cases, method {method}; below: % of tumour pixels inside the brain mask"
    )
    titled(figure, "Fig. 3: skull stripping", subtitle)
    return figure


def prediction_figure(
    rows: list[tuple[ShownCase, list[ShownPrediction | None]]],
    losses: list[str],
    *,
    recipe: str,
    threshold: float,
) -> Figure:
    """Fig. 5: image, ground truth, and each loss's prediction and probability; one row per case.

    rows: cases with one prediction per loss, None where the training failed. Pictures are cropped
    to the head.
    """
    title = f"Fig. 5: ground truth, predictions and probabilities ({recipe})"
    if not rows:
        return empty_figure(title, "no predictions: every training failed")
    style()
    cropped = [(case, head(case), predictions) for case, predictions in rows]
    ratios = [case.image[box].shape[0] / case.image[box].shape[1] for case, box, _ in cropped]
    heads = ["image", "ground truth"]
    for loss in losses:
        heads += [f"{loss}\nprediction", f"{loss}\nprobability"]
    height = 1.4 + (WIDTH_IN - 1.9) / len(heads) * sum(ratios) + 0.22 * len(rows)
    figure, axes = plt.subplots(
        len(rows), len(heads), figsize=(WIDTH_IN, height), squeeze=False, height_ratios=ratios
    )
    for axis, name in zip(axes[0], heads, strict=True):
        axis.set_title(name)
    for axes_row, (case, box, predictions) in zip(axes, cropped, strict=True):
        _prediction_row(axes_row, case, box, predictions, threshold)
    figure.colorbar(
        plt.cm.ScalarMappable(plt.Normalize(0, 1), "viridis"),
        ax=axes[:, -1],
        label="probability of tumour",
        shrink=0.6,
    )
    figure.legend(
        handles=[
            Line2D([], [], color=TRUTH, label="ground truth"),
            Line2D([], [], color=PREDICTION, ls="--", label=f"probability > {threshold:g}"),
        ],
        loc="outside lower center",
        ncols=2,
    )
    scores = ", ".join(
        f"{first.dice:.2f}" if first else "failed"
        for first in (predictions[0] for _, predictions in rows)
    )
    subtitle = (
        f"{len(rows)} test cases at equal steps of rank, worst to best; {losses[0]} Dice {scores}"
    )
    titled(figure, title, subtitle)
    return figure


def _prediction_row(
    axes_row: np.ndarray,
    case: ShownCase,
    box: tuple[slice, slice],
    predictions: list[ShownPrediction | None],
    threshold: float,
) -> None:
    """Draws one case of Fig. 5.

    Args:
        axes_row: two axes for the case, then two per loss.
        case: the case at native size.
        box: the rows and columns to show.
        predictions: one per loss, None where the training failed.
        threshold: a pixel is predicted as tumour if its probability is above.
    """
    image, mask = case.image[box], case.mask[box]
    limit = grey_limit(image)
    show(axes_row[0], image, width_px=140, limit=limit)
    show(axes_row[1], mask, width_px=140, limit=1)
    label_row(axes_row[0], case.label)
    for index, prediction in enumerate(predictions):
        left, right = axes_row[2 + 2 * index : 4 + 2 * index]
        if prediction is None:
            for axis in (left, right):
                axis.set(xticks=[], yticks=[])
                axis.text(0.5, 0.5, "failed", ha="center", va="center", transform=axis.transAxes)
            continue
        probability = prediction.probability[box]
        show(left, image, width_px=140, limit=limit)
        outline(left, mask, TRUTH)
        outline(left, probability > threshold, PREDICTION, "--")
        left.set_xlabel(f"Dice {prediction.dice:.2f}", fontsize=8, labelpad=2)
        show(right, probability, width_px=140, cmap="viridis", limit=1)
