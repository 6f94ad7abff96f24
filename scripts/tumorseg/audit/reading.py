"""Reads what can be audited: the YAML file of a paper, a TSV or CSV table, or our own tables."""

from collections.abc import Iterable, Mapping
from pathlib import Path

import pandas as pd
import yaml

from tumorseg.audit.claims import IMPROVEMENT_KEYS, SIGNIFICANCE_KEYS
from tumorseg.audit.printed import (
    AVERAGINGS,
    FRACTIONS,
    UNITS,
    Source,
    Table,
    printed_number,
    quantity,
    rows_of,
)
from tumorseg.core import user_tables, yaml_text
from tumorseg.core.errors import UserError

# Columns of a plain file that describe a row; other columns without a quantity are ignored.
LABELS = (
    *("loss", "loss function", "method", "model", "network", "architecture", "recipe", "dataset"),
    *("target", "region", "organ", "class", "aggregation", "averaging", "seed", "fold", "name"),
)
QUOTED = "published"  # the recipe of the rows in which our own tables quote the study
_TABLE_KEYS = {"name": True, "averaging": True, "unit": True, "columns": True, "rows": True}
_TABLE_KEYS |= {"about": False, "decimals": False, "same_cases": False}
_SOURCE_KEYS = {"source": True, "tables": True, "significance": False, "improvements": False}


def _checked_keys(item: object, keys: Mapping[str, bool], where: str) -> dict:
    """`item` if it is a mapping with only `keys` and with all required ones (True)."""
    if not isinstance(item, dict):
        raise UserError(f"{where}: expected keys and values ({', '.join(keys)}), not {item!r}")
    for name in item:
        if name not in keys:
            raise UserError(f"{where}: unknown key {name!r}; expected {', '.join(keys)}")
    for name, required in keys.items():
        if required and name not in item:
            raise UserError(f"{where}: the key {name!r} is missing")
    return item


def _listed(items: object, where: str) -> list:
    if not isinstance(items, list):
        raise UserError(f"{where}: expected a list, not {items!r}")
    return items


def _are_texts(items: object) -> bool:
    return isinstance(items, list) and all(isinstance(item, str) for item in items)


def _is_share(column: str) -> bool:
    named = quantity(column)
    return named is not None and named[0] in FRACTIONS


def _one_of(value: str, allowed: Iterable[str], where: str) -> str:
    if value not in allowed:
        raise UserError(f"{where}: expected one of {', '.join(allowed)}, not {value!r}")
    return value


def _yaml_table(item: object, where: str) -> Table:
    table = _checked_keys(item, _TABLE_KEYS, where)
    where = f"{where} ({table['name']})"
    averaging = _one_of(table["averaging"], AVERAGINGS, f"{where}: averaging")
    percent = _one_of(table["unit"], UNITS, f"{where}: unit") == "percent"
    columns = table["columns"]
    if not _are_texts(columns) or len(set(columns)) < len(columns):
        raise UserError(f"{where}: columns: expected a list of unique names, not {columns!r}")
    about = table.get("about", {})
    if not isinstance(about, dict) or not _are_texts([*about.values()]):
        raise UserError(f"{where}: about: expected labels with their values, not {about!r}")
    records = []
    for index, values in enumerate(_listed(table["rows"], f"{where}: rows"), start=1):
        if not _are_texts(values) or len(values) != len(columns):
            raise UserError(
                f"{where}: row {index}: expected one text for each of {columns}, not {values!r}"
            )
        records.append((f"{where}: row {index}", dict(zip(columns, values, strict=True))))
    labels = [name for name in columns if quantity(name) is None]
    same_cases = table.get("same_cases")
    if same_cases is not None:
        _one_of(same_cases, labels, f"{where}: same_cases")
    try:
        decimals = {name: int(text) for name, text in table.get("decimals", {}).items()}
    except (ValueError, AttributeError):
        raise UserError(
            f"{where}: decimals: expected a whole number for each column, not {table['decimals']!r}"
        ) from None
    rows = rows_of(
        records,
        labels=labels,
        averaging=averaging,
        percent=[name for name in columns if percent and _is_share(name)],
        decimals=decimals,
        about=about,
    )
    return Table(table["name"], percent, rows, same_cases)


def read_yaml(path: Path) -> Source:
    """A paper's tables and claims. Every scalar stays text, so that 98.60 keeps its zero.

    Raises UserError if the file does not have the format of docs/audit.md.
    """
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.BaseLoader)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())
        raise UserError(f"{path}: not a YAML file ({reason})") from None
    yaml_text.check_keys(path)
    content = _checked_keys(content, _SOURCE_KEYS, str(path))
    tables = _listed(content["tables"], f"{path}: tables")
    return Source(
        content["source"],
        [_yaml_table(item, f"{path}: table {index}") for index, item in enumerate(tables, start=1)],
        *(
            [
                _checked_keys(item, keys, f"{path}: {name} {index}")
                for index, item in enumerate(_listed(content.get(name, []), f"{path}: {name}"), 1)
            ]
            for name, keys in (
                ("significance", SIGNIFICANCE_KEYS),
                ("improvements", IMPROVEMENT_KEYS),
            )
        ),
    )


