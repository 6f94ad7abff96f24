"""Writes the case browser: every test case with contours, probabilities and metrics."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tumorseg.core.files import read_table
from tumorseg.core.images import case_file, of_class, read_image, read_mask
from tumorseg.evaluation import probabilities
from tumorseg.evaluation.classes import likeliest
from tumorseg.reporting import case_browser
from tumorseg.reporting.case_browser import SetUpPrediction
from tumorseg.reporting.shown_cases import first_folders


def read_masks(
    folder: Path, case: str, classes: int, threshold: float, exclusive: bool
) -> tuple[SetUpPrediction | None, np.ndarray | None]:
    """A fold's prediction of a case, and the masks (height, width, classes); None if it failed."""
    if (folder / "FAILED").exists():
        return None, None
    positions = range(1, classes + 1)
    maps = [probabilities.read(case_file(of_class(folder, n), case)) for n in positions]
    masks = likeliest(maps) if exclusive else [probabilities.foreground(m, threshold) for m in maps]
    primary = SetUpPrediction(probabilities.as_fraction(maps[0]), masks[0])
    return primary, np.stack(masks, axis=-1)


def main(
    *,
    metrics: list[str],
    predictions: list[str],
    cases_dir: str,
    masks_dir: str,
    page: str,
    reference_loss: str,
    threshold: float = 0.5,
    classes: list[str] | tuple = (),
    exclusive: bool = False,
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
        classes: their names, where there are several; exclusive: whether a pixel is of the
            likeliest one.

    Raises:
        UserError: a set-up lacks a case.
    """
    tables = [read_table(path, ("recipe", "loss")) for path in metrics]
    lines = case_browser.averaged(pd.concat(tables, ignore_index=True))
    means = case_browser.worst_first(lines)
    folders = first_folders(predictions)
    by_case = dict(list(lines.groupby("case")))

    positions = range(1, max(1, len(classes)) + 1)

    def cases() -> Iterator[dict[str, Any]]:
        for case, mean in means.iterrows():
            of_case = by_case[case]
            shown = [
                read_masks(folders[recipe, loss, fold], case, len(positions), threshold, exclusive)
                for (recipe, loss, _), fold in of_case["fold"].items()
            ]
            predictions, masks = ([pair[n] for pair in shown] for n in (0, 1))
            image = read_image(case_file(cases_dir, case))
            truths = [read_mask(case_file(of_class(masks_dir, n), case)) for n in positions]
            if classes:
                given = np.stack(truths, axis=-1), predictions, masks, of_case["plane"].iloc[0]
                pictures = case_browser.with_classes(image, *given)
            else:
                pictures = case_browser.pictures(image, truths[0], predictions)
            yield {"case": case} | case_browser.numbers(of_case, mean) | pictures

    case_browser.write_page(page, case_browser.facts(lines, reference_loss, classes), cases())
    size = Path(page).stat().st_size / 1e6
    print(f"{page}: {len(means)} cases, {size:.1f} MB", flush=True)


if "snakemake" in globals():
    from tumorseg.workflow.job import run

    run(main, snakemake)  # noqa: F821
