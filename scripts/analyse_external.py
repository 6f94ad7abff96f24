"""Writes the statistics of the outside data: results, drops, contrasts and subgroups."""

import pandas as pd

from tumorseg.core.files import read_table
from tumorseg.evaluation.metric_tables import read_all
from tumorseg.reporting.table_pages import write_tables
from tumorseg.statistics import comparison, outside, own_threshold, subgroups
from tumorseg.statistics.comparison import FIXED, OWN, Question


def main(
    *,
    metrics: list[str],
    thresholds_tables: list[str],
    external_metrics: list[str],
    members_tables: list[str],
    cases_table: str,
    masks_table: str,
    tables: list[str],
    pages: list[str],
    recipe: str,
    reference_loss: str,
    resamples: int,
    seed: int,
    margin: float,
    of: str = "",
) -> None:
    """Writes external, external_contrasts and external_subgroups, as tables and as pages.

    Args:
        metrics, thresholds_tables: of the inside data, of all recipes and losses.
        external_metrics, members_tables: from `measure_external`, of all recipes and losses.
        cases_table, masks_table: of the outside data, for the subgroups.
        tables, pages: written.
        recipe, reference_loss, resamples, seed, margin, of: the question, as for `analyse`.
    """
    question = Question(recipe, reference_loss, resamples, seed, of, margin)
    inside = pd.concat([read_table(path) for path in metrics], ignore_index=True)
    at_own = own_threshold.at_own_threshold(inside, read_all(thresholds_tables, ".thresholds.tsv"))
    scores = {FIXED: comparison.patient_scores(inside), OWN: comparison.patient_scores(at_own)}
    found = pd.concat([read_table(path) for path in external_metrics], ignore_index=True)
    members = pd.concat([read_table(path) for path in members_tables], ignore_index=True)
    described = subgroups.described(cases_table, masks_table)
    groups = subgroups.groups(described)
    built = {
        "external": outside.results(found, members, scores),
        "external_contrasts": outside.outside_contrasts(found, members, question),
        "external_subgroups": subgroups.subgroups(
            found[found["choice"] == FIXED], groups, question
        ),
    }
    write_tables(built, [*tables, *pages])
    for row in built["external"].itertuples():
        if row.choice == FIXED:
            print(
                f"{row.recipe}/{row.loss}: Dice {row.dice:.3f} ({row.low:.3f} to {row.high:.3f}), "
                f"{row.patients} outside patients; the drop of single trainings is {row.drop:.3f} "
                f"({row.drop_low:.3f} to {row.drop_high:.3f})"
            )


if "snakemake" in globals():
    from tumorseg.workflow.job import run

    run(main, snakemake)  # noqa: F821
