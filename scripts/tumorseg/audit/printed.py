"""Printed numbers and the tables of a source that contain them; docs/audit.md has the file format.

A printed number stands for every value within one unit of its last digit, whether it was rounded
or cut off. Numbers are therefore read from text, never from a float.
"""

import re
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

from tumorseg.audit.arithmetic import SHARES
from tumorseg.core.errors import UserError

DISTANCE_QUANTITIES = ("hausdorff", "hd95", "assd")
FRACTIONS = (*SHARES, "nsd")
QUANTITIES = (*FRACTIONS, *DISTANCE_QUANTITIES, "p")
AVERAGINGS = ("pooled", "macro", "not stated")
UNITS = ("percent", "fraction")
UNDEFINED = {"", "nan", "na", "n/a", "none", "-", "–", "—", "failed", "undefined"}
# Names of a quantity; a column name may continue after it ("dice_pooled_pct", "DSC kidney").
NAMES = {
    "accuracy": "accuracy|acc",
    "dice": r"dice( coefficient| score)?|dsc|f1( score)?( dice coefficient)?",
    "precision": "precision|ppv",
    "recall": "recall( sensitivity)?|sensitivity( recall)?|tpr",
    "specificity": "specificity|tnr",
    "iou": "iou|miou|jaccard( index)?",
    "nsd": "nsd",
    "hd95": "hd95",
    "hausdorff": "hausdorff( distance)?|hd",
    "assd": "assd",
    "p": "p value|p",
}
_COLUMN = re.compile(
    "(mean )?(?:"
    + "|".join(f"(?P<{key}>{names})" for key, names in NAMES.items())
    + r")(?P<of> .*)?"
)
_UNIT_WORDS = {"pct", "percent", "mm", "px"}
_NUMBER = r"[-+]?(?:\d{1,30}\.?\d{0,30}|\.\d{1,30})(?:[eE][-+]?\d{1,2})?"
_INTERVAL = re.compile(rf"[\[(]\s*({_NUMBER})\s*(?:to|[,;–-])\s*({_NUMBER})\s*[\])]")
_PRINTED = re.compile(
    rf"(?P<value>{_NUMBER})"
    rf"(?: ± (?P<half>{_NUMBER})| \((?P<low>{_NUMBER}) to (?P<high>{_NUMBER})\))?"
)
_PART = re.compile(
    r"(?P<mean>mean|average)|(?P<low>95 % low)|(?P<high>95 % high)"
    r"|(?P<all>\b(all|overall|pooled|total)\b)"
    r"|(?P<other>\b(sd|std|se|sem|median|min|max|iqr|ci|range)\b|deviation|interval)"
)


class Number(NamedTuple):
    """An exact value and the unit of its last printed digit."""

    value: Fraction
    unit: Fraction

    def scaled(self, factor: Fraction) -> "Number":
        """The number in another unit."""
        return Number(self.value * factor, self.unit * factor)

    @property
    def span(self) -> tuple[float, float]:
        """The smallest and the largest value that it may stand for."""
        return float(self.value - self.unit), float(self.value + self.unit)


def number(text: str, decimals: int | None = None) -> Number:
    """Reads one number. decimals: the intended number of decimals if zeros were dropped.

    Raises UserError if `text` is not a number.
    """
    if not re.fullmatch(_NUMBER, text):
        raise UserError(f"{text!r} is not a number")
    digits = -int(Decimal(text).as_tuple().exponent)
    if decimals is not None:
        digits = max(digits, decimals)
    return Number(Fraction(text), Fraction(10) ** -digits)


class PrintedNumber(NamedTuple):
    """A printed value with its "± half" or "(low to high)"; None for what is not printed."""

    text: str
    value: Number | None = None
    half: Number | None = None
    low: Number | None = None
    high: Number | None = None

    def parts(self) -> dict[str, Number]:
        """The numbers that are printed, by name."""
        parts = {"value": self.value, "half": self.half, "low": self.low, "high": self.high}
        return {name: part for name, part in parts.items() if part is not None}


def printed_number(
    text: str, where: str, *, percent: bool, decimals: int | None = None
) -> PrintedNumber:
    """Reads a printed number; percent: convert it to a fraction.

    Undefined values, and bounds such as "<0.001", have no number to compare. Raises UserError,
    which begins with `where`, for anything else that is not a number.
    """
    clean = re.sub(r"%|mm\b|px\b|[*†‡]", "", text.replace("−", "-"))
    clean = re.sub(r"\s*(±|\+-|\+/-|\\pm)\s*", " ± ", clean)
    clean = re.sub(rf"[\[(]\s*({_NUMBER})\s*[\])]", r" ± \1", clean)
    clean = _INTERVAL.sub(r" (\1 to \2)", clean)
    clean = re.sub(r"\s+", " ", clean).strip()
    if clean.lower() in UNDEFINED or clean[0] in "<>≤≥":
        return PrintedNumber(text)
    match = _PRINTED.fullmatch(clean)
    if not match:
        raise UserError(
            f'{where}: {text!r} is not a number; expected "81.1", "0.945 ± 0.017", '
            f'"0.945 (0.017)", "66.1 (58.7 to 73.5)", "<0.001" or, if undefined, "NaN"'
        )
    factor = Fraction(1, 100) if percent else Fraction(1)
    parts = {
        name: number(part, decimals).scaled(factor)
        for name, part in match.groupdict().items()
        if part is not None
    }
    return PrintedNumber(text.strip(), **parts)


