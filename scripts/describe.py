"""Tabulates what was run and what it cost: data, folds, recipes, versions, seconds, memory."""

from pathlib import Path

import pandas as pd
import yaml

from tumorseg.core.files import read_table
from tumorseg.core.records import TrainingRecord
from tumorseg.evaluation.metric_tables import conventions
from tumorseg.reporting.cost_tables import loss_cost, stage_cost
from tumorseg.reporting.run_tables import provenance, run_table
from tumorseg.reporting.table_pages import write_tables


def main(
    *,
    cases_table: str,
    folds_table: str,
    settings_files: list[str],
    benchmarks: list[str],
    tables: list[str],
    pages: list[str],
    tolerances_px: list[float],
    excluded: int = 0,
    negatives: bool | str = False,
) -> None:
    """Writes the tables run, cost (by stage), loss_cost and conventions (of the metrics).

    Args:
        cases_table: all cases of the experiment.
        folds_table: the role of every case in every fold.
        settings_files: settings.yaml of every training.
        benchmarks: Snakemake's benchmark files of all jobs.
        tables: paths of the TSV files, each named after its table.
        pages: paths of the HTML pages, each named after its table.
        tolerances_px: tolerances of the surface Dice, as they were measured.
        excluded: number of cases that the user took out (source.exclude).
        negatives: what became of images without a tumour (source.negatives).
    """
    trainings: list[TrainingRecord] = [
        yaml.safe_load(Path(path).read_text(encoding="utf-8")) for path in settings_files
    ]
    cases, folds = read_table(cases_table), read_table(folds_table)
    facts = run_table(cases, folds, trainings, excluded, negatives == "leave_out")
    built = {
        "run": pd.concat([facts, provenance([cases_table, folds_table], trainings)]),
        "cost": stage_cost(benchmarks, trainings),
        "loss_cost": loss_cost(trainings),
        "conventions": conventions(tolerances_px),
    }
    write_tables(built, [*tables, *pages])


if "snakemake" in globals():
    from tumorseg.workflow.job import run

    run(main, snakemake)  # noqa: F821
