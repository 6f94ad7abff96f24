"""Chooses the loss to export and its finished trainings."""

from pathlib import Path

import pandas as pd
import yaml

from tumorseg.core.errors import UserError
from tumorseg.core.records import TrainingRecord
from tumorseg.prediction.records import Member


def chosen_loss(ranked: pd.DataFrame, losses: list[str], model_loss: str) -> pd.Series:
    """The row of the loss to export; its name is the loss.

    ranked: rows of ranking.tsv of one recipe. model_loss: `best` for the highest mean Dice, or a
    loss's name. Raises UserError for an unknown name.
    """
    if model_loss not in ("best", *losses):
        known = ", ".join(losses)
        raise UserError(
            f"config: model_loss: there is no loss {model_loss!r}; expected one of: best, {known}"
        )
    ordered = ranked.sort_values("mean", ascending=False, kind="stable").set_index("loss")
    return ordered.iloc[0] if model_loss == "best" else ordered.loc[model_loss]


def finished(
    settings_files: list[str], weights: list[str], loss: str
) -> tuple[list[tuple[TrainingRecord, Path]], int]:
    """The records and weights of a loss's finished trainings, and the number of failed ones.

    settings_files, weights: of all losses, in the same order. Raises UserError if all failed.
    """
    records = [yaml.safe_load(Path(file).read_text(encoding="utf-8")) for file in settings_files]
    of_loss = [
        (record, Path(path))
        for record, path in zip(records, weights, strict=True)
        if record["loss"]["name"] == loss
    ]
    done = [(record, path) for record, path in of_loss if record["status"] == "ok"]
    failed = len(of_loss) - len(done)
    if not done:
        raise UserError(
            f"loss {loss}: all {failed} trainings failed, so there is nothing to export; set "
            "model_loss to another loss"
        )
    return done, failed


def member(record: TrainingRecord, threshold: float) -> Member:
    """A training as a member of the exported model. threshold: the one it chose."""
    return {
        "file": f"seed-{record['seed']}_fold-{record['fold']}.weights.h5",
        "seed": record["seed"],
        "fold": record["fold"],
        "threshold": threshold,
        "loss_constants": record["loss"]["constants"],
        "training": record["settings"]["training"],
    }
