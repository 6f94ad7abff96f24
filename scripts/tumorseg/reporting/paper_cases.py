"""The cases that are shown beside a paper's own pictures, chosen by the shape of their tumours."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from tumorseg.core.images import case_file, read_image, read_mask
from tumorseg.evaluation import probabilities
from tumorseg.reporting.paper_voxels import Solid
from tumorseg.reporting.shown_cases import flat


class PaperCase(NamedTuple):
    """A case for `case_figure`: image and mask (height, width), probabilities and Dice by loss.

    A probability is None where the training failed. solid: the same of a volume, not cut to a
    slice; None of a picture.
    """

    label: str
    image: np.ndarray
    mask: np.ndarray
    predictions: list[tuple[np.ndarray | None, float]]
    solid: Solid | None = None


def chosen_by_shape(masks: pd.DataFrame) -> dict[str, str]:
    """Label -> case: largest and smallest tumour, smoothest and most jagged outline, each once.

    masks: rows of masks.tsv. No result takes part in the choice. Cases without a tumour are none.
    """
    left = masks[masks["tumour_px"] > 0].sort_values("case", kind="stable")
    chosen = {}
    for label, column, best in (
        ("largest", "tumour_px", "idxmax"),
        ("smallest", "tumour_px", "idxmin"),
        ("most jagged", "compactness", "idxmax"),
        ("smoothest", "compactness", "idxmin"),
    ):
        if len(left):
            row = getattr(left[column], best)()
            chosen[label] = str(left.at[row, "case"])
            left = left.drop(index=row)
    return chosen


def paper_cases(
    masks: pd.DataFrame,
    metrics: pd.DataFrame,
    folders: dict[tuple[str, str, int], Path],
    losses: list[str],
    cases_dir: str,
    masks_dir: str,
    *,
    threshold: float,
    spacing_mm: dict[str, tuple[float, ...]],
) -> list[PaperCase]:
    """The cases of the figure, with what each loss predicted.

    metrics: of one recipe and seed; threshold: of the voxels that count as found; spacing_mm: of
    each case, in the order of its axes.
    """
    tested = masks[masks["case"].isin(set(metrics["case"]))]
    lines = metrics.set_index(["loss", "case"])
    found = []
    for label, case in chosen_by_shape(tested).items():
        truth = read_mask(case_file(masks_dir, case))
        image, mask = flat(truth, read_image(case_file(cases_dir, case)), truth)
        predictions: list[tuple[np.ndarray | None, float]] = []
        found_voxels: list[np.ndarray | None] = []
        for loss in losses:
            line = lines.loc[(loss, case)]
            if line["status"] != "ok":
                predictions.append((None, float("nan")))
                found_voxels.append(None)
                continue
            folder = folders[line["recipe"], loss, int(line["fold"])]
            whole = probabilities.read(case_file(folder, case))
            found_voxels.append(probabilities.foreground(whole, threshold))
            (stored,) = flat(truth, whole)
            predictions.append((probabilities.as_fraction(stored), float(line["dice"])))
        solid = None
        if truth.ndim == 3:
            depth, height, width = spacing_mm[case]
            solid = Solid(label, (depth, height, width), truth > 0, found_voxels)
        found.append(PaperCase(label, image, mask, predictions, solid))
    return found
