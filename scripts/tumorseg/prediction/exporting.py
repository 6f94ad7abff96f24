"""Exports a model: chooses the loss, and writes weights, facts (model.yaml) and README."""

import textwrap
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from statistics import fmean
from typing import Any

import pandas as pd
import yaml

from tumorseg.core.digests import sha256
from tumorseg.core.errors import UserError
from tumorseg.core.files import read_table, write_atomically, write_text
from tumorseg.core.records import NetworkSettings, RecipeSettings, TrainingRecord
from tumorseg.prediction.exported_model import FACTS, trained_on
from tumorseg.prediction.model_channels import Channels
from tumorseg.prediction.model_classes import decision, nested_labels
from tumorseg.prediction.records import Member, ModelClass, ModelFacts, OwnThresholds

README = "README.txt"
README_TEXT = """\
{trainings} trained networks of the experiment {experiment} (loss {loss}). To predict images with
tumorseg: snakemake predict --config model=<this folder> images=<file, folder or table>

Research use only: not for diagnosis, nor for any decision about a patient.

Trained on {trained_on}.
{channels}Results on another plane, sequence, contrast or scanner are unreliable.

{decision}

Test Dice of the single networks, on patients outside their training: {dice_mean} (95 % interval
{dice_low} to {dice_high}){question}. `predict` uses the mean of all networks. That mean could not
be tested: every patient was part of the training of some of them.
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


def own_thresholds(
    table: str, class_table: str, recipe: str, loss: str, records: list[TrainingRecord]
) -> list[OwnThresholds]:
    """The thresholds that each training's validation patients chose.

    table: thresholds.tsv. class_table: class_thresholds.tsv where classes may overlap, or empty.
    """

    def chosen(rows: pd.DataFrame) -> list[float]:
        by_training = rows.set_index(["seed", "fold"])["threshold"]
        return [float(by_training.loc[(record["seed"], record["fold"])]) for record in records]

    def of_loss(path: str) -> pd.DataFrame:
        rows = read_table(path, ("recipe", "loss", "class"))
        return rows[(rows["recipe"] == recipe) & (rows["loss"] == loss)]

    own: list[OwnThresholds] = [{"threshold": value} for value in chosen(of_loss(table))]
    if class_table:
        rows = of_loss(class_table)
        by_class = {name: chosen(rows[rows["class"] == name]) for name in rows["class"].unique()}
        for index, one in enumerate(own):
            one["thresholds"] = {name: values[index] for name, values in by_class.items()}
    return own


def member(record: TrainingRecord, thresholds: OwnThresholds) -> Member:
    """A training as a member of the exported model. thresholds: those that it chose."""
    return {
        "file": f"seed-{record['seed']}_fold-{record['fold']}.weights.h5",
        "seed": record["seed"],
        "fold": record["fold"],
        **thresholds,
        "loss_constants": record["loss"]["constants"],
        "training": record["settings"]["training"],
    }


def decision_of(
    thresholds: Sequence[OwnThresholds],
    labels: dict[str, int] | None,
    primary_class: str,
    network: NetworkSettings,
    sets: Mapping[str, Sequence[str]] | None,
) -> dict[str, Any]:
    """The facts by which probabilities become masks.

    thresholds: those that the trainings chose, whose mean is taken. labels: of several classes, the
    primary one first; None or empty for one class. sets: the labels of each class in annotations,
    by name, nested where classes may lie inside one another; None or empty for one without a name.
    """
    if not labels:
        threshold = {"threshold": round(fmean(one["threshold"] for one in thresholds), 4)}
        return threshold | ({"class_name": next(iter(sets))} if sets else {})
    exclusive = network["exclusive"]
    nested = {} if exclusive else nested_labels(sets or {})
    classes: list[ModelClass] = []
    for name, label in (labels | nested).items():
        classes.append({"name": name, "label": label})
        if not exclusive:
            mean = fmean(one["thresholds"][name] for one in thresholds)
            classes[-1]["threshold"] = round(mean, 4)
    order = {"label_order": list(nested)} if nested else {}
    return {"classes": classes, "primary_class": primary_class, **order}


def channels_of(
    cases: pd.DataFrame, channels: Sequence[str], inputs: Sequence[int], recipe: RecipeSettings
) -> dict[str, Any]:
    """The facts about the channels that predicting needs: the first, the network's, the organ's.

    cases: cases.tsv, which says which of several channels of the source's images each is. channels:
    of a case; empty for one. inputs: positions in `channels`, from 1, of the network's. recipe: may
    crop to an organ.
    """
    organ = recipe.get("volumes", {}).get("organ")
    masks = [] if organ is None else [list(channels).index(str(organ)) + 1]
    needed = list(dict.fromkeys([1, *inputs, *masks]))
    numbers = [_number(cases["channel" if n == 1 else f"channel_{n}"]) for n in needed]
    if len(needed) == 1:
        return {} if numbers[0] is None else {"channel": numbers[0]}
    facts = {"channels": [channels[n - 1] for n in needed]}
    known = {} if None in numbers else {"channel_numbers": numbers}
    return facts | known | {"inputs": [needed.index(n) + 1 for n in inputs]}


def _number(column: pd.Series) -> int | None:
    """The number that all cases have; None where they differ or one is unknown."""
    found = column.unique()
    return int(found[0]) if len(found) == 1 and found[0] >= 0 else None


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
    text = ""
    if names := facts.get("channels"):
        channels = Channels.of(facts).listed()
        text = (
            f"An image needs the channels {channels}: as files that end in _{names[0]} and so on, "
            "or in these numbers as _0000, as columns of a table, or all in one file (a volume "
            "with a fourth axis, a colour picture)."
        )
    return README_TEXT.format(
        trainings=len(facts["members"]),
        trained_on=trained_on(facts),
        channels=textwrap.fill(text, 100) + "\n" * bool(text),
        decision=textwrap.fill(decision(facts), 100),
        question=f", of {asked}" if (asked := facts.get("primary_class")) else "",
        **{"experiment": facts["experiment"], "loss": facts["loss"]["name"]},
        **{f"dice_{name}": value for name, value in facts["test_dice"].items()},
        failed=f"{failed} more trainings failed and are not included." if failed else "",
    )
