"""Reads all data once and says everything that is wrong with it, before anything is computed."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd

from tumorseg.checking import all_slices, each_slice
from tumorseg.checking.page import FIELDS, SHEET, write_page
from tumorseg.core.errors import UserError
from tumorseg.core.files import write_table
from tumorseg.core.problems import print_problems
from tumorseg.privacy.local import local_only
from tumorseg.reporting.shown_cases import chosen_cases


def main(
    *,
    source: dict[str, Any],
    data_dir: str,
    seed: int,
    fold_count: int,
    strip_method: str,
    experiment: str,
    folder: str,
    cores: int = 1,
) -> None:
    """Writes check.html and check.tsv into `folder`, which stays on this machine.

    Raises UserError, once both are written, where there is an error that would stop a run.
    """
    checked = each_slice.read_all(source, data_dir, seed, fold_count, cores)
    slices = checked.slices
    found = [
        *checked.problems,
        *all_slices.problems(slices, checked.prints, fold_count, strip_method),
    ]
    found.sort(key=lambda problem: problem.severity != "error")  # the order stays otherwise
    table = pd.DataFrame(map(asdict, found), columns=FIELDS)
    folder = local_only(folder)
    write_table(table, folder / "check.tsv")
    names = chosen_cases(slices, SHEET) if len(slices) else []
    sheet = each_slice.read_again(checked, source, seed, names)
    shown = table.copy()
    for root in {Path(data_dir).expanduser(), Path(data_dir).expanduser().resolve()}:
        for name in ("file", "value"):  # short enough to read; check.tsv has whole paths
            shown[name] = shown[name].str.replace(f"{root}/", "", regex=False)
    write_page(folder / "check.html", f"Data check: {experiment}", shown, slices, names, sheet)
    page = Path(folder) / "check.html"
    errors = print_problems(found, str(page))
    warnings = len(found) - errors
    told = f"{len(slices)} slices read: {errors} errors, {warnings} warnings; see {page}"
    if errors:
        raise UserError(told)
    print(told)


if "snakemake" in globals():
    from tumorseg.workflow.job import run

    run(main, snakemake)  # noqa: F821
