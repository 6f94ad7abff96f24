"""Writes registration.yaml, the plan of the experiment, once and before anything is trained."""

import hashlib
import json
from pathlib import Path
from typing import Any

from tumorseg.registration import record
from tumorseg.registration.content import data_of, software

HEADING = "Written once, before the first training. Later changes are listed in amendments.yaml."


def main(
    *,
    cases_dir: str,
    masks_dir: str,
    folds_table: str,
    plan: dict[str, Any],
    existed: record.Existed,
    registration_file: str,
    external_cases_dir: str = "",
    external_masks_dir: str = "",
) -> None:
    """Writes what is planned, the data's digests, the software's versions and the time.

    A registration that is already there stays as it is, whatever the config says now.

    Args:
        cases_dir, masks_dir, folds_table: all images and masks, and the division into folds.
        external_cases_dir, external_masks_dir: those of the outside data, if there are any.
        plan: question, use of patients, settings and code.
        existed: finished trainings and measured set-ups that were already there.
        registration_file: written.
    """
    if Path(registration_file).exists():
        print(f"{registration_file} is there already and stays as it is")
        return
    data = data_of(cases_dir, masks_dir, folds_table, external_cases_dir, external_masks_dir)
    settings = json.dumps(plan["settings"], sort_keys=True)
    registration: record.Registration = {
        "registered": record.now(),
        "existed": existed,
        "config_sha256": hashlib.sha256(settings.encode()).hexdigest(),
        "software": software(plan["settings"]["training"]["backend"]),
        "plan": record.plain(plan | {"data": data}),
    }
    record.write(registration_file, registration, HEADING)
    print(f"Registered: {plan['question']['in words']}", flush=True)


if "snakemake" in globals():
    from tumorseg.workflow.job import run

    run(main, snakemake)  # noqa: F821
