"""Holds the predictions of one recipe and loss against the native masks: one line a test case."""

from pathlib import Path

import numpy as np
import pandas as pd

from tumorseg.errors import UserError
from tumorseg.files import read_table
from tumorseg.images import read_image, read_mask
from tumorseg.measuring import COLUMNS, failed, foreground, measured
from tumorseg.pages import write_tables


def read_prediction(path: Path, truth: np.ndarray) -> np.ndarray:
    """A stored probability map: 16-bit PNG, probability = value / 65535, as large as the mask."""
    quantised = read_image(path)
    if quantised.dtype != np.uint16 or quantised.shape != truth.shape:
        raise UserError(
            f"{path}: {quantised.dtype} of {quantised.shape}, expected uint16 of {truth.shape}; "
            "delete the folder and run the prediction again"
        )
    return quantised


def measure_fold(
    folder: Path, tests: pd.DataFrame, masks: Path, spacing_mm: dict[str, float], threshold: float
) -> list[dict[str, object]]:
    """The lines of one fold; a file FAILED in its folder makes each of them a failed one."""
    failure = folder / "FAILED"
    if failure.exists():
        print(f"{folder}: not measured, training failed: {failure.read_text().strip()}")
    lines = []
    for test in tests.itertuples():
        truth = read_mask(masks / f"{test.case}.png")
        line = {"fold": test.fold, "case": test.case, "patient": test.patient, "plane": test.plane}
        if failure.exists():
            line |= failed(truth)
        else:
            quantised = read_prediction(folder / f"{test.case}.png", truth)
            line |= measured(truth, foreground(quantised, threshold), spacing_mm[test.case])
        lines.append(line)
    return lines


def main(
    *,
    predictions: list[str],
    masks_dir: str,
    cases_table: str,
    folds_table: str,
    metrics_table: str,
    page: str,
    recipe: str,
    loss: str,
    threshold: float = 0.5,
) -> None:
    """Writes one line a test case to `metrics_table` (tumorseg.measuring.COLUMNS) and `page`.

    predictions: the fold folders, each named fold-<k> and holding <case>.png.
    threshold: tumour is where the probability lies above it.
    """
    cases = read_table(cases_table)
    spacing_mm = dict(zip(cases["case"], cases["spacing_mm"].astype(float), strict=True))
    folds = read_table(folds_table)
    tests = folds[folds["role"] == "test"]
    lines = []
    for folder in map(Path, predictions):
        fold = int(folder.name.removeprefix("fold-"))
        of_fold = tests[tests["fold"] == fold]
        lines += measure_fold(folder, of_fold, Path(masks_dir), spacing_mm, threshold)
    table = pd.DataFrame(lines).assign(recipe=recipe, loss=loss, threshold=threshold)
    write_tables({Path(metrics_table).stem: table[list(COLUMNS)]}, [metrics_table, page])
    found = table[table["status"] == "ok"]
    print(
        f"{recipe}/{loss}: {len(table)} cases, mean Dice {found['dice'].mean():.3f}, "
        f"{int(found['missed'].sum())} tumours missed, {len(table) - len(found)} cases failed"
    )


if "snakemake" in globals():
    from tumorseg.job import run

    run(main, snakemake)  # noqa: F821
