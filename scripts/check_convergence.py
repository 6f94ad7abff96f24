"""Judges every training: had it converged, and had all losses the same chance?"""

from pathlib import Path

import pandas as pd
import yaml

from tumorseg.core.files import read_table
from tumorseg.core.records import TrainingRecord
from tumorseg.imaging.kept_share import KEPT_SHARE
from tumorseg.reporting.table_pages import write_tables
from tumorseg.statistics.convergence import convergence_table, fairness_table

SCORES = ["val_iou", "val_dice", "val_loss"]


def epochs_of(record: TrainingRecord, history_table: str) -> pd.DataFrame:
    """The history of one training with the names and settings that identify it."""
    history = read_table(history_table)
    if history.empty:  # it failed in its first epoch: one row without a score stands for it
        history = pd.DataFrame({"epoch": [1], **dict.fromkeys(SCORES, float("nan"))})
    return history[["epoch", *SCORES]].assign(
        recipe=record["recipe"],
        loss=record["loss"]["name"],
        seed=record["seed"],
        fold=record["fold"],
        status=record["status"],
        chosen_epoch=record["chosen_epoch"],
        precision=record["device"]["precision"],
        backend=record["device"]["backend"],
        keep_best=record["settings"]["training"]["keep_best"],
    )


def stripping(strip_methods_table: str, masks_table: str, method: str) -> dict[str, str]:
    """The row of the fairness table that says how much tumour skull stripping removed."""
    kept = read_table(strip_methods_table).merge(read_table(masks_table)[["case", "patient"]])
    kept = kept[kept["method"] == method]
    harmed = kept[kept["tumour_kept"] < KEPT_SHARE]
    return {
        "question": "no tumour lost to skull stripping",
        "answer": "no" if len(harmed) else "yes",
        "detail": f"{method} removes more than {1 - KEPT_SHARE:.0%} of the tumour in {len(harmed)} "
        f"of {len(kept)} cases, {harmed['patient'].nunique()} of {kept['patient'].nunique()} "
        "patients; the removed part counts as missed, for every loss",
    }


def main(
    *,
    histories: list[str],
    settings_files: list[str],
    strip_methods_table: str,
    masks_table: str,
    method: str,
    tables: list[str],
    pages: list[str],
) -> None:
    """Writes the tables convergence and fairness, as TSV and as pages.

    Args:
        histories: history.tsv of every training.
        settings_files: settings.yaml of the same trainings, in the same order.
        strip_methods_table, masks_table: how much of each case's tumour each method keeps; the
            patient of each case.
        method: the method of skull stripping in use.
        tables, pages: written, convergence and fairness as .tsv and .html.
    """
    records: list[TrainingRecord] = [
        yaml.safe_load(Path(path).read_text(encoding="utf-8")) for path in settings_files
    ]
    pairs = zip(records, histories, strict=True)
    table = convergence_table(pd.concat([epochs_of(*pair) for pair in pairs], ignore_index=True))
    searches = pd.DataFrame(
        [
            {"recipe": r["recipe"], "loss": r["loss"]["name"], "trials": r["tuned"]["trials"]}
            for r in records
            if r["tuned"] and r["fold"] == records[0]["fold"] and r["seed"] == records[0]["seed"]
        ]
    )
    fairness = fairness_table(table, searches)
    lost = stripping(strip_methods_table, masks_table, method)
    parts = [
        part
        for recipe, rows in fairness.groupby("recipe", sort=False)
        for part in (rows, pd.DataFrame([{"recipe": recipe, **lost}]))
    ]
    fairness = pd.concat(parts, ignore_index=True)
    write_tables({"convergence": table, "fairness": fairness}, [*tables, *pages])
    for (recipe, verdict), rows in table.groupby(["recipe", "verdict"], sort=False):
        print(f"{recipe}: {len(rows)} trainings {verdict}", flush=True)


if "snakemake" in globals():
    from tumorseg.workflow.job import run

    run(main, snakemake)  # noqa: F821
