"""The baseline that finds nothing: what "all background" scores on the same test cases."""

from pathlib import Path

import numpy as np
import pandas as pd

from tumorseg.files import read_table, write_table
from tumorseg.images import read_mask
from tumorseg.measuring import COLUMNS, measured


def main(
    *,
    masks_dir: str,
    cases_table: str,
    folds_table: str,
    metrics_table: str,
    threshold: float = 0.5,
) -> None:
    """Writes the metrics table of recipe "baseline", loss "background": one line a test case."""
    cases = read_table(cases_table)
    spacing_mm = dict(zip(cases["case"], cases["spacing_mm"].astype(float), strict=True))
    folds = read_table(folds_table)
    lines = []
    for test in folds[folds["role"] == "test"].sort_values(["fold", "case"]).itertuples():
        truth = read_mask(Path(masks_dir) / f"{test.case}.png")
        line = {"fold": test.fold, "case": test.case, "patient": test.patient, "plane": test.plane}
        lines.append(line | measured(truth, np.zeros_like(truth), spacing_mm[test.case]))
    table = pd.DataFrame(lines).assign(recipe="baseline", loss="background", threshold=threshold)
    write_table(table[list(COLUMNS)], metrics_table)


if "snakemake" in globals():
    from tumorseg.job import run

    run(main, snakemake)  # noqa: F821
