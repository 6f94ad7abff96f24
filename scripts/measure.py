"""Compares the predictions of one recipe and loss with the native masks: one row a test case."""

from pathlib import Path

import pandas as pd

from tumorseg.core.files import read_table, write_table
from tumorseg.evaluation.case_metrics import CURVES, columns
from tumorseg.evaluation.metric_tables import spacings
from tumorseg.evaluation.training_metrics import Measurement
from tumorseg.reporting.table_pages import write_tables


def main(
    *,
    predictions: list[str],
    masks_dir: str,
    cases_table: str,
    folds_table: str,
    metrics_table: str,
    thresholds_table: str,
    reliability_table: str,
    page: str,
    recipe: str,
    loss: str,
    tolerances_px: list[float],
    threshold: float = 0.5,
    classes_table: str = "",
    class_thresholds_table: str = "",
    classes: list[str] | tuple = (),
    exclusive: bool = False,
    mean: bool = False,
) -> None:
    """Writes the metrics tables of one recipe and loss, and the first as a page.

    Args:
        predictions: folders seed-<seed>/fold-<fold> with <case>.png for the test cases and
            validation/<case>.png for the validation cases, or a file FAILED.
        masks_dir: the native masks, <case>.png.
        cases_table: read for the pixel spacing of every case.
        folds_table: read for the role of every case in every fold.
        metrics_table: written, one row a test case (case_metrics.columns).
        thresholds_table: written, the counts of every test and validation case at
            case_metrics.THRESHOLDS.
        reliability_table: written, how often pixels of a given probability are tumour.
        page: written, metrics_table as HTML.
        recipe: the name of the recipe.
        loss: the name of the loss.
        tolerances_px: tolerances of the normalised surface Dice.
        threshold: a pixel is predicted as tumour if its probability is above it.
        classes_table: written where there are several classes, one row a test case and class.
        class_thresholds_table: written where they may overlap, thresholds_table of every class.
        classes, exclusive, mean: as in Measurement; metrics_table is of the primary class, or of
            the mean over all.

    Raises:
        UserError: a prediction is missing or has the wrong size.
    """
    measurement = Measurement(
        read_table(folds_table),
        Path(masks_dir),
        spacings(read_table(cases_table)),
        threshold,
        tolerances_px,
        classes,
        exclusive,
        mean,
    )
    trainings = [measurement.of_training(Path(folder)) for folder in predictions]
    rows = [row for training in trainings for row in training.rows]
    table = pd.DataFrame(rows).assign(recipe=recipe, loss=loss, threshold=threshold)
    table = table[columns(tolerances_px)]
    write_tables({Path(metrics_table).stem: table}, [metrics_table, page])
    if classes:
        rows = [row for training in trainings for row in training.class_rows]
        by_class = pd.DataFrame(rows).assign(recipe=recipe, loss=loss, threshold=threshold)
        write_table(by_class[["class", *columns(tolerances_px)]], classes_table)
    parts = [part for training in trainings for part in training.curves]
    curves = pd.concat(parts) if parts else pd.DataFrame(columns=CURVES)
    write_table(curves[list(CURVES)], thresholds_table)
    if class_thresholds_table:
        parts = [part for training in trainings for part in training.class_curves]
        of_classes = pd.concat(parts) if parts else pd.DataFrame(columns=["class", *CURVES])
        write_table(of_classes[["class", *CURVES]], class_thresholds_table)
    write_table(pd.concat([training.bins for training in trainings]), reliability_table)
    finished = table[table["status"] == "ok"]
    print(
        f"{recipe}/{loss}: {len(table)} cases, mean Dice {finished['dice'].mean():.3f}, "
        f"{int(finished['missed'].sum())} tumours missed, {len(table) - len(finished)} cases failed"
    )


if "snakemake" in globals():
    from tumorseg.workflow.job import run

    run(main, snakemake)  # noqa: F821
