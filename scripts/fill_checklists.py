"""Fills the reporting checklists CLAIM 2024 and TRIPOD+AI with what the run knows."""

from pathlib import Path

import yaml

from tumorseg.core.files import read_table
from tumorseg.core.records import TrainingRecord
from tumorseg.registration import record, review
from tumorseg.reporting.checklist_evidence import Evidence
from tumorseg.reporting.checklists import ITEMS, filled
from tumorseg.reporting.table_pages import write_tables


def main(
    *,
    registration_file: str,
    amendments_file: str,
    settings_files: list[str],
    facts: list[str],
    names: str,
    excluded: int,
    tables: list[str],
    pages: list[str],
) -> None:
    """Writes the tables claim_2024 and tripod_ai.

    Args:
        registration_file, amendments_file: the plan as registered, and its later changes.
        settings_files: settings.yaml of every training.
        facts: the tables from which items are filled.
        names: how patients and cases are named (identifiers.names).
        excluded: number of entries that the user took out (source.exclude).
        tables, pages: written, TSV files and HTML pages named after their table.
    """
    registration = record.read(registration_file)
    amendments = record.read(amendments_file)
    trainings: list[TrainingRecord] = [
        yaml.safe_load(Path(path).read_text(encoding="utf-8")) for path in settings_files
    ]
    known = review.known_then(registration["existed"])
    run = Evidence(
        plan=record.amended(record.flat(registration["plan"]), amendments),
        tables={Path(path).stem: read_table(path, ("site",)) for path in facts},
        trainings=trainings,
        registered=f"{review.when(registration['registered'])}, {known}",
        changes=len(review.amendments_table(amendments)),
        names=names,
        excluded=excluded,
    )
    write_tables({name: filled(name, run) for name in ITEMS}, [*tables, *pages])


if "snakemake" in globals():
    from tumorseg.workflow.job import run

    run(main, snakemake)  # noqa: F821
