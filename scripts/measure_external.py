"""Measures what all trainings of a loss together predicted for the outside data."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from tumorseg.core.files import read_table, write_table
from tumorseg.core.images import case_file, read_mask
from tumorseg.evaluation import member_masks
from tumorseg.evaluation.case_metrics import columns
from tumorseg.evaluation.metric_tables import read_all, spacings
from tumorseg.evaluation.training_metrics import FAILED, Measurement
from tumorseg.statistics.comparison import FIXED, OWN
from tumorseg.statistics.outside import MEMBERS
from tumorseg.statistics.own_threshold import chosen_thresholds


def main(
    *,
    predictions_dir: str,
    masks_dir: str,
    cases_table: str,
    thresholds_table: str,
    metrics_table: str,
    members_table: str,
    recipe: str,
    loss: str,
    tolerances_px: list[float],
    threshold: float,
    classes: list[str] | tuple = (),
    exclusive: bool = False,
    mean: bool = False,
) -> None:
    """Writes a metrics row for each case and threshold, and every single training's Dice.

    The own threshold is the mean of those that the trainings chose on their validation cases, as in
    an exported model; no outside case has a part in it. Rows have seed and fold 0: they are of all
    trainings.

    Args:
        predictions_dir, masks_dir, cases_table: of the outside data.
        thresholds_table: the inside data's counts by threshold, of the same recipe and loss.
        metrics_table: columns of case_metrics and `choice`, fixed or own.
        members_table: case, patient, seed, fold, dice of the first class at the fixed threshold;
            empty where the mean over classes is asked about.
        recipe, loss, tolerances_px, threshold, classes, exclusive, mean: as for `measure`.
    """
    folder, cases = Path(predictions_dir), read_table(cases_table)
    measurement = Measurement(
        cases.assign(fold=0, role="test"),
        Path(masks_dir),
        spacings(cases),
        threshold,
        tolerances_px,
        classes,
        exclusive,
        mean,
    )
    chosen = chosen_thresholds(read_all([thresholds_table], ".thresholds.tsv"))["threshold"]
    measured = {FIXED: measurement}
    if len(chosen):
        measured[OWN] = replace(measurement, threshold=round(chosen.mean(), 4), exclusive=False)
    parts = []
    for choice, one in measured.items():
        rows = pd.DataFrame(one.of_predictions(folder, seed=0, fold=0).rows)
        rows = rows.assign(recipe=recipe, loss=loss, threshold=one.threshold, choice=choice)
        parts.append(rows[["choice", *columns(tolerances_px)]])
    table = pd.concat(parts)
    write_table(table, metrics_table)
    members = []
    for row in cases.itertuples() if not (mean or (folder / FAILED).exists()) else ():
        truth = read_mask(case_file(masks_dir, row.case))
        for name, dice in member_masks.dice(folder / "members", row.case, truth).items():
            seed, fold = (int(part.split("-")[1]) for part in name.split("_"))
            members.append((recipe, loss, seed, fold, row.case, row.patient, dice))
    write_table(pd.DataFrame(members, columns=MEMBERS), members_table)
    at_fixed = table[table["choice"] == FIXED]
    print(
        f"{recipe}/{loss}: {len(cases)} outside cases, mean Dice {at_fixed['dice'].mean():.3f}, "
        f"{int(np.nansum(at_fixed['missed']))} tumours missed"
    )


if "snakemake" in globals():
    from tumorseg.workflow.job import run

    run(main, snakemake)  # noqa: F821
