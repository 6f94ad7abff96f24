"""Divides the cases into cross-validation folds."""

from tumorseg.core.files import read_table, write_table
from tumorseg.core.problems import DataError
from tumorseg.data.folds import split, tumour_problems
from tumorseg.data.site_folds import site_problems, site_tests


def main(
    *,
    masks_table: str,
    folds_table: str,
    fold_count: int,
    validation_share: float,
    seed: int,
    test_patients: int = 0,
    cases_table: str = "",
) -> None:
    """Writes folds.tsv: case, patient, plane, fold, role (train, validation, test).

    Args:
        masks_table: masks.tsv.
        folds_table: folds.tsv.
        fold_count: number of folds.
        validation_share: validation's share of the cases that are not test.
        seed: of the random assignment.
        test_patients: of a single fold, which is a fixed split.
        cases_table: cases.tsv where folds are made of its sites.

    Raises:
        UserError: there are too few patients or sites, or a fold would train or validate without a
            tumour.
    """
    masks, tests = read_table(masks_table), None
    if cases_table:
        cases = read_table(cases_table, ("site",))
        for problem in site_problems(cases, fold_count):
            raise DataError(problem)
        tests = site_tests(cases["site"], fold_count)
    folds = split(masks, fold_count, validation_share, seed, test_patients, tests)
    for problem in tumour_problems(folds, masks):
        if problem.severity == "error":
            raise DataError(problem)
        print(f"WARNING {problem.line()}")
    write_table(folds, folds_table)
    sizes = folds.groupby(["fold", "role"])["case"].count().unstack()
    patients = folds.groupby(["fold", "role"])["patient"].nunique().unstack()
    for fold in sizes.index:
        print(
            f"fold {fold}: "
            + ", ".join(
                f"{role} {sizes.at[fold, role]} cases of {patients.at[fold, role]} patients"
                for role in ("train", "validation", "test")
            )
        )


if "snakemake" in globals():
    from tumorseg.workflow.job import run

    run(main, snakemake)  # noqa: F821
