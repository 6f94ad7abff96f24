"""Reads a table that a user made: TSV, or the CSV or Unicode text of any spreadsheet program."""

import csv
import io
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from tumorseg.core.names import comparable
from tumorseg.core.problems import DataError, Problem, error, warning

LARGEST = 2**28  # bytes; millions of rows fit, so a larger file is not a table
HINT = "save it as TSV or CSV text in UTF-8, with the column names in the first line"
DELIMITERS = "\t;,|"
_BYTE_ORDER = {b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
_WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")  # xlsx and ods; xls
# What the csv module says -> what that means.
_REASONS = {"end of data": "a quotation mark that is not closed", "limit": "an endless cell"}


class Row(NamedTuple):
    """The cells of a row without spaces around them; number: from 1 after the header."""

    number: int
    cells: list[str]


class UserTable(NamedTuple):
    """A table's header, its rows that have any content, and warnings about how it was read."""

    header: list[str]
    rows: list[Row]
    notes: list[Problem]

    def places(self, name: str) -> list[int]:
        """The positions of a column: of the exact name, else of one that is the same name."""
        exact = [place for place, title in enumerate(self.header) if title == name]
        like = [place for place, title in enumerate(self.header) if _plain(title) == _plain(name)]
        return exact or like

    def wrong_length(self, row: Row) -> DataError | None:
        """The error of a row that has more or fewer cells than the header."""
        if len(row.cells) == len(self.header):
            return None
        expected = f"{len(self.header)} as in the header"
        hint = "add the missing separator or remove the extra one"
        return error("table_row", f"{len(row.cells)} cells", expected, hint)


def read(
    path: Path, names: Iterable[str], *, fewest: int = 2, hint: str = "correct its name"
) -> UserTable:
    """Reads a table; rows and lines without any content are passed over.

    The separator is the one with which the first line has most of the expected names. Empty cells
    at the end of a line, beyond the header's last name, are left out.

    Args:
        path: the file.
        names: names of columns that may be there.
        fewest: number of columns that it must have.
        hint: what to do where there is no such file.

    Raises:
        DataError: a missing or too large file, one that is no text or no table.
    """
    try:
        if not path.is_file():  # reading a pipe would never end
            raise error("table_missing", "no such table", "a TSV or CSV", hint)
        if path.stat().st_size > LARGEST:
            size = f"{path.stat().st_size / 2**20:.0f} MB"
            raise error("table_too_large", size, f"a table up to {LARGEST >> 20} MB", HINT)
        text, notes = _text(path.read_bytes())
        header, rows = _header_and_rows(text, names, fewest)
    except OSError as wrong:
        raise _unreadable(wrong.strerror or "it cannot be opened").at(str(path)) from None
    except DataError as wrong:
        raise wrong.at(str(path)) from None
    return UserTable(header, rows, [note.at(str(path)) for note in notes])


def decimal_commas(values: Iterable[str]) -> bool:
    """Whether the numbers of a column are written with decimal commas, as 0,5."""
    text = "".join(values)
    return "," in text and "." not in text


def _plain(title: str) -> str:
    return "_".join(comparable(title).split())


def _unreadable(reason: str) -> DataError:
    return error("table_unreadable", f"not a table ({reason})", "a TSV or CSV", HINT)


def _text(content: bytes) -> tuple[str, list[Problem]]:
    """The text in UTF-8, UTF-16 with its mark, or, with a warning, Windows-1252."""
    if content.startswith(_WORKBOOKS):
        raise _unreadable("a workbook of a spreadsheet program")
    encoding = next((_BYTE_ORDER[m] for m in _BYTE_ORDER if content.startswith(m)), "utf-8")
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as wrong:
        byte = f"byte {content[wrong.start]:#04x} that is not {encoding.upper()[:6].rstrip('-')}"
        refused = error("table_encoding", byte, "text in UTF-8", HINT)
        if encoding != "utf-8":
            raise refused from None
    else:
        if "\0" in text:
            raise error("table_encoding", "bytes of zero", "text in UTF-8", HINT)
        return text, []
    try:
        text = content.decode("cp1252")
    except UnicodeDecodeError:
        raise refused from None
    if "\0" in text:
        raise refused
    word = next(word for word in re.split(rf"[\s\"{DELIMITERS}]+", text) if not word.isascii())
    value = f"{byte}; read as Windows-1252, for instance {word[:40]!r}"
    return text, [warning("table_encoding", value, "text in UTF-8", "look at it, or " + HINT)]


def _header_and_rows(text: str, names: Iterable[str], fewest: int) -> tuple[list[str], list[Row]]:
    given = re.match(r'\s*"?sep=([;,|\t])"?[;,|\t]*\r?\n', text)  # Excel's own first line
    text = text[given.end() :] if given else text
    wanted = {_plain(name) for name in names}
    best, delimiter, header = (-1, -1), DELIMITERS[0], list[str]()
    for sign in given[1] if given else DELIMITERS:
        titles = _titles(text, sign)
        score = (len(wanted & set(map(_plain, titles))), len(titles))
        if score > best:
            best, delimiter, header = score, sign, titles
    while header and not header[-1]:
        header.pop()
    if len(header) < fewest:
        few = "fewer than two columns" if fewest > 1 else "it is empty"
        raise _unreadable(few)
    lines = _lines(text, delimiter)
    first, _ = next(lines)
    rows = []
    for number, cells in lines:
        while len(cells) > len(header) and not cells[-1]:
            cells.pop()
        rows.append(Row(number - first, cells))
    return header, rows


def _titles(text: str, delimiter: str) -> list[str]:
    """The cells of the first line; empty where this is not its delimiter."""
    try:
        return next(_lines(text, delimiter), (0, []))[1]
    except DataError:
        return []


def _lines(text: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Number and cells of each line that has any content."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        for number, cells in enumerate(reader):
            cells = [cell.strip() for cell in cells]
            if any(cells):
                yield number, cells
    except csv.Error as wrong:
        reason = next((why for mark, why in _REASONS.items() if mark in str(wrong)), "")
        reason = reason or "text after a closing quotation mark"
        raise _unreadable(f"{reason}, in line {reader.line_num}") from None
