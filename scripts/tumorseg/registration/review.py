"""Whether what was run is what was registered: two tables, and a sentence for the report."""

import json
import re
from collections import Counter
from collections.abc import Iterable
from typing import Any

import pandas as pd

from tumorseg.core.records import TrainingRecord
from tumorseg.registration.record import (
    ABSENT,
    Amendment,
    Existed,
    Registration,
    amended,
    changes,
    flat,
)

SAME = "as registered"
AS_REGISTERED = "**What was run is what was registered.**"
SHA256 = re.compile("[0-9a-f]{64}")
NAMED = 3  # changes that the sentence names; the table has all


def text_of(value: Any) -> str:
    """A value of a plan as it is printed: text as it is, a list with commas, the rest as JSON."""
    if isinstance(value, list) and value and all(isinstance(item, str) for item in value):
        return ", ".join(value)
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return f"{text[:16]}..." if SHA256.fullmatch(text) else text


def when(time: str) -> str:
    """A time of a record as it is printed in sentences: 2026-11-28 10:00 UTC."""
    return f"{time[:16].replace('T', ' ')} UTC"


def known_then(existed: Existed) -> str:
    """What was known when a record was written, in words."""
    trainings = f"{existed['trainings']} training{'s' if existed['trainings'] != 1 else ''}"
    if existed["tested"]:
        losses = f"{existed['tested']} recipe{'s' if existed['tested'] != 1 else ''} with a loss"
        return f"after {trainings} and test results of {losses}"
    return f"after {trainings}, before test results" if existed["trainings"] else "before training"


def comparison_table(registration: Registration, amendments: list[Amendment]) -> pd.DataFrame:
    """A row for each value of the plan: what, registered, run, changed (time of the last change).

    Values that differ come first; of the others, run is SAME. Digests are cut to their beginning.
    """
    before = flat(registration["plan"])
    after = amended(before, amendments)
    times = {
        change["what"]: amendment["time"]
        for amendment in amendments
        for change in amendment["changes"]
    }
    rows = [
        ("registered (UTC)", registration["registered"], "", ""),
        ("registered", known_then(registration["existed"]), "", ""),
        ("SHA-256 of the settings", text_of(registration["config_sha256"]), "", ""),
    ]
    names = dict.fromkeys([*before, *after])
    for name in sorted(names, key=lambda name: before.get(name) == after.get(name)):
        old, new = (text_of(plan.get(name, ABSENT)) for plan in (before, after))
        run = SAME if before.get(name, ABSENT) == after.get(name, ABSENT) else new
        rows.append((name, old, run, times.get(name, "never")))
    rows += [(f"software.{name}", of, "", "") for name, of in registration["software"].items()]
    return pd.DataFrame(rows, columns=["what", "registered", "run", "changed"])


def amendments_table(amendments: Iterable[Amendment]) -> pd.DataFrame:
    """A row for each change: time (UTC), what was known then, what, before, after."""
    rows = [
        (
            amendment["time"],
            known_then(amendment["existed"]),
            change["what"],
            text_of(change["before"]),
            text_of(change["after"]),
        )
        for amendment in amendments
        for change in amendment["changes"]
    ]
    return pd.DataFrame(rows, columns=["time", "known_then", "what", "before", "after"])


def deviations(registration: Registration, trainings: list[TrainingRecord]) -> list[str]:
    """What the trainings' own records say against the registration, one phrase each.

    A training that ended before the registration, or other versions of the software.
    """
    found = []
    early = sum(item["finished"] < registration["registered"] for item in trainings)
    if early:
        found.append(f"{early} of {len(trainings)} trainings had ended before the registration")
    registered = registration["software"]
    other = Counter(
        f"{name} {version} instead of {registered[name]}"
        for item in trainings
        for name, version in item["versions"].items()
        if name in registered and registered[name] != version
    )
    return found + [f"{what} in {number} trainings" for what, number in other.items()]


def sentence(
    registration: Registration,
    amendments: list[Amendment],
    deviating: list[str],
    sha256: str,
) -> str:
    """The paragraph for the report's first page (reStructuredText).

    deviating: see `deviations`; sha256: of registration.yaml.
    """
    before = flat(registration["plan"])
    if registration["existed"]["trainings"]:
        verdict = "**Trainings were there before the plan was registered.**"
    elif deviating or changes(before, amended(before, amendments)):
        verdict = "**What was run is not what was registered.**"
    elif amendments:
        verdict = "**What was run is what was registered**, after changes that were taken back."
    else:
        verdict = AS_REGISTERED
    known = known_then(registration["existed"])
    parts = [
        f"{verdict} The plan was registered on {when(registration['registered'])}, {known} "
        f"(*registration.yaml*, SHA-256 {sha256[:12]}...)."
    ]
    rows = amendments_table(amendments)
    # The words of the question follow from the settings: the sentence need not say both.
    rows = rows[~rows["what"].str.startswith(("question.", "use of patients."))]
    if len(rows):
        late = int(rows["known_then"].str.contains("test results of").sum())
        named = [
            f"{row.what} from {_short(row.before)} to {_short(row.after)} ({when(row.time)})"
            for row in rows.head(NAMED).itertuples()
        ]
        more = f"; and {len(rows) - NAMED} more" if len(rows) > NAMED else ""
        parts.append(
            f"Changed since then: {len(rows)} value{'s' if len(rows) > 1 else ''} of the plan, "
            f"{late} of them when test results were known: {'; '.join(named)}{more} (table "
            "*Changes since the registration*)."
        )
    if deviating:
        parts.append(f"The trainings' records differ: {'; '.join(deviating)}.")
    return " ".join(parts)


def _short(value: str) -> str:
    """A value as a literal of one line, cut where it is long."""
    text = value.replace("`", "'")
    return f"``{text[:57]}...``" if len(text) > 60 else f"``{text or '(empty)'}``"
