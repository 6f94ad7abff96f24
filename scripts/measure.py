"""Holds the predictions of one recipe and loss against the native masks: one line a test case."""

from pathlib import Path

import numpy as np
import pandas as pd

from tumorseg.core.files import read_table, write_table
from tumorseg.core.images import read_mask
from tumorseg.evaluation import probabilities
from tumorseg.evaluation.case_metrics import (
    BINS,
    CURVES,
    columns,
    counts_by_threshold,
    failed,
    measured,
    reliability,
)
from tumorseg.evaluation.metric_tables import spacings
from tumorseg.reporting.table_pages import write_tables


def reliability_lines(pixels: np.ndarray) -> pd.DataFrame:
    """The reliability of one training's test pixels: bin_low, bin_high and what they sum to."""
    table = pd.DataFrame(pixels, columns=["pixels", "probability_sum", "true_px"])
    table.insert(0, "bin_low", np.arange(BINS) / BINS)
    table.insert(1, "bin_high", np.arange(1, BINS + 1) / BINS)
    return table


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
) -> None:
    """Writes one line a test case to `metrics_table` (case_metrics.columns) and `page`.

    predictions: folders seed-<s>/fold-<k> with <case>.png, validation cases in validation/.
    threshold: tumour is where the probability lies above it; thresholds_table: the counts of every
    test and validation case at measuring.THRESHOLDS; reliability_table: how often pixels of a given
    probability are tumour. A file FAILED in a folder makes each line of it a failed one.
    """
    folds, spacing_mm = read_table(folds_table), spacings(read_table(cases_table))
    lines, curves, bins = [], [], []
    for folder in map(Path, predictions):
        training = {
            "seed": int(folder.parent.name.removeprefix("seed-")),
            "fold": int(folder.name.removeprefix("fold-")),
        }
        failure = folder / "FAILED"
        if failure.exists():
            print(f"{folder}: not measured, training failed: {failure.read_text().strip()}")
        pixels = np.zeros((BINS, 3))
        of_fold = folds[(folds["fold"] == training["fold"]) & (folds["role"] != "train")]
        for case in of_fold.sort_values("role", kind="stable").itertuples():
            truth = read_mask(Path(masks_dir) / f"{case.case}.png")
            line = training | {"case": case.case, "patient": case.patient, "plane": case.plane}
            test = case.role == "test"
            if failure.exists():
                lines += [line | failed(truth, tolerances_px)] if test else []
                continue
            name = f"{case.case}.png" if test else f"validation/{case.case}.png"
            quantised = probabilities.read(folder / name, truth.shape)
            found = training | {"role": case.role, "case": case.case, "patient": case.patient}
            curves.append(counts_by_threshold(truth, quantised).assign(**found))
            if test:
                settings = {"threshold": threshold, "tolerances_px": tolerances_px}
                line |= measured(truth, quantised, spacing_mm=spacing_mm[case.case], **settings)
                lines.append(line)
                pixels += reliability(truth, quantised)
        bins.append(reliability_lines(pixels).assign(**training))
    table = pd.DataFrame(lines).assign(recipe=recipe, loss=loss, threshold=threshold)
    table = table[columns(tolerances_px)]
    write_tables({Path(metrics_table).stem: table}, [metrics_table, page])
    curves = pd.concat(curves) if curves else pd.DataFrame(columns=CURVES)
    write_table(curves[list(CURVES)], thresholds_table)
    write_table(pd.concat(bins), reliability_table)
    found = table[table["status"] == "ok"]
    print(
        f"{recipe}/{loss}: {len(table)} cases, mean Dice {found['dice'].mean():.3f}, "
        f"{int(found['missed'].sum())} tumours missed, {len(table) - len(found)} cases failed"
    )


if "snakemake" in globals():
    from tumorseg.workflow.job import run

    run(main, snakemake)  # noqa: F821