def quantity(column: str) -> tuple[str, str] | None:
    """The quantity in a column and its group ("dice_pooled_pct": dice, pooled), or None."""
    words = re.sub(r"[_()\-]|(?=%)", " ", column.lower()).split()
    match = _COLUMN.fullmatch(" ".join(word for word in words if word not in {*_UNIT_WORDS, "%"}))
    if not match:
        return None
    name = next(key for key in QUANTITIES if match[key])
    unit = next((word for word in words if name in DISTANCE_QUANTITIES and word in _UNIT_WORDS), "")
    return name, f"{(match['of'] or '').strip()} {unit}".strip()


class Row(NamedTuple):
    """One row: its labels, its averaging, its numbers by quantity, and its part in the table.

    part: "fold" for a plain row; "mean", "low", "high" for the mean of the plain rows that agree
    in all labels except the fold, and for the ends of their 95 % t interval; "all" for all cases
    together; "other" for deviations, medians and the like, which no check uses.
    """

    labels: Mapping[str, str]
    averaging: str
    numbers: Mapping[str, PrintedNumber]
    part: str

    @property
    def name(self) -> str:
        """The name of the row in findings."""
        return " ".join(self.labels.values())


@dataclass(frozen=True)
class Table:
    """A printed table; rows with equal values of the label same_cases have the same test cases."""

    name: str
    percent: bool
    rows: list[Row]
    same_cases: str | None = None


@dataclass(frozen=True)
class Source:
    """A paper or file: its tables and the claims of its text (see tumorseg.audit.claims)."""

    name: str
    tables: list[Table]
    significance: list[dict[str, str]] = field(default_factory=list)
    improvements: list[dict[str, str]] = field(default_factory=list)


def part_of(fold: str) -> str:
    """The part of a row (see Row) by its value in the column `fold`."""
    match = _PART.search(fold.lower())
    return (match.lastgroup if match else None) or "fold"


def averaging_of(stated: str, part: str, group: str) -> str:
    """The averaging of a row: macro for a mean over folds, else as its columns or the row state."""
    named = {"image": "macro", "patient": "macro", "macro": "macro", "pooled": "pooled"}
    known = named.get(group, named.get(stated, "not stated"))
    return "macro" if part == "mean" else known


def rows_of(
    records: Iterable[tuple[str, Mapping[str, str]]],
    *,
    labels: Iterable[str],
    averaging: str,
    percent: Container[str],
    decimals: Mapping[str, int] | None = None,
    about: Mapping[str, str] | None = None,
) -> list[Row]:
    """Reads rows from records of text; each record gives one row for each group of columns.

    Args:
        records: (where in the file, text by column).
        labels: the columns that describe a row; `fold` and `aggregation` have a special meaning.
        averaging: of rows that do not state their own.
        percent: the columns that are in percent.
        decimals: the intended number of decimals of a column, if zeros were dropped.
        about: labels of every row.

    Returns:
        The rows.

    Raises:
        UserError: a value is not a number, or two columns have the same quantity and group.
    """
    rows = []
    for where, record in records:
        described = dict(about or {}) | {name: record[name] for name in labels if record[name]}
        stated = described.pop("aggregation", averaging)
        part = part_of(described.get("fold", ""))
        groups: dict[str, dict[str, PrintedNumber]] = {}
        for column, text in record.items():
            if column in labels or (key := quantity(column)) is None:
                continue
            read = printed_number(
                text,
                f"{where}, {column}",
                percent=column in percent,
                decimals=(decimals or {}).get(column),
            )
            if key[0] in groups.setdefault(key[1], {}):
                raise UserError(
                    f"{where}: two columns have the quantity {' '.join(key).strip()}; keep one"
                )
            groups[key[1]][key[0]] = read
        for group, numbers in groups.items():
            is_mean = part == "mean" or any(item.low or item.half for item in numbers.values())
            row_averaging = averaging_of(stated, "mean" if is_mean else part, group)
            first = {"aggregation": stated} if "aggregation" in labels else {}
            last = {"of": group} if group else {}
            rows.append(Row(first | described | last, row_averaging, numbers, part))
    return rows
