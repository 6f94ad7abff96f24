"""Writes the case browser of volumes, and a page to look through each volume."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tumorseg.core.files import read_table
from tumorseg.core.images import case_file, of_class, read_image, read_mask
from tumorseg.evaluation import probabilities
from tumorseg.evaluation.classes import likeliest
from tumorseg.evaluation.metric_tables import spacings
from tumorseg.reporting import case_browser
from tumorseg.reporting.shown_cases import first_folders
from tumorseg.reporting.volume_cases import CaseView, VolumePrediction
from tumorseg.reporting.volume_viewer import write_viewer

Drawn = Iterator[tuple[str, np.ndarray]]


def read_prediction(
    folder: Path, case: str, classes: int, threshold: float, exclusive: bool
) -> VolumePrediction | None:
    """A fold's prediction of a volume, None if the training failed."""
    if (folder / "FAILED").exists():
        return None
    positions = range(1, classes + 1)
    maps = [probabilities.read(case_file(of_class(folder, n), case)) for n in positions]
    masks = likeliest(maps) if exclusive else [probabilities.foreground(m, threshold) for m in maps]
    return VolumePrediction(probabilities.as_fraction(maps[0], np.float32), np.stack(masks, -1))


def main(
    *,
    metrics: list[str],
    predictions: list[str],
    cases_table: str,
    cases_dir: str,
    masks_dir: str,
    page: str,
    volumes_dir: str,
    reference_loss: str,
    classes: list[str],
    exclusive: bool,
    threshold: float = 0.5,
) -> None:
    """Writes a page of all test cases, the worst first, and <volumes_dir>/<case>.html of each.

    Args:
        metrics, predictions, cases_dir, masks_dir, reference_loss, threshold: as in show_cases.
        cases_table: for the sides of the voxels.
        page: the HTML page to write; volumes_dir: the folder of the volumes' own pages, beside it.
        classes: their names; one, if there are not several.
        exclusive: whether a voxel is of the likeliest class.
    """
    tables = [read_table(path, ("recipe", "loss")) for path in metrics]
    lines = case_browser.averaged(pd.concat(tables, ignore_index=True))
    means, folders = case_browser.worst_first(lines), first_folders(predictions)
    by_case, spacing_mm = dict(list(lines.groupby("case"))), spacings(read_table(cases_table))
    several = exclusive and len(classes) > 1

    def cases() -> Iterator[dict[str, Any]]:
        for case, mean in means.iterrows():
            of_case, place = by_case[case], Path(volumes_dir) / f"{case}.html"
            image, sides = read_image(case_file(cases_dir, case)), spacing_mm[case]
            positions = range(1, len(classes) + 1)
            masks = [read_mask(case_file(of_class(masks_dir, n), case)) for n in positions]
            truth = np.stack(masks, axis=-1)
            plane = of_case["plane"].iloc[0]
            view = CaseView(image, sides, truth, plane)

            def drawn(view: CaseView = view, case: str = case, of_case: Any = of_case) -> Drawn:
                """Name and masks of each set-up, read one by one, which is added to the view."""
                for (recipe, loss, _), fold in of_case["fold"].items():
                    place = folders[recipe, loss, fold]
                    one = read_prediction(place, case, len(classes), threshold, several)
                    view.add(one)
                    if one:
                        yield f"{recipe}/{loss}", one.masks

            write_viewer(place, case, image, sides, truth, drawn(), classes, plane)
            viewer = f"{place.parent.name}/{place.name}"
            yield {"case": case} | case_browser.numbers(of_case, mean) | view.facts(viewer)

    facts = case_browser.facts(lines, reference_loss, classes)
    case_browser.write_page(page, facts, cases())
    print(f"{page}: {len(means)} volumes, {Path(page).stat().st_size / 1e6:.1f} MB", flush=True)


if "snakemake" in globals():
    from tumorseg.workflow.job import run

    run(main, snakemake)  # noqa: F821
