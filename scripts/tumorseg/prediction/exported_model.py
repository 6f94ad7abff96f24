"""Reads the folder of an exported model and checks its weights."""

from pathlib import Path
from typing import Any, cast

import yaml

from tumorseg.core.digests import sha256
from tumorseg.core.errors import UserError
from tumorseg.prediction.records import ModelFacts

FACTS = "model.yaml"
# The facts that predicting needs, with the type of each.
NEEDED: dict[str, Any] = {
    "experiment": str,
    "loss": {"name": str},
    "recipe": {
        "settings": {
            "preparation": str,
            "channels": int,
            "network": dict,
            "training": {"mirrored": bool},
        }
    },
    "network": {"name": str, "size_px": int, "base_width": int},
    "skull_strip": str,
    "threshold": float,
    "planes": dict,
    "members": list,
}
_TYPES = {float: (int, float)}  # YAML reads 1 as a whole number
HINT = "export the model again (snakemake export_model), or copy the whole folder again"


def trained_on(facts: ModelFacts) -> str:
    """The training data of a model in a few words."""
    planes = ", ".join(f"{count} {plane}" for plane, count in facts["planes"].items())
    preparation = facts["recipe"]["settings"]["preparation"]
    text = (
        f"{facts.get('cases')} slices ({planes}) of {facts.get('patients')} patients, skull "
        f"stripping {facts['skull_strip']}, preparation {preparation}"
    )
    if "channel" in facts:
        text += f", channel {facts['channel']} (from 0) of images with several"
    return text


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
    wrong = _wrong(facts, NEEDED)
    if not wrong and not all(isinstance(count, int) for count in facts["planes"].values()):
        wrong = "planes"
    if wrong:
        raise UserError(f"{path}: `{wrong}` is missing or of another type than exported; {HINT}")
    if not 0 <= facts["threshold"] <= 1:
        raise UserError(f"{path}: threshold {facts['threshold']}, expected 0 to 1; {HINT}")
    if not facts["members"]:
        raise UserError(f"{path}: `members` lists no weights; {HINT}")
    for member in facts["members"]:
        _check(folder, member)
    return cast(ModelFacts, facts)


def _wrong(facts: Any, needed: dict[str, Any]) -> str:
    """The first key that is missing or of another type, as recipe.settings; empty if none is."""
    for key, kind in needed.items():
        found = facts.get(key) if isinstance(facts, dict) else None
        if not isinstance(found, dict if isinstance(kind, dict) else _TYPES.get(kind, kind)):
            return key
        if isinstance(kind, dict) and (inner := _wrong(found, kind)):
            return f"{key}.{inner}"
    return ""


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
