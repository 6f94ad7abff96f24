"""Shows every test case in one page: contours, probabilities and metrics of each set-up."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from tumorseg.core.files import read_table
from tumorseg.core.images import read_image, read_mask
from tumorseg.evaluation import probabilities
from tumorseg.reporting import case_browser
from tumorseg.reporting.case_browser import SetUpPrediction


def first_folders(predictions: list[str]) -> dict[tuple[str, str, int], Path]:
    """The first seed's folder of each (recipe, loss, fold).

    Folders are <recipe>/<loss>/fold-<k> or <recipe>/<loss>/seed-<s>/fold-<k>, lowest seed first.
    """
    found: dict[tuple[str, str, int], Path] = {}
    for folder in map(Path, predictions):
        above = folder.parent
        if above.name.startswith("seed-"):
            above = above.parent
        fold = int(folder.name.removeprefix("fold-"))
        found.setdefault((above.parent.name, above.name, fold), folder)
    return found


def read_answer(folder: Path, case: str, threshold: float) -> SetUpPrediction | None:
    """The prediction of a case, None where the training failed."""
    if (folder / "FAILED").exists():
        return None
    stored = probabilities.read(folder / f"{case}.png")
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
    """Writes the page of all test cases, the worst first.

    metrics: tables of every recipe and loss, all their seeds; predictions: their fold folders.
    Numbers are means over the seeds, pictures show the first one.
    """
    tables = [read_table(path, ("recipe", "loss")) for path in metrics]
    lines = case_browser.averaged(pd.concat(tables, ignore_index=True))
    means = case_browser.worst_first(lines)
    folders = first_folders(predictions)
    by_case = dict(list(lines.groupby("case")))

    def cases() -> Iterator[dict[str, Any]]:
        for case, mean in means.iterrows():
            here = by_case[case]
            answers = [
                read_answer(folders[recipe, loss, fold], case, threshold)
                for (recipe, loss, _), fold in here["fold"].items()
            ]
            image = read_image(Path(cases_dir) / f"{case}.png")
            truth = read_mask(Path(masks_dir) / f"{case}.png")
            drawn = case_browser.pictures(image, truth, answers)
            yield {"case": case} | case_browser.numbers(here, mean) | drawn

    case_browser.write_page(page, case_browser.facts(lines, reference_loss), cases())
    size = Path(page).stat().st_size / 1e6
    print(f"{page}: {len(means)} cases, {size:.1f} MB", flush=True)


if "snakemake" in globals():
    from tumorseg.workflow.job import run

    run(main, snakemake)  # noqa: F821
