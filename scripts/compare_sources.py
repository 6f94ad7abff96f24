"""Stops the run where the outside data are among the inside ones: identical images."""

import sys

import pandas as pd

from tumorseg.core.files import read_table, write_table
from tumorseg.core.images import case_file, read_image
from tumorseg.core.parallel import by_threads
from tumorseg.core.problems import DataError
from tumorseg.data import source_overlap
from tumorseg.data.cohort import pixel_digest


def main(
    *,
    cases_table: str,
    cases_dir: str,
    external_table: str,
    external_dir: str,
    sources_table: str,
    cores: int = 1,
) -> None:
    """Writes how many cases and patients both sources have, and how many patients of equal names.

    Args:
        cases_table, cases_dir: cases.tsv and the first channel's images of the inside data.
        external_table, external_dir: those of the outside data.
        sources_table: written.
        cores: threads that read images.

    Raises:
        DataError: an outside image has exactly the pixels of an inside one.
    """

    def digest(folder: str, case: str) -> str:
        image = read_image(case_file(folder, case))
        return "" if image.min() == image.max() else pixel_digest(image)

    inside, outside = read_table(cases_table), read_table(external_table)
    for table, folder in ((inside, cases_dir), (outside, external_dir)):
        table["digest"] = list(by_threads(digest, ((folder, c) for c in table["case"]), cores))
    for problem in source_overlap.problems(inside, outside):
        if problem.severity == "error":
            raise DataError(problem)
        print(f"WARNING {problem.line()}", file=sys.stderr)
    tables = {"inside": inside, "outside": outside}.items()
    rows = [{"data": n, "cases": len(t), "patients": t["patient"].nunique()} for n, t in tables]
    common = len(source_overlap.equal_names(inside, outside))
    write_table(pd.DataFrame(rows).assign(patients_of_equal_name=common), sources_table)
    print(f"no outside image is among the {len(inside)} inside ones")


if "snakemake" in globals():
    from tumorseg.workflow.job import run

    run(main, snakemake)  # noqa: F821
