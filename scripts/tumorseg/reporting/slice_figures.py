"""Figures that show slices: annotation to mask, raw to stripped, and predictions."""

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
from tumorseg.reporting.shown_cases import Prediction, Slice, cut_to_head, head


def label_row(axes: Axes, text: str) -> None:
    """Names a row of pictures at its left."""
    axes.set_ylabel(text, rotation=0, ha="right", va="center", fontsize=8, labelpad=6)


def _case_columns(slices: list[Slice], names: list[str]) -> tuple[Figure, np.ndarray]:
    """A grid of one column a case, as wide as its slice is, and one row a kind of picture."""
    style()
    shapes = [item.image.shape for item in slices]
    ratios = [width / height for height, width in shapes]
    side = (WIDTH_IN - 1.4) / sum(ratios)
    figure, axes = plt.subplots(
        len(names),
        len(slices),
        figsize=(WIDTH_IN, 1.1 + len(names) * (side + 0.08)),
        squeeze=False,
        width_ratios=ratios,
    )
    for axis, item in zip(axes[0], slices, strict=True):
        axis.set_title(item.label, fontsize=8)
    for axis, name in zip(axes[:, 0], names, strict=True):
        label_row(axis, name)
    return figure, axes


def annotation_figure(slices: list[Slice]) -> Figure:
    """Fig. 2: image, image with the outlined tumour, mask; one column a case, cut to the head."""
    native = sorted({f"{item.image.shape[1]} x {item.image.shape[0]}" for item in slices})
    slices = [cut_to_head(item) for item in slices]
    figure, axes = _case_columns(slices, ["image", "annotated\ntumour", "mask"])
    for column, item in zip(axes.T, slices, strict=True):
        for axis in column[:2]:
            show(axis, item.image, limit=grey_limit(item.image))
        outline(column[1], item.mask, TRUTH)
        show(column[2], item.mask, limit=1)
        column[2].set_xlabel(f"{int(item.mask.sum()):,} px", fontsize=8)
    subtitle = f"{len(slices)} cases, native size {', '.join(native)} px, cut to the head"
    titled(figure, "Fig. 2: from annotation to mask", subtitle)
    return figure


def strip_figure(slices: list[Slice], method: str) -> Figure:
    """Fig. 3: raw image, brain mask, stripped image with the tumour outlined; a column a case."""
    slices = [cut_to_head(item) for item in slices]
    figure, axes = _case_columns(slices, ["raw", "brain mask", "stripped,\ntumour\noutlined"])
    for column, item in zip(axes.T, slices, strict=True):
        limit = grey_limit(item.image)
        show(column[0], item.image, limit=limit)
        show(column[1], item.brain, limit=1)
        show(column[2], item.stripped, limit=limit)
        outline(column[2], item.mask, TRUTH)
        kept = (item.mask & item.brain).sum() / max(1, item.mask.sum())
        column[2].set_xlabel(f"{100 * kept:.1f} % kept", fontsize=8)
    subtitle = f"{len(slices)} cases, method {method}; % of tumour pixels inside the brain mask"
    titled(figure, "Fig. 3: from raw to stripped", subtitle)
    return figure


def prediction_figure(
    rows: list[tuple[Slice, list[Prediction | None]]],
    losses: list[str],
    *,
    recipe: str,
    threshold: float,
) -> Figure:
    """Fig. 5: image, truth, and each loss's prediction and probability; one row a case.

    Pictures are cut to the head; a loss whose training failed leaves its two places marked.
    """
    title = f"Fig. 5: image, truth, prediction, probability ({recipe})"
    if not rows:
        return empty_figure(title, "the training of every loss failed: there is no prediction")
    style()
    rows = [(item, head(item), answers) for item, answers in rows]
    ratios = [item.image[box].shape[0] / item.image[box].shape[1] for item, box, _ in rows]
    heads = ["image", "ground truth"]
    for loss in losses:
        heads += [f"{loss}\nprediction", f"{loss}\nprobability"]
    height = 1.4 + (WIDTH_IN - 1.9) / len(heads) * sum(ratios) + 0.22 * len(rows)
    figure, axes = plt.subplots(
        len(rows), len(heads), figsize=(WIDTH_IN, height), squeeze=False, height_ratios=ratios
    )
    for axis, name in zip(axes[0], heads, strict=True):
        axis.set_title(name)
    for places, (item, box, answers) in zip(axes, rows, strict=True):
        _prediction_row(places, item, box, answers, threshold)
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
        for first in (answers[0] for _, _, answers in rows)
    )
    subtitle = (
        f"{len(rows)} test cases in equal rank steps, worst to best; {losses[0]} Dice {scores}"
    )
    titled(figure, title, subtitle)
    return figure


def _prediction_row(
    places: np.ndarray,
    item: Slice,
    box: tuple[slice, slice],
    answers: list[Prediction | None],
    threshold: float,
) -> None:
    image, mask = item.image[box], item.mask[box]
    limit = grey_limit(image)
    show(places[0], image, width_px=140, limit=limit)
    show(places[1], mask, width_px=140, limit=1)
    label_row(places[0], item.label)
    for index, answer in enumerate(answers):
        left, right = places[2 + 2 * index : 4 + 2 * index]
        if answer is None:
            for place in (left, right):
                place.set(xticks=[], yticks=[])
                place.text(0.5, 0.5, "failed", ha="center", va="center", transform=place.transAxes)
            continue
        probability = answer.probability[box]
        show(left, image, width_px=140, limit=limit)
        outline(left, mask, TRUTH)
        outline(left, probability > threshold, PREDICTION, "--")
        left.set_xlabel(f"Dice {answer.dice:.2f}", fontsize=8, labelpad=2)
        show(right, probability, width_px=140, cmap="viridis", limit=1)
