"""Writes the case browser: every test case with contours, probabilities and metrics."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from tumorseg.core.files import read_table
from tumorseg.core.images import case_file, read_image, read_mask
from tumorseg.evaluation import probabilities
from tumorseg.reporting import case_browser
from tumorseg.reporting.case_browser import SetUpPrediction
from tumorseg.reporting.shown_cases import first_folders


def read_prediction(folder: Path, case: str, threshold: float) -> SetUpPrediction | None:
    """A fold's prediction of a case, None if the training failed."""
    if (folder / "FAILED").exists():
        return None
    stored = probabilities.read(case_file(folder, case))
    return SetUpPrediction(
        probabilities.as_fraction(stored), probabilities.foreground(stored, threshold)
    )


def main(
    *,
    metrics: list[str],
    predictions: list[str],
    cases_dir: str,
    masks_dir: str,
    page: str,
    reference_loss: str,
    threshold: float = 0.5,
) -> None:
    """Writes a page of all test cases, the worst first.

    Args:
        metrics: the metrics table of every recipe and loss; numbers are means over the seeds.
        predictions: the prediction folder of every training; pictures show the first seed.
        cases_dir: the images.
        masks_dir: the ground truth.
        page: the HTML page to write.
        reference_loss: its contour is shown at first where there are many set-ups.
        threshold: a pixel is predicted as tumour if its probability is above.

    Raises:
        UserError: a set-up lacks a case.
    """
    tables = [read_table(path, ("recipe", "loss")) for path in metrics]
    lines = case_browser.averaged(pd.concat(tables, ignore_index=True))
    means = case_browser.worst_first(lines)
    folders = first_folders(predictions)
    by_case = dict(list(lines.groupby("case")))

    def cases() -> Iterator[dict[str, Any]]:
        for case, mean in means.iterrows():
            of_case = by_case[case]
            shown = [
                read_prediction(folders[recipe, loss, fold], case, threshold)
                for (recipe, loss, _), fold in of_case["fold"].items()
            ]
            image = read_image(case_file(cases_dir, case))
            truth = read_mask(case_file(masks_dir, case))
            pictures = case_browser.pictures(image, truth, shown)
            yield {"case": case} | case_browser.numbers(of_case, mean) | pictures

    case_browser.write_page(page, case_browser.facts(lines, reference_loss), cases())
    size = Path(page).stat().st_size / 1e6
    print(f"{page}: {len(means)} cases, {size:.1f} MB", flush=True)


if "snakemake" in globals():
    from tumorseg.workflow.job import run

    run(main, snakemake)  # noqa: F821
