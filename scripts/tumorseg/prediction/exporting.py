"""Exports a model: chooses the loss, and writes weights, facts (model.yaml) and README."""

from functools import partial
from pathlib import Path

import pandas as pd
import yaml

from tumorseg.core.digests import sha256
from tumorseg.core.errors import UserError
from tumorseg.core.files import write_atomically, write_text
from tumorseg.core.records import TrainingRecord
from tumorseg.prediction.exported_model import FACTS, trained_on
from tumorseg.prediction.records import Member, ModelFacts

README = "README.txt"
README_TEXT = """\
{trainings} trained networks of the experiment {experiment} (loss {loss}). To predict images with
tumorseg: snakemake predict --config model=<this folder> images=<file, folder or table>

Research use only: not for diagnosis, nor for any decision about a patient.

Trained on {trained_on}.
Results on another plane, sequence, contrast or scanner are unreliable.

Test Dice of the single networks, on patients outside their training: {dice_mean} (95 % interval
{dice_low} to {dice_high}). `predict` uses the mean of all networks. That mean could not be tested:
every patient was part of the training of some of them.
{failed}
model.yaml describes the training and holds the SHA-256 of every weights file. This folder names no
patient, case or file.
"""


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


def write(folder: Path, facts: ModelFacts, weights: list[Path]) -> None:
    """Writes the folder and adds the digests of the weights to the facts.

    weights: one file per entry of facts["members"], in the same order.
    """
    for member, path in zip(facts["members"], weights, strict=True):
        copy = partial(Path.write_bytes, data=path.read_bytes())
        write_atomically(folder / member["file"], copy)
        member["sha256"] = sha256(folder / member["file"])
    write_text(folder / README, _readme(facts))
    write_text(folder / FACTS, yaml.safe_dump(facts, sort_keys=False, width=100))


def _readme(facts: ModelFacts) -> str:
    failed = facts["failed_trainings"]
    return README_TEXT.format(
        **{"trainings": len(facts["members"]), "trained_on": trained_on(facts)},
        **{"experiment": facts["experiment"], "loss": facts["loss"]["name"]},
        **{f"dice_{name}": value for name, value in facts["test_dice"].items()},
        failed=f"{failed} more trainings failed and are not included." if failed else "",
    )
