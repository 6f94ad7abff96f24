"""Numbers as printed, and the tables of a source that hold them; docs/audit.md describes the files.

A printed number stands for every value within one unit of its last digit, whether it was rounded
or cut off. So text is kept, never a float.
"""

import re
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

from tumorseg.audit.arithmetic import SHARES
from tumorseg.core.errors import UserError

DISTANCES = ("hausdorff", "hd95", "assd")
FRACTIONS = (*SHARES, "nsd")
QUANTITIES = (*FRACTIONS, *DISTANCES, "p")
AVERAGINGS = ("pooled", "macro", "not stated")
UNITS = ("percent", "fraction")
UNDEFINED = {"", "nan", "na", "n/a", "none", "-", "–", "—", "failed", "undefined"}
# Other names of a quantity; a column may go on after it ("dice_pooled_pct", "DSC kidney").
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
_CELL = re.compile(
    rf"(?P<value>{_NUMBER})"
    rf"(?: ± (?P<half>{_NUMBER})| \((?P<low>{_NUMBER}) to (?P<high>{_NUMBER})\))?"
)
_PART = re.compile(
    r"(?P<mean>mean|average)|(?P<low>95 % low)|(?P<high>95 % high)"
    r"|(?P<all>\b(all|overall|pooled|total)\b)"
    r"|(?P<other>\b(sd|std|se|sem|median|min|max|iqr|ci|range)\b|deviation|interval)"
)


class Number(NamedTuple):
    """A printed number: its value and one unit of its last digit, exact."""

    value: Fraction
    unit: Fraction

    def scaled(self, factor: Fraction) -> "Number":
        """The number in another unit."""
        return Number(self.value * factor, self.unit * factor)

    @property
    def span(self) -> tuple[float, float]:
        """The values that it may stand for."""
        return float(self.value - self.unit), float(self.value + self.unit)


def number(text: str, decimals: int | None = None) -> Number:
    """The number that `text` prints; decimals: how many were meant where zeros were dropped.

    Raises UserError for anything else.
    """
    if not re.fullmatch(_NUMBER, text):
        raise UserError(f"{text!r} is no number")
    exponent = Decimal(text).as_tuple().exponent
    digits = max(-exponent, decimals) if decimals is not None else -exponent
    return Number(Fraction(text), Fraction(10) ** -digits)


class Cell(NamedTuple):
    """A printed value and, where printed, "± half" or "(low to high)"; None where no number is."""

    text: str
    value: Number | None = None
    half: Number | None = None
    low: Number | None = None
    high: Number | None = None

    def parts(self) -> dict[str, Number]:
        """What is printed, by name."""
        found = {name: getattr(self, name) for name in ("value", "half", "low", "high")}
        return {name: part for name, part in found.items() if part is not None}


def cell(text: str, where: str, *, percent: bool, decimals: int | None = None) -> Cell:
    """Reads one cell, as fractions where it is in percent; "<0.001" holds no number to compare.

    Raises UserError, which begins with `where`.
    """
    clean = re.sub(r"%|mm\b|px\b|[*†‡]", "", text.replace("−", "-"))
    clean = re.sub(r"\s*(±|\+-|\+/-|\\pm)\s*", " ± ", clean)
    clean = re.sub(rf"[\[(]\s*({_NUMBER})\s*[\])]", r" ± \1", clean)
    clean = _INTERVAL.sub(r" (\1 to \2)", clean)
    clean = re.sub(r"\s+", " ", clean).strip()
    if clean.lower() in UNDEFINED or clean[0] in "<>≤≥":
        return Cell(text)
    found = _CELL.fullmatch(clean)
    if not found:
        raise UserError(
            f'{where}: {text!r} is no number; expected "81.1", "0.945 ± 0.017", "0.945 (0.017)", '
            f'"66.1 (58.7 to 73.5)", "<0.001" or, where undefined, "NaN"'
        )
    factor = Fraction(1, 100) if percent else Fraction(1)
    parts = {
        name: number(part, decimals).scaled(factor)
        for name, part in found.groupdict().items()
        if part is not None
    }
    return Cell(text.strip(), **parts)


def quantity(column: str) -> tuple[str, str] | None:
    """The quantity that a column holds and of what ("dice_pooled_pct": dice, pooled), or None."""
    words = re.sub(r"[_()\-]|(?=%)", " ", column.lower()).split()
    found = _COLUMN.fullmatch(" ".join(word for word in words if word not in {*_UNIT_WORDS, "%"}))
    if not found:
        return None
    name = next(key for key in QUANTITIES if found[key])
    unit = next((word for word in words if name in DISTANCES and word in _UNIT_WORDS), "")
    return name, f"{(found['of'] or '').strip()} {unit}".strip()


class Row(NamedTuple):
    """One row: what it is about, its averaging, its cells by quantity, its part in the table.

    part: "fold" for a plain row; "mean", "low", "high" for the mean of the plain rows that agree
    in all labels but the fold, and the ends of their 95 % t interval; "all" for all cases at once;
    "other" for deviations, medians and the like, which no check touches.
    """

    labels: Mapping[str, str]
    averaging: str
    cells: Mapping[str, Cell]
    part: str

    @property
    def name(self) -> str:
        """How findings call the row."""
        return " ".join(self.labels.values())


@dataclass(frozen=True)
class Table:
    """A table as printed; rows of one value in the label same_cases share their test cases."""

    name: str
    percent: bool
    rows: list[Row]
    same_cases: str | None = None


@dataclass(frozen=True)
class Source:
    """A paper or file: its tables and what its text claims (see tumorseg.audit.claims)."""

    name: str
    tables: list[Table]
    significance: list[dict[str, str]] = field(default_factory=list)
    improvements: list[dict[str, str]] = field(default_factory=list)


def part_of(fold: str) -> str:
    """What a row is to its table, by its entry under `fold`."""
    found = _PART.search(fold.lower())
    return found.lastgroup if found else "fold"


def averaging_of(stated: str, part: str, group: str) -> str:
    """A mean over folds is an average; a column or row may say for itself what it is."""
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
    """Rows from records of text, each with where it stands; one for each group of columns.

    labels: the columns that say what a row is about; `fold` and `aggregation` have meanings.
    percent: the columns that are in percent.
    """
    found = []
    for where, record in records:
        given = dict(about or {}) | {name: record[name] for name in labels if record[name]}
        stated = given.pop("aggregation", averaging)
        part = part_of(given.get("fold", ""))
        groups: dict[str, dict[str, Cell]] = {}
        for column, text in record.items():
            if column in labels or (key := quantity(column)) is None:
                continue
            read = cell(
                text,
                f"{where}, {column}",
                percent=column in percent,
                decimals=(decimals or {}).get(column),
            )
            if key[0] in groups.setdefault(key[1], {}):
                raise UserError(f"{where}: two columns hold {' '.join(key).strip()}: keep one")
            groups[key[1]][key[0]] = read
        for group, cells in groups.items():
            mean = part == "mean" or any(item.low or item.half for item in cells.values())
            known = averaging_of(stated, "mean" if mean else part, group)
            own = {"of": group} if group else {}
            said = {"aggregation": stated} if "aggregation" in labels else {}
            found.append(Row(said | given | own, known, cells, part))
    return found
