"""Stops the run where the outside data are among the inside ones: identical images."""

import sys

import pandas as pd

from tumorseg.core.files import read_table, write_table
from tumorseg.core.images import case_file, read_image
from tumorseg.core.parallel import by_threads
from tumorseg.core.problems import error
from tumorseg.data.cohort import pixel_digest

SHOWN = 5  # patients listed in the warning


def main(
    *,
    cases_table: str,
    cases_dir: str,
    external_table: str,
    external_dir: str,
    sources_table: str,
    cores: int = 1,
) -> None:
    """Writes how many cases and patients both sources have, and how many patients' names in common.

    An equal name is a warning only: many hospitals number their patients from 1.

    Args:
        cases_table, cases_dir: cases.tsv and the first channel's images of the inside data.
        external_table, external_dir: those of the outside data.
        sources_table: written.
        cores: threads that read images.

    Raises:
        DataError: an outside image has exactly the pixels of an inside one; blank images, which are
            all alike, do not count.
    """

    def digest(folder: str, case: str) -> str:
        image = read_image(case_file(folder, case))
        return "" if image.min() == image.max() else pixel_digest(image)

    tables = {"inside": read_table(cases_table), "outside": read_table(external_table)}
    folders = {"inside": cases_dir, "outside": external_dir}
    for name, table in tables.items():
        items = ((folders[name], case) for case in table["case"])
        table["digest"] = list(by_threads(digest, items, cores))
    inside, outside = (table[table["digest"] != ""] for table in tables.values())
    same = outside.merge(inside, on="digest", suffixes=("", "_inside"))
    if len(same):
        first = same.iloc[0]
        raise error(
            "outside_inside",
            f"external: {same['case'].nunique()} of {len(tables['outside'])} outside images are "
            f"among the inside ones, such as {first['case']} (inside {first['case_inside']})",
            "outside data of which nothing was trained on",
            "take them out with external.exclude or source.exclude, or name other data",
        )
    names = [set(table["patient"]) for table in tables.values()]
    common = sorted(names[0] & names[1])
    rows = [
        {"data": name, "cases": len(table), "patients": table["patient"].nunique()}
        for name, table in tables.items()
    ]
    result = pd.DataFrame(rows).assign(identical_images=0, patients_of_equal_name=len(common))
    write_table(result, sources_table)
    if common:
        shown = ", ".join(common[:SHOWN]) + (", ..." if len(common) > SHOWN else "")
        print(
            f"WARNING external: {len(common)} patients have a name that an inside patient has "
            f"({shown}); if they are the same persons, take them out with external.exclude",
            file=sys.stderr,
        )
    print(f"no outside image is among the {len(tables['inside'])} inside ones")


if "snakemake" in globals():
    from tumorseg.workflow.job import run

    run(main, snakemake)  # noqa: F821
