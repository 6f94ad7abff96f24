"""Reads the folder of an exported model and checks its weights."""

from pathlib import Path
from typing import Any, cast

import yaml

from tumorseg.core.digests import sha256
from tumorseg.core.errors import UserError
from tumorseg.prediction.records import ModelFacts

FACTS = "model.yaml"
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
HINT = "export the model again (snakemake export_model), or copy the whole folder again"


def trained_on(facts: ModelFacts) -> str:
    """The training data of a model in a few words."""
    planes = ", ".join(f"{count} {plane}" for plane, count in facts["planes"].items())
    preparation = facts["recipe"]["settings"]["preparation"]
    return (
        f"{facts.get('cases')} slices ({planes}) of {facts.get('patients')} patients, skull "
        f"stripping {facts['skull_strip']}, preparation {preparation}"
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
