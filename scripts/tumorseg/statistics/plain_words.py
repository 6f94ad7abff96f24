"""The verdict in plain sentences, for a reader who is no statistician."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import pandas as pd

from tumorseg.statistics.verdicts import (
    BETTER,
    EQUIVALENT,
    NOT_BETTER,
    NOT_WORSE,
    UNDECIDED,
    WORSE,
)
from tumorseg.statistics.wording import listed


class Plain(NamedTuple):
    """The first sentence of the answer, and those that follow it."""

    verdict: str
    further: str


def in_points(value: float) -> str:
    """A Dice difference as a round number of points: whole from 3 points on, else one decimal."""
    size = abs(100 * value)
    return f"{size:.0f}" if size >= 3 else f"{size:.1f}".removesuffix(".0")


def chance(p: float) -> str:
    """How often chance alone does as much, for a p value.

    >>> chance(0.43), chance(0.034), chance(0.0021), chance(0.0004)
    ('43 of 100', '3 of 100', '2 of 1,000', 'fewer than 1 of 1,000')
    """
    if math.isnan(p):
        return "unknown"
    if p < 0.001:
        return "fewer than 1 of 1,000"
    return f"{1000 * p:.0f} of 1,000" if p < 0.01 else f"{100 * p:.0f} of 100"


def _points(value: float) -> str:
    text = in_points(value)
    return f"{text} point{'' if text == '1' else 's'}"


def plain_verdict(verdicts: pd.DataFrame, patients: int, best: str) -> Plain:
    """The verdict on the losses, each compared with the reference.

    Args:
        verdicts: the table of that name, all contrasts with one reference.
        patients: how many were tested.
        best: the loss with the highest mean; the answer where nothing was compared.
    """
    of = f"On these {patients} patients,"
    if verdicts.empty:
        return Plain(f"{of} {best} is the only loss: there is nothing to compare.", "")
    reference = str(verdicts["against"].iloc[0])
    rows = list(verdicts.itertuples())
    by = {
        verdict: [r for r in rows if r.verdict == verdict] for verdict in set(verdicts["verdict"])
    }
    sentences = [
        *(_direction(by.get(BETTER, []), reference, "better", lambda r: r.adjusted_low)),
        *(_direction(by.get(WORSE, []), reference, "worse", lambda r: -r.adjusted_high)),
        *_equivalent(by.get(EQUIVALENT, []), reference),
        *_bounded(by.get(NOT_WORSE, []), reference, "worse", lambda r: -r.adjusted_low),
        *_bounded(by.get(NOT_BETTER, []), reference, "better", lambda r: r.adjusted_high),
        *_undecided(by.get(UNDECIDED, []), reference),
    ]
    return Plain(f"{of} {sentences[0]}", " ".join(s[0].upper() + s[1:] for s in sentences[1:]))


def _direction(rows: list, reference: str, word: str, least: Callable) -> list[str]:
    """Losses that are better, or worse, than the reference."""
    rows = sorted(rows, key=lambda row: -abs(row.mean))
    if len(rows) == 1:
        (row,) = rows
        return [
            f"{row.loss} segments {word} than {reference}: about {_points(row.mean)} "
            f"of Dice, at least {in_points(max(0.0, least(row)))}."
        ]
    if not rows:
        return []
    first, *others = ((in_points(row.mean), in_points(max(0.0, least(row)))) for row in rows)
    each = [f"about {first[0]} points of Dice (at least {first[1]})"]
    each += [f"about {mean} (at least {low})" for mean, low in others]
    return [
        f"{listed([row.loss for row in rows])} segment {word} than {reference}: by "
        f"{listed(each)}, in this order."
    ]


def _equivalent(rows: list, reference: str) -> list[str]:
    if not rows:
        return []
    names = listed([row.loss for row in rows])
    verb = "segments" if len(rows) == 1 else "segment"
    return [
        f"{names} {verb} as well as {reference}: the difference is smaller than the "
        f"{_points(rows[0].margin)} of Dice that were set as the margin."
    ]


def _bounded(rows: list, reference: str, word: str, most: Callable) -> list[str]:
    return [
        f"{row.loss} is not {word} than {reference} by as much as the margin of "
        f"{_points(row.margin)} of Dice (at most {in_points(max(0.0, most(row)))}); whether it is "
        f"{'better' if word == 'worse' else 'worse'} is open."
        for row in rows
    ]


def _undecided(rows: list, reference: str) -> list[str]:
    """Losses of which nothing can be said; each with what its difference may be."""
    return [
        f"it cannot be told whether {row.loss} or {reference} segments better"
        + (
            "."
            if math.isnan(row.adjusted_low)
            else f": the difference is somewhere between {_side(row, 'adjusted_low')} and "
            f"{_side(row, 'adjusted_high')}."
        )
        for row in rows
    ]


def _side(row: Any, name: str) -> str:
    """One end of an interval, with the loss that it favours."""
    value = getattr(row, name)
    favoured = row.loss if value > 0 else row.against
    return f"{_points(value)} of Dice in favour of {favoured}"
