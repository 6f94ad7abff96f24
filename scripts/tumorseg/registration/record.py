"""What was planned before the first training, and every later change: two files that only grow.

`registration.yaml` is written once; `amendments.yaml` holds a list to which changes are appended. A
plan is a nested dictionary of plain values. Plans are compared key by key (`statistics.margin`), so
that a change names what it changes.
"""

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypedDict

import yaml

from tumorseg.core.errors import UserError
from tumorseg.core.files import write_text

ABSENT = "(absent)"  # in place of the value of a key that one of two plans lacks

Plan = dict[str, Any]  # nested
Flat = dict[str, Any]  # its keys joined by dots


class _InFull(yaml.SafeDumper):
    """Writes a value again where it is repeated, and not as an alias."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


class Existed(TypedDict):
    """What an experiment's folder held when a record was written.

    trainings: finished ones; tested: set-ups (a recipe with a loss) whose test cases were measured.
    """

    trainings: int
    tested: int


class Change(TypedDict):
    """One key of the plan, and its value before and after; ABSENT where there was none."""

    what: str
    before: Any
    after: Any


class Amendment(TypedDict):
    """What changed at one time (UTC), and what existed then."""

    time: str
    existed: Existed
    changes: list[Change]


class Registration(TypedDict):
    """registration.yaml."""

    registered: str
    existed: Existed
    config_sha256: str
    software: dict[str, str]
    plan: Plan


def now() -> str:
    """The time (UTC, to the second)."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def plain(plan: Plan) -> Plan:
    """The plan as it is read back from a file: lists in place of tuples, text for keys."""
    return json.loads(json.dumps(plan))


def flat(plan: Plan, above: str = "") -> Flat:
    """Every value of a nested plan by its keys, joined by dots; lists are values."""
    found: Flat = {}
    for key, value in plan.items():
        name = f"{above}.{key}" if above else str(key)
        found |= flat(value, name) if isinstance(value, dict) and value else {name: value}
    return found


def changes(before: Flat, after: Flat) -> list[Change]:
    """What differs between two flat plans, in the order of their keys."""
    names = dict.fromkeys([*before, *after])
    pairs = {name: (before.get(name, ABSENT), after.get(name, ABSENT)) for name in names}
    return [
        {"what": name, "before": old, "after": new}
        for name, (old, new) in pairs.items()
        if old != new
    ]


def amended(registered: Flat, amendments: Iterable[Amendment]) -> Flat:
    """The flat plan that is in force after the amendments."""
    plan = dict(registered)
    for amendment in amendments:
        for change in amendment["changes"]:
            if change["after"] == ABSENT:
                plan.pop(change["what"], None)
            else:
                plan[change["what"]] = change["after"]
    return plan


def read(path: str | Path) -> Any:
    """The content of one of the two files. Raises UserError where it is damaged."""
    try:
        return yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        line = str(error).splitlines()[0]
        raise UserError(
            f"{path}: not readable as YAML ({line}); restore it from a copy of the results; "
            "without it nobody can tell what had been planned"
        ) from None


def write(path: str | Path, content: Any, heading: str) -> None:
    """Writes one of the two files atomically, below a comment of one line."""
    text = yaml.dump(content, Dumper=_InFull, sort_keys=False, allow_unicode=True, width=100)
    write_text(path, f"# {heading}\n{text}")
