"""Shows whether what was run is what was registered, and every change of the plan since then."""

from pathlib import Path

import yaml

from tumorseg.core.digests import sha256
from tumorseg.core.files import write_text
from tumorseg.core.records import TrainingRecord
from tumorseg.registration import record, review
from tumorseg.reporting.table_pages import write_tables


def main(
    *,
    registration_file: str,
    amendments_file: str,
    settings_files: list[str],
    tables: list[str],
    pages: list[str],
    text_file: str,
) -> None:
    """Writes the tables registration and amendments, and a paragraph for the report's first page.

    Args:
        registration_file, amendments_file: the plan as registered, and its later changes.
        settings_files: settings.yaml of every training.
        tables, pages: written, TSV files and HTML pages named after their table.
        text_file: written, the paragraph as reStructuredText.
    """
    registration = record.read(registration_file)
    amendments = record.read(amendments_file)
    trainings: list[TrainingRecord] = [
        yaml.safe_load(Path(path).read_text(encoding="utf-8")) for path in settings_files
    ]
    built = {
        "registration": review.comparison_table(registration, amendments),
        "amendments": review.amendments_table(amendments),
    }
    write_tables(built, [*tables, *pages])
    deviating = review.deviations(registration, trainings)
    digest = sha256(Path(registration_file))
    text = review.sentence(registration, amendments, deviating, digest)
    write_text(text_file, text + "\n")
    print(text)


if "snakemake" in globals():
    from tumorseg.workflow.job import run

    run(main, snakemake)  # noqa: F821
