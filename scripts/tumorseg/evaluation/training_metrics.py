"""Measures the stored predictions of one training: metrics, counts by threshold, reliability."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from tumorseg.core.images import read_mask
from tumorseg.evaluation import probabilities
from tumorseg.evaluation.case_metrics import (
    BINS,
    counts_by_threshold,
    failed,
    measured,
    reliability,
    reliability_table,
)

FAILED = "FAILED"  # the file that a failed training leaves in its prediction folder


class TrainingMetrics(NamedTuple):
    """Results of one training.

    rows: a metrics row for each test case; curves: for each test and validation case the counts at
    every threshold; bins: the reliability table of the test cases.
    """

    rows: list[dict[str, object]]
    curves: list[pd.DataFrame]
    bins: pd.DataFrame


@dataclass(frozen=True)
class Measurement:
    """What all trainings are measured with.

    folds: fold, role, case, patient, plane; masks_dir: native masks, <case>.png; spacing_mm: case
    -> height and width of a pixel; a pixel is tumour if its probability is above threshold.
    """

    folds: pd.DataFrame
    masks_dir: Path
    spacing_mm: dict[str, tuple[float, float]]
    threshold: float
    tolerances_px: list[float]

    def of_training(self, folder: Path) -> TrainingMetrics:
        """Results of the training whose predictions are in `folder`, seed-<seed>/fold-<fold>.

        If the folder has a file FAILED, every test case gets a row of status "failed".
        """
        training = {
            "seed": int(folder.parent.name.removeprefix("seed-")),
            "fold": int(folder.name.removeprefix("fold-")),
        }
        failure = folder / FAILED
        if failure.exists():
            print(f"{folder}: not measured, training failed: {failure.read_text().strip()}")
        rows, curves, totals = [], [], np.zeros((BINS, 3))
        for case in self._cases(training["fold"]):
            truth = read_mask(self.masks_dir / f"{case.case}.png")
            row = training | {"case": case.case, "patient": case.patient, "plane": case.plane}
            is_test = case.role == "test"
            if failure.exists():
                rows += [row | failed(truth, self.tolerances_px)] if is_test else []
                continue
            name = f"{case.case}.png" if is_test else f"validation/{case.case}.png"
            quantised = probabilities.read(folder / name, truth.shape)
            names = training | {"role": case.role, "case": case.case, "patient": case.patient}
            curves.append(counts_by_threshold(truth, quantised).assign(**names))
            if is_test:
                rows.append(row | self._metrics(truth, quantised, case.case))
                totals += reliability(truth, quantised)
        return TrainingMetrics(rows, curves, reliability_table(totals).assign(**training))

    def _cases(self, fold: int) -> Iterator:
        """The test and validation cases of a fold, in this order."""
        of_fold = self.folds[(self.folds["fold"] == fold) & (self.folds["role"] != "train")]
        return of_fold.sort_values("role", kind="stable").itertuples()

    def _metrics(self, truth: np.ndarray, quantised: np.ndarray, case: str) -> dict[str, object]:
        return measured(
            truth,
            quantised,
            spacing_mm=self.spacing_mm[case],
            threshold=self.threshold,
            tolerances_px=self.tolerances_px,
        )
