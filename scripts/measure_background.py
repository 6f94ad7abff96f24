"""The baseline that finds nothing: what "all background" scores on the same test cases."""

from pathlib import Path

import numpy as np
import pandas as pd

from tumorseg.core.files import read_table, write_table
from tumorseg.core.images import read_mask
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
    """Writes the metrics table of recipe "baseline", loss "background": one line a test case."""
    spacing_mm = spacings(read_table(cases_table))
    folds = read_table(folds_table)
    lines = []
    for test in folds[folds["role"] == "test"].sort_values("fold", kind="stable").itertuples():
        truth = read_mask(Path(masks_dir) / f"{test.case}.png")
        line = {"fold": test.fold, "case": test.case, "patient": test.patient, "plane": test.plane}
        line |= measured(
            truth,
            np.zeros(truth.shape, np.uint16),
            spacing_mm=spacing_mm[test.case],
            threshold=threshold,
            tolerances_px=tolerances_px,
        )
        lines.append(line)
    table = pd.DataFrame(lines).assign(recipe="baseline", loss="background", seed="none")
    table["threshold"] = threshold
    write_table(table[columns(tolerances_px)], metrics_table)


if "snakemake" in globals():
    from tumorseg.workflow.job import run

    run(main, snakemake)  # noqa: F821
