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
            "training": {"mirrored": (bool, str)},
        }
    },
    "network": {"name": str, "size_px": int, "base_width": int},
    "skull_strip": str,
    "planes": dict,
    "members": list,
}
# Those that only some models need, by what makes them need it.
OF_VOLUMES = {"recipe": {"settings": {"volumes": {"intensities": list}}}, "overlap": float}
OF_CHANNELS = {"channels": list, "inputs": list}
OF_CLASSES = {"network": {"classes": int, "exclusive": bool}, "classes": list, "primary_class": str}
OF_CLASS = {"name": str, "label": int}
THRESHOLD = {"threshold": float}
_TYPES = {float: (int, float)}  # YAML reads 1 as a whole number
HINT = "export the model again (snakemake export_model), or copy the whole folder again"


def trained_on(facts: ModelFacts) -> str:
    """The training data of a model in a few words."""
    planes = ", ".join(f"{count} {plane}" for plane, count in facts["planes"].items())
    volumes, preparation = "patch" in facts["network"], facts["recipe"]["settings"]["preparation"]
    text = (
        f"{facts.get('cases')} {'volumes' if volumes else 'slices'} ({planes}) of "
        f"{facts.get('patients')} patients, skull stripping {facts['skull_strip']}"
    )
    if not volumes:
        text += f", preparation {preparation}"
    if "channel" in facts:
        text += f", channel {facts['channel']} (from 0) of images with several"
    if "channels" in facts:
        text += f", channels {', '.join(facts['channels'])}"
    if "classes" in facts:
        kind = "exclusive" if facts["network"].get("exclusive") else "overlapping"
        text += f", {kind} classes {', '.join(one['name'] for one in facts['classes'])}"
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
    wrong = _wrong(facts, NEEDED) or _wrong(facts, _of_kind(facts)) or _wrong_list(facts)
    if wrong:
        raise UserError(f"{path}: `{wrong}` is missing or of another type than exported; {HINT}")
    for holder in (facts, *facts.get("classes", [])):
        if not 0 <= holder.get("threshold", 0) <= 1:
            raise UserError(f"{path}: threshold {holder['threshold']}, expected 0 to 1; {HINT}")
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


def _of_kind(facts: dict[str, Any]) -> dict[str, Any]:
    """What a model needs besides, by its kind."""
    network = facts["network"]
    needed: dict[str, Any] = {}
    if "patch" in network:
        needed |= OF_VOLUMES
    if "channels" in facts:
        needed |= OF_CHANNELS
    if "class_name" in facts:
        needed["class_name"] = str
    return needed | (OF_CLASSES if "classes" in network or "classes" in facts else THRESHOLD)


def _wrong_list(facts: dict[str, Any]) -> str:
    """The first key whose list does not fit the others; empty if none is."""
    classes, channels = facts.get("classes", []), facts.get("channels", [""])
    exclusive = facts["network"].get("exclusive", False)
    of_class = OF_CLASS if exclusive else OF_CLASS | THRESHOLD
    if len(classes) != facts["network"].get("classes", 0):
        return "classes"
    if wrong := next(filter(None, (_wrong(one, of_class) for one in classes)), ""):
        return f"classes.{wrong}"
    names = [one["name"] for one in classes]
    order = facts.get("label_order", names)
    if not isinstance(order, list) or sorted(map(str, order)) != sorted(names):
        return "label_order"
    if not set(facts.get("inputs", [1])) <= set(range(1, len(channels) + 1)):
        return "inputs"
    numbers = facts.get("channel_numbers", range(len(channels)))
    if len(numbers) != len(channels) or not all(isinstance(n, int) for n in numbers):
        return "channel_numbers"
    return "" if all(isinstance(count, int) for count in facts["planes"].values()) else "planes"


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
