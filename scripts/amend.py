"""Appends to amendments.yaml what has changed since the registration or the last amendment."""

from pathlib import Path
from typing import Any

from tumorseg.registration import record
from tumorseg.registration.content import data_of

HEADING = "Changes of the plan since registration.yaml was written, in the order of time."


def main(
    *,
    registration_file: str,
    cases_dir: str,
    masks_dir: str,
    folds_table: str,
    plan: dict[str, Any],
    existed: record.Existed,
    amendments_file: str,
    external_cases_dir: str = "",
    external_masks_dir: str = "",
) -> None:
    """Adds an amendment where the plan or the data differ from those in force; else adds nothing.

    Args:
        registration_file: the plan as registered.
        cases_dir, masks_dir, folds_table: all images and masks, and the division into folds.
        external_cases_dir, external_masks_dir: those of the outside data, if there are any.
        plan: question, use of patients, settings and code, as they are now.
        existed: finished trainings and measured set-ups that are there now.
        amendments_file: read, if it is there, and written.
    """
    registered = record.flat(record.read(registration_file)["plan"])
    earlier = record.read(amendments_file) or [] if Path(amendments_file).exists() else []
    plan = record.plain(
        plan
        | {
            "data": data_of(
                cases_dir, masks_dir, folds_table, external_cases_dir, external_masks_dir
            )
        }
    )
    changed = record.changes(record.amended(registered, earlier), record.flat(plan))
    if changed:
        earlier.append({"time": record.now(), "existed": existed, "changes": changed})
        print("WARNING the plan differs from what was registered; the report will say so:")
        for change in changed:
            print(f"  {change['what']}: {change['before']} -> {change['after']}")
    record.write(amendments_file, earlier, HEADING)


if "snakemake" in globals():
    from tumorseg.workflow.job import run

    run(main, snakemake)  # noqa: F821
