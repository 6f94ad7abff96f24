"""The folder of an exported model: the weights of every training, and all that they need."""

from pathlib import Path
from typing import Any

import yaml

from tumorseg.core.digests import sha256
from tumorseg.core.errors import UserError
from tumorseg.core.files import write_atomically, write_text

FACTS, README = "model.yaml", "README.txt"
# What predicting needs of the facts, with the type of each.
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
{trainings} trained networks of the experiment {experiment} (loss {loss}), for `snakemake predict`
of tumorseg with --config model=<this folder> images=<file, folder or table>

Research use only: not for diagnosis, nor for any decision about a patient.

Trained on {trained_on}.
Slices of another plane, sequence, contrast or scanner may give anything.

Test Dice of the single trainings, on patients they had not seen: {dice_mean} (95 % interval
{dice_low} to {dice_high}). `predict` takes the mean of all trainings, which no patient here tests.
{failed}
model.yaml says what was trained, and holds the SHA-256 of every weights file. No patient, case or
file is named in this folder.
"""
HOW = "export the model again (snakemake export_model), or copy the whole folder again"


def write(folder: Path, facts: dict[str, Any], weights: list[Path]) -> None:
    """Writes the folder. weights: the file of each of facts["members"], copied to its name `file`.

    The digests are added to the facts here.
    """
    for member, path in zip(facts["members"], weights, strict=True):
        content = path.read_bytes()
        write_atomically(
            folder / member["file"], lambda new, content=content: new.write_bytes(content)
        )
        member["sha256"] = sha256(folder / member["file"])
    write_text(folder / README, _readme(facts))
    write_text(folder / FACTS, yaml.safe_dump(facts, sort_keys=False, width=100))


def trained_on(facts: dict[str, Any]) -> str:
    """On what a model was trained, in a few words."""
    planes = ", ".join(f"{count} {plane}" for plane, count in facts["planes"].items())
    preparation = facts["recipe"]["settings"]["preparation"]
    return (
        f"{facts.get('cases')} slices ({planes}) of {facts.get('patients')} patients, skull "
        f"stripping {facts['skull_strip']}, preparation {preparation}"
    )


def _readme(facts: dict[str, Any]) -> str:
    failed = facts["failed_trainings"]
    return README_TEXT.format(
        **{"trainings": len(facts["members"]), "trained_on": trained_on(facts)},
        **{"experiment": facts["experiment"], "loss": facts["loss"]["name"]},
        **{f"dice_{name}": value for name, value in facts["test_dice"].items()},
        failed=f"{failed} more trainings failed and are left out." if failed else "",
    )


def read(folder: Path) -> dict[str, Any]:
    """The facts of a folder whose weights are all there and unchanged; UserError otherwise."""
    path = folder / FACTS
    try:
        facts = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(
            f"{folder}: no exported model: there is no {FACTS} in it; give the folder that "
            "`snakemake export_model` wrote"
        ) from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        raise UserError(f"{path}: not readable as YAML; {HOW}") from None
    for key, kind in NEEDED.items():
        if not isinstance(facts, dict) or not isinstance(facts.get(key), kind):
            raise UserError(f"{path}: `{key}` is missing or is not what it was; {HOW}")
    if not facts["members"]:
        raise UserError(f"{path}: it lists no weights; {HOW}")
    for member in facts["members"]:
        _check(folder, member)
    return facts


def _check(folder: Path, member: Any) -> None:
    name = member.get("file") if isinstance(member, dict) else None
    if not isinstance(name, str) or Path(name).name != name:
        raise UserError(f"{folder / FACTS}: members: {name!r} is not a file's name; {HOW}")
    path = folder / name
    if not path.is_file():
        raise UserError(f"{path}: the weights are missing; {HOW}")
    if sha256(path) != member.get("sha256"):
        raise UserError(
            f"{path}: the weights are not those that were exported: their SHA-256 is not the one "
            f"in {FACTS}; {HOW}"
        )
