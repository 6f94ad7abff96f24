"""The audit of one table: its rows, its means and intervals, and rows of the same test cases."""

import math
from collections.abc import Iterator
from itertools import combinations
from typing import NamedTuple

import numpy as np
from scipy.special import stdtrit

from tumorseg.audit.arithmetic import NOISE, SHARES, prevalence_span, violations
from tumorseg.audit.printed import DISTANCES, FRACTIONS, Number, Row, Table
from tumorseg.statistics.estimates import t_interval


class Finding(NamedTuple):
    """One thing found in a table or in the text."""

    table: str
    row: str
    check: str
    level: str
    finding: str
    numbers: str


def _shown(table: Table, quantity: str, value: float) -> str:
    """A recomputed value in the table's unit."""
    scale = 100 if table.percent and quantity in FRACTIONS else 1
    return f"{scale * value:.6g}"


def _numbers(row: Row, names: tuple[str, ...]) -> str:
    return ", ".join(f"{name} {row.cells[name].text}" for name in names)


def row_findings(table: Table, row: Row) -> Iterator[Finding]:
    """What is impossible within one row, and a value outside its own interval."""
    box = {
        name: item.value.span for name, item in row.cells.items() if item.value and name in SHARES
    }
    for broken in violations(box, averages_only=row.averaging == "macro"):
        low, high = (_shown(table, broken.target, end) for end in broken.allowed)
        where = f"{broken.target} must lie from {low} to {high}"
        fault = broken.by_any or row.averaging == "pooled"
        yield Finding(
            table.name,
            row.name,
            broken.check,
            "fault" if fault else "not pooled",
            where + (" under any averaging" if broken.by_any else " for pooled counts"),
            _numbers(row, (broken.target, *broken.needs)),
        )
    for name, item in row.cells.items():
        if name in (*DISTANCES, "p") and item.value and item.value.value < 0:
            said = f"{name} cannot be negative"
            yield Finding(table.name, row.name, "sign", "fault", said, _numbers(row, (name,)))
        if item.low and (
            item.low.span[0] > item.value.span[1] or item.high.span[1] < item.value.span[0]
        ):
            said = "the value lies outside its own interval"
            yield Finding(table.name, row.name, "interval", "fault", said, _numbers(row, (name,)))


def prevalence_findings(table: Table) -> Iterator[Finding]:
    """Pooled rows of the same test cases must imply one prevalence (P, R and S fix it)."""
    needed = ("precision", "recall", "specificity")
    spans: dict[str, list[tuple[Row, tuple[float, float]]]] = {}
    for row in table.rows:
        cells = [row.cells.get(name) for name in needed]
        if row.part != "fold" or row.averaging == "macro" or not all(c and c.value for c in cells):
            continue
        box = {name: tuple(np.clip(row.cells[name].value.span, 0, 1)) for name in needed}
        group = f"{row.averaging} {row.labels.get('of', '')} {row.labels[table.same_cases]}"
        spans.setdefault(group, []).append((row, prevalence_span(box)))
    for members in spans.values():
        for (first, one), (second, other) in combinations(members, 2):
            if one[1] < other[0] - NOISE or other[1] < one[0] - NOISE:
                said = (
                    "the same cases cannot hold {:.4g} to {:.4g} % and {:.4g} to {:.4g} % of tumour"
                )
                yield Finding(
                    table.name,
                    f"{first.name} / {second.name}",
                    "one prevalence",
                    "fault" if first.averaging == "pooled" else "not pooled",
                    said.format(*(100 * end for end in (*one, *other))),
                    f"{_numbers(first, needed)} / {_numbers(second, needed)}",
                )


def _derived(part: str, values: list[Number]) -> tuple[float, float]:
    """The mean or interval end of the plain rows, and how far it moves if each moves by a unit.

    s is a seminorm and s(e) <= u sqrt(n / (n - 1)) for |e_i| <= u, hence the bound for the ends.
    """
    plain = [float(item.value) for item in values]
    unit = max(float(item.unit) for item in values)
    interval = t_interval(plain)
    if part == "mean":
        return float(sum(item.value for item in values) / len(values)), unit
    if len(values) < 2:
        return math.nan, unit
    freedom = len(values) - 1
    return getattr(interval, part), unit * (1 + stdtrit(freedom, 0.975) / math.sqrt(freedom))


def verdict(exact: float, slack: float, printed: Number) -> str:
    """How a printed number comes from a recomputed one: equal, rounded, cut off or different.

    "different" only where neither rounding nor cutting off, here and in the rows, explains it.
    """
    unit, value = float(printed.unit), float(printed.value)
    if abs(exact - value) > slack + unit + NOISE:
        return "different"
    if abs(exact - value) <= NOISE:
        return "equal"
    if abs(exact - value) <= unit / 2 + NOISE:
        return "rounded"
    cut = math.copysign(math.floor(abs(exact) / unit + NOISE) * unit, exact)
    return "cut off" if abs(cut - value) <= NOISE else "rounded"


def derived_findings(table: Table) -> Iterator[Finding]:
    """Means and intervals that do not follow from the rows; those that are cut off, not rounded.

    Cut off is said where the rows leave no doubt, or where every mean of the table that could tell
    (two at least) was cut off: one alone may come from rows that were rounded after it was made.
    """
    suspects: list[tuple[Finding, bool]] = []
    rounded = 0
    for row in table.rows:
        if row.part not in ("mean", "low", "high"):
            continue
        for name, item in row.cells.items():
            cells = [other.cells.get(name) for other in table.rows if _under(other, row)]
            values = [other.value for other in cells if other and other.value]
            if not values or not item.value:
                continue
            exact, slack = _derived(row.part, values)
            if math.isnan(exact):
                continue
            found = verdict(exact, slack, item.value)
            what = "plain mean" if row.part == "mean" else f"{row.part} end of the 95 % t interval"
            said = f"{what} of {len(values)} rows is {_shown(table, name, exact)}"
            numbers = _numbers(row, (name,))
            if found == "different":
                yield Finding(table.name, row.name, "follows from its rows", "fault", said, numbers)
            elif found == "cut off":
                said += ": cut off, not rounded"
                finding = Finding(
                    table.name, row.name, "follows from its rows", "remark", said, numbers
                )
                sure = abs(exact - float(item.value.value)) - slack > float(item.value.unit) / 2
                suspects.append((finding, sure))
            elif found == "rounded" and exact - float(item.value.value) < 0:
                rounded += 1  # rounded up: cutting off would have given another number
    all_cut = len(suspects) > 1 and not rounded
    yield from (finding for finding, sure in suspects if sure or all_cut)


def _under(row: Row, mean: Row) -> bool:
    """Whether `row` is one of those that `mean` sums up: they agree in all labels but the fold."""
    both = ({**one.labels, "fold": ""} for one in (row, mean))
    return row.part == "fold" and next(both) == next(both)


def table_findings(table: Table) -> Iterator[Finding]:
    """What was read in a table (level "checked"), and everything found in it."""
    cells = [item for row in table.rows for item in row.cells.values()]
    undefined = sum(item.value is None for item in cells)
    said = f"{len(table.rows)} rows, {len(cells)} values, {undefined} of them without a number"
    yield Finding(table.name, "all", "read", "checked", said, "")
    for row in table.rows:
        if row.part in ("fold", "mean", "all"):  # the ends of an interval are no one's result
            yield from row_findings(table, row)
    if table.same_cases:
        yield from prevalence_findings(table)
    yield from derived_findings(table)