def from_text(
    header: list[str],
    lines: Iterable[list[str]],
    name: str,
    *,
    averaging: str = "not stated",
    same_cases: str | None = None,
) -> tuple[Table, list[str]]:
    """Reads a plain table of text.

    A column of shares is in percent if its name says so (_pct, %) or one of its values exceeds 1.5.
    Rows that quote the published study are left out, because their own source is audited.

    Args:
        header: the names of the columns.
        lines: the rows.
        name: of the table, for findings and messages.
        averaging: of all rows; a column `aggregation` or `averaging` overrides it row by row.
        same_cases: the column in which rows with the same test cases agree.

    Returns:
        The table, and notes on what was guessed or left out.

    Raises:
        UserError: rows of different lengths, no column with a quantity, no column same_cases.
    """
    records, quoted = [], 0
    names = ["aggregation" if column == "averaging" else column for column in header]
    for index, values in enumerate(lines, start=2):
        if len(values) != len(names):
            raise UserError(f"{name}: line {index}: {len(values)} values for {len(names)} columns")
        record = dict(zip(names, values, strict=True))
        if record.get("recipe") == QUOTED:
            quoted += 1
        else:
            records.append((f"{name}: line {index}", record))
    labels = [column for column in names if column.lower().replace("_", " ") in LABELS]
    used = [column for column in names if column not in labels and quantity(column)]
    if not used:
        raise UserError(
            f"{name}: no column has a quantity that can be audited; expected some of accuracy, "
            f"dice (f1), precision, recall (sensitivity), specificity, iou, hausdorff; the columns "
            f"are {', '.join(header)}"
        )
    if twice := [column for column in labels + used if names.count(column) > 1]:
        raise UserError(f"{name}: two columns are called {twice[0]!r}; keep one")
    if same_cases is not None and same_cases not in labels:
        raise UserError(f"{name}: no column {same_cases!r}, which should show the same cases")

    shares, notes = [column for column in used if _is_share(column)], []
    percent = [column for column in shares if _in_percent(column, records)]
    rows = rows_of(records, labels=labels, averaging=averaging, percent=percent)
    fractions = [column for column in shares if column not in percent]
    for unit, columns in (("percent", percent), ("fractions", fractions)):
        if guessed := [name for name in columns if "pct" not in name and "%" not in name]:
            notes.append(f"taken as {unit}: {', '.join(guessed)}")
    if "aggregation" not in labels:
        notes.append(f"averaging: {averaging}")
    ignored = [column for column in names if column not in labels and column not in used]
    if ignored:
        notes.append(f"ignored columns: {', '.join(ignored)}")
    if quoted:
        notes.append(f"{quoted} rows quoting the published study left to the audit of its source")
    return Table(name, bool(percent), rows, same_cases), notes


def _in_percent(column: str, records: Iterable[tuple[str, dict[str, str]]]) -> bool:
    if "pct" in column or "%" in column:
        return True
    named = ((record[column], f"{where}, {column}") for where, record in records)
    numbers = (printed_number(text, place, percent=False) for text, place in named)
    return any(item.value.value > 1.5 for item in numbers if item.value)


def read_plain(path: Path, averaging: str, same_cases: str | None) -> tuple[Source, list[str]]:
    """A TSV or CSV file with a header as one table, and notes on what was guessed."""
    given = user_tables.read(path, LABELS)
    if not given.rows:
        raise UserError(f"{path}: expected a header and at least one row")
    lines = [row.cells for row in given.rows]
    for place, column in enumerate(given.header):
        long = [cells for cells in lines if place < len(cells)]
        if quantity(column) and user_tables.decimal_commas(cells[place] for cells in long):
            for cells in long:
                cells[place] = cells[place].replace(",", ".")
    table, notes = from_text(
        given.header, lines, str(path), averaging=averaging, same_cases=same_cases
    )
    return Source(str(path), [table]), [*(note.line() for note in given.notes), *notes]


def of_frame(frame: pd.DataFrame, name: str) -> Table:
    """One of our own tables as printed; rows of the same fold have the same test cases."""
    same_cases = "fold" if "fold" in frame.columns else None
    text = frame.astype(object).where(frame.notna(), "NaN").astype(str)
    return from_text(list(text.columns), text.to_numpy().tolist(), name, same_cases=same_cases)[0]


def read(
    path: str | Path, averaging: str = "not stated", same_cases: str | None = None
) -> tuple[Source, list[str]]:
    """The source in a .yaml, .tsv or .csv file, and notes on what was guessed.

    averaging and same_cases apply to plain tables only (see from_text). Raises UserError for a
    missing file, another kind of file, and unusable content.
    """
    path = Path(path)
    if not path.is_file():
        raise UserError(f"{path}: no such file")
    if path.suffix.lower() in (".yaml", ".yml"):
        return read_yaml(path), []
    if path.suffix.lower() in (".tsv", ".csv", ".txt"):
        return read_plain(path, averaging, same_cases)
    raise UserError(f"{path}: expected a .yaml, .tsv or .csv file")
