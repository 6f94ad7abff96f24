"""Audits one table: its rows, its means and intervals, and rows of the same test cases."""

import math
from collections.abc import Iterator
from itertools import combinations
from typing import NamedTuple

from scipy.special import stdtrit

from tumorseg.audit.arithmetic import NOISE, SHARES, outside, prevalence_span, violations
from tumorseg.audit.printed import DISTANCE_QUANTITIES, FRACTIONS, Number, Row, Table
from tumorseg.statistics.estimates import t_interval


class Finding(NamedTuple):
    """One fault, remark or check of a table or of the text."""

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
    return ", ".join(f"{name} {row.numbers[name].text}" for name in names)


def row_findings(table: Table, row: Row) -> Iterator[Finding]:
    """Impossible values of one row, and values outside their own interval."""
    box = {
        name: item.value.span for name, item in row.numbers.items() if item.value and name in SHARES
    }
    for broken in violations(box, averages_only=row.averaging == "macro"):
        low, high = (_shown(table, broken.target, end) for end in broken.allowed)
        allowed = f"{broken.target} must lie from {low} to {high}"
        fault = broken.by_any or row.averaging == "pooled"
        yield Finding(
            table.name,
            row.name,
            broken.check,
            "fault" if fault else "not pooled",
            allowed + (" under any averaging" if broken.by_any else " for pooled counts"),
            _numbers(row, (broken.target, *broken.needs)),
        )
    for name, item in row.numbers.items():
        numbers = _numbers(row, (name,))
        if name in (*DISTANCE_QUANTITIES, "p") and item.value and item.value.value < 0:
            finding = f"{name} cannot be negative"
            yield Finding(table.name, row.name, "sign", "fault", finding, numbers)
        if (
            item.value
            and item.low
            and item.high
            and not _may_contain(item.low, item.high, item.value)
        ):
            finding = "the value lies outside its own interval"
            yield Finding(table.name, row.name, "interval", "fault", finding, numbers)


def _may_contain(low: Number, high: Number, value: Number) -> bool:
    """Whether some value that `value` stands for may lie from `low` to `high`."""
    return low.span[0] <= value.span[1] and high.span[1] >= value.span[0]


def prevalence_findings(table: Table) -> Iterator[Finding]:
    """Pooled rows of the same test cases must imply one prevalence (P, R and S determine it)."""
    needed = ("precision", "recall", "specificity")
    spans: dict[str, list[tuple[Row, tuple[float, float]]]] = {}
    for row in table.rows:
        numbers = {name: row.numbers[name].value for name in needed if name in row.numbers}
        box = {
            name: (min(max(number.span[0], 0), 1), min(max(number.span[1], 0), 1))
            for name, number in numbers.items()
            if number
        }
        if row.part != "fold" or row.averaging == "macro" or len(box) < len(needed):
            continue
        cases = row.labels[table.same_cases] if table.same_cases else ""
        group = f"{row.averaging} {row.labels.get('of', '')} {cases}"
        spans.setdefault(group, []).append((row, prevalence_span(box)))
    for members in spans.values():
        for (first, span), (second, other_span) in combinations(members, 2):
            if outside(span, other_span):
                low, high, other_low, other_high = (100 * end for end in (*span, *other_span))
                yield Finding(
                    table.name,
                    f"{first.name} / {second.name}",
                    "one prevalence",
                    "fault" if first.averaging == "pooled" else "not pooled",
                    f"the same cases cannot have both {low:.4g} to {high:.4g} % and "
                    f"{other_low:.4g} to {other_high:.4g} % of tumour",
                    f"{_numbers(first, needed)} / {_numbers(second, needed)}",
                )


def _derived(part: str, values: list[Number]) -> tuple[float, float]:
    """The mean or interval end of the plain rows, and how far it moves if each moves by one unit.

    The bound for the ends: s is a seminorm, and s(e) <= u sqrt(n / (n - 1)) for |e_i| <= u.
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
    """How a printed number relates to the recomputed one: equal, rounded, cut off or different.

    "different" only if rounding or cutting off, here and in the rows, cannot explain it. slack: the
    uncertainty of `exact`.
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
    """Means and intervals that do not follow from the rows, or that were cut off, not rounded.

    "Cut off" is reported if the rows prove it, or if at least two means of the table are cut off
    and none is rounded up: a single one may have been computed before its rows were rounded.
    """
    suspects: list[tuple[Finding, bool]] = []
    rounded_up = 0
    for row in table.rows:
        if row.part not in ("mean", "low", "high"):
            continue
        for name, item in row.numbers.items():
            summed = [other.numbers.get(name) for other in table.rows if _is_part(other, row)]
            values = [other.value for other in summed if other and other.value]
            if not values or not item.value:
                continue
            exact, slack = _derived(row.part, values)
            if math.isnan(exact):
                continue
            how = verdict(exact, slack, item.value)
            what = "plain mean" if row.part == "mean" else f"{row.part} end of the 95 % t interval"
            text = f"{what} of {len(values)} rows is {_shown(table, name, exact)}"
            finding = Finding(
                table.name, row.name, "follows from its rows", "fault", text, _numbers(row, (name,))
            )
            if how == "different":
                yield finding
            elif how == "cut off":
                remark = finding._replace(level="remark", finding=f"{text}: cut off, not rounded")
                proved = abs(exact - float(item.value.value)) - slack > float(item.value.unit) / 2
                suspects.append((remark, proved))
            elif how == "rounded" and exact - float(item.value.value) < 0:
                rounded_up += 1  # cutting off would have given another number
    all_cut = len(suspects) > 1 and not rounded_up
    yield from (remark for remark, proved in suspects if proved or all_cut)


def _is_part(row: Row, mean: Row) -> bool:
    """Whether `mean` is computed from `row`: they agree in all labels except the fold."""
    return row.part == "fold" and {**row.labels, "fold": ""} == {**mean.labels, "fold": ""}


def table_findings(table: Table) -> Iterator[Finding]:
    """What was read in a table (level "checked"), and everything found in it."""
    numbers = [item for row in table.rows for item in row.numbers.values()]
    undefined = sum(item.value is None for item in numbers)
    summary = f"{len(table.rows)} rows, {len(numbers)} values, {undefined} of them without a number"
    yield Finding(table.name, "all", "read", "checked", summary, "")
    for row in table.rows:
        if row.part in ("fold", "mean", "all"):  # the ends of an interval are no results
            yield from row_findings(table, row)
    if table.same_cases:
        yield from prevalence_findings(table)
    yield from derived_findings(table)
