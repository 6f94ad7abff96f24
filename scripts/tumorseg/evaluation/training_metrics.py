"""Measures the stored predictions of one training: metrics, counts by threshold, reliability."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from tumorseg.core.images import case_file, of_class, read_mask
from tumorseg.evaluation import probabilities
from tumorseg.evaluation.case_metrics import (
    BINS,
    counts_by_threshold,
    failed,
    measured,
    reliability,
    reliability_table,
)
from tumorseg.evaluation.classes import likeliest, mean_of_classes, summed_curves

FAILED = "FAILED"  # the file that a failed training leaves in its prediction folder


class TrainingMetrics(NamedTuple):
    """Results of one training.

    rows: a metrics row for each test case, of the primary class or of the mean over all.
    class_rows: one for each test case and class, where there are several. curves: for each test and
    validation case the counts at every threshold; class_curves: those of every class. bins: the
    reliability table of the test cases.
    """

    rows: list[dict[str, object]]
    class_rows: list[dict[str, object]]
    curves: list[pd.DataFrame]
    class_curves: list[pd.DataFrame]
    bins: pd.DataFrame


@dataclass(frozen=True)
class Measurement:
    """What all trainings are measured with.

    folds: fold, role, case, patient, plane; masks_dir: native masks; spacing_mm: case -> height and
    width of a pixel (before them the depth of a voxel); a pixel is tumour if its probability is
    above threshold.
    classes: their names in the order in which they are stored; empty for one. exclusive: whether a
    pixel is predicted as the class that is likeliest instead. mean: whether the mean over the
    classes is asked about, not the first.
    """

    folds: pd.DataFrame
    masks_dir: Path
    spacing_mm: dict[str, tuple[float, ...]]
    threshold: float
    tolerances_px: list[float]
    classes: Sequence[str] = ()
    exclusive: bool = False
    mean: bool = False

    def of_training(self, folder: Path) -> TrainingMetrics:
        """Results of the training whose predictions are in `folder`, seed-<seed>/fold-<fold>.

        If the folder has a file FAILED, every test case gets a row of status "failed".
        """
        seed = int(folder.parent.name.removeprefix("seed-"))
        return self.of_predictions(folder, seed, int(folder.name.removeprefix("fold-")))

    def of_predictions(self, folder: Path, seed: int, fold: int) -> TrainingMetrics:
        """The same of predictions in any folder. seed, fold: what the rows are given as theirs."""
        training = {"seed": seed, "fold": fold}
        failure = folder / FAILED
        if failure.exists():
            print(f"{folder}: not measured, training failed: {failure.read_text().strip()}")
        rows, class_rows, curves, class_curves = [], [], [], []
        totals = np.zeros((BINS, 3))
        for case in self._cases(training["fold"]):
            names = training | {"case": case.case, "patient": case.patient}
            truths = self._masks(case.case)
            if failure.exists():
                results = [failed(truth, self.tolerances_px) for truth in truths]
            else:
                place = folder if case.role == "test" else folder / "validation"
                maps = self._maps(place, case.case, truths[0].shape)
                counts = list(map(counts_by_threshold, truths, maps))
                curve = self._of_question(counts, summed_curves)
                curves.append(curve.assign(**names, role=case.role))
                named = zip(self.classes, counts, strict=bool(self.classes))
                own = names | {"role": case.role}
                class_curves += [one.assign(**own, **{"class": name}) for name, one in named]
            if case.role != "test":
                continue
            names |= {"plane": case.plane}
            if not failure.exists():
                results = self._metrics(truths, maps, case.case)
                totals += self._of_question(list(map(reliability, truths, maps)), sum)
            rows.append(names | self._of_question(results, mean_of_classes))
            named = zip(self.classes, results, strict=bool(self.classes))
            class_rows += [names | {"class": name} | result for name, result in named]
        bins = reliability_table(totals).assign(**training)
        return TrainingMetrics(rows, class_rows, curves, class_curves, bins)

    def _of_question(self, by_class: list, of_all: Callable[[list], Any]) -> Any:
        """The primary class's result, or what `of_all` makes of all where the mean is asked."""
        return of_all(by_class) if self.mean else by_class[0]

    def _positions(self) -> range:
        return range(1, max(1, len(self.classes)) + 1)

    def _masks(self, case: str) -> list[np.ndarray]:
        return [read_mask(case_file(of_class(self.masks_dir, n), case)) for n in self._positions()]

    def _maps(self, folder: Path, case: str, shape: tuple[int, ...]) -> list[np.ndarray]:
        places = (case_file(of_class(folder, n), case) for n in self._positions())
        return [probabilities.read(place, shape) for place in places]

    def _cases(self, fold: int) -> Iterator:
        """The test and validation cases of a fold, in this order."""
        of_fold = self.folds[(self.folds["fold"] == fold) & (self.folds["role"] != "train")]
        return of_fold.sort_values("role", kind="stable").itertuples()

    def _metrics(
        self, truths: list[np.ndarray], maps: list[np.ndarray], case: str
    ) -> list[dict[str, object]]:
        predictions = likeliest(maps) if self.exclusive else [None] * len(maps)
        return [
            measured(
                truth,
                quantised,
                prediction=prediction,
                spacing_mm=self.spacing_mm[case],
                threshold=self.threshold,
                tolerances_px=self.tolerances_px,
            )
            for truth, quantised, prediction in zip(truths, maps, predictions, strict=True)
        ]
