"""Numbers and verdicts in words."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from tumorseg.statistics.estimates import p_text
from tumorseg.statistics.verdicts import (
    BETTER,
    BOTH,
    EQUIVALENT,
    FINAL,
    NO_SPREAD,
    NOT_BETTER,
    NOT_WORSE,
    PATIENTS,
    UNDECIDED,
    WORSE,
)


def points(value: float) -> str:
    """A Dice difference in percentage points, with its sign."""
    text = f"{100 * value:+.1f}"
    return "0.0" if text in ("+0.0", "-0.0") else text


def percent(value: float) -> str:
    """A Dice as percent."""
    return f"{100 * value:.1f} %"


def listed(names: Iterable[str]) -> str:
    """a, b and c."""
    names = list(names)
    return ", ".join(names[:-1]) + " and " + names[-1] if len(names) > 1 else "".join(names)


def plural(number: int, noun: str) -> str:
    """1 patient, 2 patients."""
    return f"{number} {noun}" + ("s" if number != 1 else "")


def about(number: float) -> str:
    """A whole number, rounded up to two digits.

    >>> about(2189), about(28)
    ('2,200', '28')
    """
    digits = max(0, len(f"{number:.0f}") - 2)
    return f"{math.ceil(number / 10**digits) * 10**digits:,}"


def ends(low: float, high: float) -> str:
    """The ends of a 95 % interval of a difference, in points."""
    if math.isnan(low):
        return "no interval"
    return f"95 % interval {points(low)} to {points(high)}"


def claim(row: Mapping[str, Any]) -> str:
    """The sentence about one row of the table of verdicts."""
    loss, other = row["loss"], row["against"]
    if math.isnan(row["mean"]):
        return f"{loss} and {other} could not be compared: no patient has a score of both."
    numbers = f"{points(row['mean'])} points of Dice ({ends(row['low'], row['high'])}"
    numbers += f"; {p_text(row['p_holm'])})"
    margin = f"the margin of {100 * row['margin']:.3g} points"
    if row["verdict"] == EQUIVALENT:
        excludes = row["adjusted_low"] > 0 or row["adjusted_high"] < 0
        small = "; there is a difference, but it is too small to matter" if excludes else ""
        return f"{loss} is equivalent to {other}: {numbers}, within {margin}{small}."
    if row["verdict"] in (BETTER, WORSE):
        return f"{loss} segments {row['verdict']} than {other}: {numbers}."
    if row["verdict"] in (NOT_WORSE, NOT_BETTER):
        first = f"{loss} is {row['verdict']} than {other} by {margin} or more: {numbers}"
        return f"{first}; more is undecided, {_too_few(row)}."
    if row["reason"] == NO_SPREAD:
        return (
            f"{loss} against {other} is undecided: {numbers}, the patients' differences are equal."
        )
    return f"{loss} against {other} is undecided: {numbers}, {_too_few(row)}."


def _too_few(row: Mapping[str, Any]) -> str:
    both = f"{PATIENTS} and trainings"
    return f"{both if row['reason'] == BOTH else row['reason']} to tell"


def decision(row: Mapping[str, Any]) -> str:
    """How many patients or trainings would decide a contrast that is not decided; else empty."""
    if row["verdict"] in FINAL or row["reason"] == NO_SPREAD:
        return ""
    numbers = []
    if row["needed_patients"] > row["patients"]:
        trainings = plural(row["trainings"], "training")
        numbers.append(f"{about(row['needed_patients'])} patients with {trainings} of each loss")
    if row["needed_trainings"] > row["trainings"]:
        patients = plural(row["patients"], "patient")
        numbers.append(f"{about(row['needed_trainings'])} trainings of each loss with {patients}")
    if row["trainings"] < 2:
        return "One training of each loss says nothing about another: use folds or training.seeds."
    if not numbers and not math.isnan(row["needed_both_patients"]):
        patients, trainings = row["needed_both_patients"], row["needed_both_trainings"]
        numbers.append(f"{about(patients)} patients with {about(trainings)} trainings of each loss")
    if not numbers:
        return ""
    return (
        f"About {' or '.join(numbers)} would tell a difference of {100 * row['margin']:.3g} points "
        "from none (80 % probability, by the spreads measured here)."
    )


def with_sentences(verdicts: pd.DataFrame) -> pd.DataFrame:
    """The table of verdicts with each row's sentence, and what would decide it."""
    rows = verdicts.to_dict("records")
    return verdicts.assign(sentence=[*map(claim, rows)], decision=[*map(decision, rows)])


def headline(verdicts: Sequence[Mapping[str, Any]]) -> str:
    """The verdicts of all primary contrasts in one line: better: a and b; undecided: c."""
    groups = []
    for name in (BETTER, EQUIVALENT, NOT_WORSE, NOT_BETTER, WORSE, UNDECIDED):
        losses = [str(row["loss"]) for row in verdicts if row["verdict"] == name]
        if losses:
            groups.append(f"{name}: {listed(losses)}")
    return "; ".join(groups)
