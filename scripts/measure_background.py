"""The baseline that predicts no tumour: metrics of "all background" on the same test cases."""

import numpy as np
import pandas as pd

from tumorseg.core.files import read_table, write_table
from tumorseg.core.images import case_file, read_mask
from tumorseg.evaluation.case_metrics import columns, measured
from tumorseg.evaluation.metric_tables import spacings


def main(
    *,
    masks_dir: str,
    cases_table: str,
    folds_table: str,
    metrics_table: str,
    tolerances_px: list[float],
    threshold: float = 0.5,
) -> None:
    """Writes the metrics table of recipe "baseline", loss "background": one row a test case.

    Args:
        masks_dir: the native masks, <case>.png.
        cases_table: read for the pixel spacing of every case.
        folds_table: read for the test cases of every fold.
        metrics_table: written, with the columns of case_metrics.columns.
        tolerances_px: tolerances of the normalised surface Dice.
        threshold: stored in the table; it changes no result here.
    """
    spacing_mm = spacings(read_table(cases_table))
    folds = read_table(folds_table)
    rows = []
    for test in folds[folds["role"] == "test"].sort_values("fold", kind="stable").itertuples():
        truth = read_mask(case_file(masks_dir, test.case))
        row = {"fold": test.fold, "case": test.case, "patient": test.patient, "plane": test.plane}
        row |= measured(
            truth,
            np.zeros(truth.shape, np.uint16),
            spacing_mm=spacing_mm[test.case],
            threshold=threshold,
            tolerances_px=tolerances_px,
        )
        rows.append(row)
    table = pd.DataFrame(rows).assign(recipe="baseline", loss="background", seed="none")
    table["threshold"] = threshold
    write_table(table[columns(tolerances_px)], metrics_table)


if "snakemake" in globals():
    from tumorseg.workflow.job import run

    run(main, snakemake)  # noqa: F821
