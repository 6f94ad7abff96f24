"""Writes and reads the folder of an exported model: weights, facts (model.yaml) and README."""

from pathlib import Path
from typing import Any, cast

import yaml

from tumorseg.core.digests import sha256
from tumorseg.core.errors import UserError
from tumorseg.core.files import write_atomically, write_text
from tumorseg.prediction.records import ModelFacts

FACTS, README = "model.yaml", "README.txt"
# The facts that predicting needs, with the type of each.
NEEDED: dict[str, type | tuple[type, ...]] = {
    "experiment": str,
    "loss": dict,
    "recipe": dict,
    "network": dict,
    "skull_strip": str,
    "threshold": (int, float),
    "planes": dict,
    "members": list,
}
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
HINT = "export the model again (snakemake export_model), or copy the whole folder again"


def write(folder: Path, facts: ModelFacts, weights: list[Path]) -> None:
    """Writes the folder and adds the digests of the weights to the facts.

    weights: one file per entry of facts["members"], in the same order.
    """
    for member, path in zip(facts["members"], weights, strict=True):
        content = path.read_bytes()
        write_atomically(
            folder / member["file"], lambda new, content=content: new.write_bytes(content)
        )
        member["sha256"] = sha256(folder / member["file"])
    write_text(folder / README, _readme(facts))
    write_text(folder / FACTS, yaml.safe_dump(facts, sort_keys=False, width=100))


def trained_on(facts: ModelFacts) -> str:
    """The training data of a model in a few words."""
    planes = ", ".join(f"{count} {plane}" for plane, count in facts["planes"].items())
    preparation = facts["recipe"]["settings"]["preparation"]
    return (
        f"{facts.get('cases')} slices ({planes}) of {facts.get('patients')} patients, skull "
        f"stripping {facts['skull_strip']}, preparation {preparation}"
    )


def _readme(facts: ModelFacts) -> str:
    failed = facts["failed_trainings"]
    return README_TEXT.format(
        **{"trainings": len(facts["members"]), "trained_on": trained_on(facts)},
        **{"experiment": facts["experiment"], "loss": facts["loss"]["name"]},
        **{f"dice_{name}": value for name, value in facts["test_dice"].items()},
        failed=f"{failed} more trainings failed and are not included." if failed else "",
    )


def read(folder: Path) -> ModelFacts:
    """The facts of an exported model; UserError if facts or weights are missing or changed."""
    path = folder / FACTS
    try:
        facts = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(
            f"{folder}: no exported model: it has no {FACTS}; name a folder that "
            "`snakemake export_model` wrote"
        ) from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        raise UserError(f"{path}: not readable as YAML; {HINT}") from None
    for key, kind in NEEDED.items():
        if not isinstance(facts, dict) or not isinstance(facts.get(key), kind):
            raise UserError(f"{path}: `{key}` is missing or of another type than exported; {HINT}")
    if not facts["members"]:
        raise UserError(f"{path}: `members` lists no weights; {HINT}")
    for member in facts["members"]:
        _check(folder, member)
    return cast(ModelFacts, facts)


def _check(folder: Path, member: Any) -> None:
    """Raises UserError unless the member's weights are in the folder and unchanged."""
    name = member.get("file") if isinstance(member, dict) else None
    if not isinstance(name, str) or Path(name).name != name:
        raise UserError(f"{folder / FACTS}: members: {name!r} is not a file's name; {HINT}")
    path = folder / name
    if not path.is_file():
        raise UserError(f"{path}: the weights are missing; {HINT}")
    if sha256(path) != member.get("sha256"):
        raise UserError(
            f"{path}: the weights are not those that were exported: their SHA-256 differs from the "
            f"one in {FACTS}; {HINT}"
        )
