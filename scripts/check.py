"""Reads all data once and reports all its problems, before anything is computed."""

from dataclasses import asdict
from pathlib import Path

import pandas as pd

from tumorseg.checking import all_slices, each_slice
from tumorseg.checking.page import COLUMNS, SHEET, write_page
from tumorseg.core.backends import check_installed
from tumorseg.core.errors import UserError
from tumorseg.core.files import write_table
from tumorseg.core.problems import Problem, print_problems
from tumorseg.data.listing import excluded_names
from tumorseg.data.settings import SourceSettings
from tumorseg.data.site_folds import site_problems
from tumorseg.privacy.kept_names import kept_problems
from tumorseg.privacy.local import local_only
from tumorseg.reporting.shown_cases import chosen_cases


def main(
    *,
    source: SourceSettings,
    data_dir: str,
    seed: int,
    fold_count: int,
    strip_method: str,
    accept_harm: bool,
    experiment: str,
    folder: str,
    names: str = "pseudonyms",
    by_site: bool = False,
    cores: int = 1,
    backend: str = "tensorflow",
) -> None:
    """Writes check.html and check.tsv into `folder`.

    Args:
        source: the config's `source`.
        data_dir: the folder of the data.
        seed: of cases that the source makes itself.
        fold_count: number of folds, for which there must be enough patients; 0 without folds.
        strip_method: the skull-stripping method in use.
        accept_harm: whether it may remove tumours.
        experiment: name of the experiment, for the page's heading.
        folder: a local folder, marked LOCAL_ONLY.txt.
        names: "pseudonyms" or "keep" (config key identifiers.names).
        by_site: whether folds are made of sites.
        cores: number of threads that read.
        backend: on which it will be trained.

    Raises:
        UserError: the backend is not installed; or there is an error in the data that would stop a
            run, and both files have been written.
    """
    check_installed(backend)
    checked = each_slice.read_all(source, data_dir, seed, fold_count, cores, strip_method)
    slices = checked.slices
    problems = [
        *checked.problems,
        *all_slices.problems(slices, checked.fingerprints, fold_count, strip_method, accept_harm),
        *(site_problems(slices, fold_count) if by_site and len(slices) else []),
    ]
    if names == "keep" and len(slices):
        problems += kept_problems([*slices["case"], *slices["patient"]])
    problems.sort(key=lambda problem: problem.severity != "error")  # stable
    table = pd.DataFrame(map(asdict, map(Problem.printable, problems)), columns=COLUMNS)
    local = local_only(folder)
    write_table(table, local / "check.tsv")
    chosen = chosen_cases(slices, SHEET) if len(slices) else []
    sheet = each_slice.read_again(checked, source, seed, chosen)
    shown = table.copy()
    for root in {Path(data_dir).expanduser(), Path(data_dir).expanduser().resolve()}:
        for name in ("file", "value"):  # shorter on the page; check.tsv has full paths
            shown[name] = shown[name].str.replace(f"{root}/", "", regex=False)
    page = local / "check.html"
    excluded = excluded_names(source)
    classes = list(source.get("classes", ["tumour"]))
    write_page(page, f"Data check: {experiment}", shown, slices, chosen, sheet, excluded, classes)
    errors = print_problems(problems, str(page))
    warnings = len(problems) - errors
    out = f", {len(excluded)} cases left out (source.exclude)" if excluded else ""
    what = "volumes" if source.get("dimensions") == 3 else "slices"
    summary = f"{len(slices)} {what} read{out}: {errors} errors, {warnings} warnings; see {page}"
    if errors:
        raise UserError(summary)
    print(summary)


if "snakemake" in globals():
    from tumorseg.workflow.job import run

    run(main, snakemake)  # noqa: F821
