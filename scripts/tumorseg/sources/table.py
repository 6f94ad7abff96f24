"""Source: your own images, listed in a TSV with one row per case."""

import csv
import math
from collections.abc import Iterator
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from tumorseg.core.cases import Entry
from tumorseg.core.problems import DataError, error

NEEDED = ("case", "image", "annotation", "patient")
OPTIONAL = ("plane", "spacing_mm", "tumour_type", "form")
UNKNOWN = ("", "NA", "NaN", "nan", "n/a")
NEGATIVE = "negative"  # instead of an annotation: the image was examined and has no tumour
LARGEST = 2**28  # bytes; millions of rows fit, so a larger file is not a table
HINT = "save it as tab-separated text (TSV), UTF-8, with the column names in the first line"


def entries(
    *,
    data_dir: str,
    table: str = "cases.tsv",
    form: str = "auto",
    columns: dict[str, str] | None = None,
    annotation_file: str | None = None,
    **_: Any,
) -> Iterator[Entry | DataError]:
    """The table's cases in its order; a DataError with file and row for each bad row.

    plane, spacing_mm (one number, or height and width), tumour_type and form may be missing or NA;
    the annotation may be `negative`. Row 1 is the first line after the header.

    Args:
        data_dir: folder of the table; the table's paths are relative to it.
        table: file name of the table.
        form: annotation format of the rows that give none.
        columns: our column name -> the table's column name, where they differ.
        annotation_file: one file that annotates all images, instead of the annotation column.

    Raises:
        DataError: the table cannot be read at all.
    """
    folder = Path(data_dir).expanduser()
    path = folder / table
    rows = _rows(path, columns or {}, without=("annotation",) if annotation_file else ())
    shared = _inside(folder, annotation_file) if annotation_file else None
    for number, row in enumerate(rows, start=1):
        if isinstance(row, DataError):
            yield row.at(str(path), number)
            continue
        try:
            yield _entry(folder, row, form, shared, str(path), number)
        except DataError as wrong:
            yield wrong.at(str(path), number)


def files(
    *,
    data_dir: str,
    table: str = "cases.tsv",
    columns: dict[str, str] | None = None,
    annotation_file: str | None = None,
    **_: Any,
) -> list[Path]:
    """The table and the files it names, as far as it can be read; folders are DICOM series."""
    folder = Path(data_dir).expanduser()
    paths = [folder / table]
    if annotation_file:
        paths.append(folder / annotation_file)
    try:
        for row in _rows(folder / table, columns or {}, without=NEEDED):
            if isinstance(row, dict):
                paths += [folder / row[name] for name in ("image", "annotation") if row.get(name)]
    except DataError:
        pass  # the import reports it
    return paths


def _rows(
    path: Path, columns: dict[str, str], without: tuple[str, ...]
) -> Iterator[dict[str, str] | DataError]:
    """Yields each row as our column name -> stripped cell while it reads the table."""
    try:
        if not path.is_file():  # reading a pipe would never end
            raise FileNotFoundError
        if path.stat().st_size > LARGEST:
            size = f"{path.stat().st_size / 2**20:.0f} MB"
            raise error("table_too_large", size, f"a table up to {LARGEST >> 20} MB", HINT)
        with path.open(encoding="utf-8-sig", newline="") as lines:
            reader = csv.reader(lines, delimiter="\t", strict=True)
            header = [name.strip() for name in next(reader, [])]
            names = _names(header, columns, without)
            empty = True
            for cells in reader:
                empty = False
                yield _row(names, cells, len(header))
            if empty:
                raise error("table_empty", "a header and no case", "one row per case", HINT)
    except FileNotFoundError:
        hint = "set data_dir and source.table"
        raise error("table_missing", "no such table", "a TSV", hint, str(path)) from None
    except UnicodeDecodeError as wrong:
        byte = f"byte {wrong.object[wrong.start]:#04x} that is not UTF-8"
        raise error("table_encoding", byte, "text in UTF-8", HINT, str(path)) from None
    except (OSError, ValueError, csv.Error) as wrong:
        reason = getattr(wrong, "strerror", None) or str(wrong)
        value = f"not a tab-separated table ({reason})"
        raise error("table_unreadable", value, "a TSV", HINT, str(path)) from None
    except DataError as wrong:
        raise wrong.at(str(path)) from None


def _names(header: list[str], columns: dict[str, str], without: tuple[str, ...]) -> dict[str, int]:
    """Our column name -> position in the table."""
    if len(header) < 2:
        other = next((sign for sign in ",;|" if sign in "".join(header)), None)
        value = f"columns separated by {other!r}" if other else "fewer than two columns"
        raise error("table_unreadable", f"not a tab-separated table ({value})", "a TSV", HINT)
    names = {}
    for ours in (*NEEDED, *OPTIONAL):
        theirs = columns.get(ours, ours)
        if header.count(theirs) == 1:
            names[ours] = header.index(theirs)
        elif header.count(theirs) > 1 or theirs != ours or ours in set(NEEDED) - set(without):
            present = ", ".join(filter(None, header))
            raise error(
                "table_columns",
                f"{header.count(theirs) or 'no'} columns {theirs!r} (columns: {present[:200]})",
                f"one column {theirs!r}",
                f"add it, or give its name in source.columns ({ours})",
            )
    return names


def _row(names: dict[str, int], cells: list[str], width: int) -> dict[str, str] | DataError:
    if len(cells) != width:
        hint = "add the missing tab or remove the extra one"
        return error("table_row", f"{len(cells)} cells", f"{width} as in the header", hint)
    row = {ours: cells[place].strip() for ours, place in names.items()}
    odd = [ours for ours, text in row.items() if not text.isprintable()]
    if odd:
        hint = "type it again"
        value = f"{odd[0]} {row[odd[0]]!r}"
        return error("table_character", value, "printable characters only", hint)
    return row


def _entry(
    folder: Path, row: dict[str, str], form: str, shared: Path | None, table: str, number: int
) -> Entry:
    known = {name: text for name, text in row.items() if text not in UNKNOWN}
    image = _inside(folder, known.get("image", ""), "image")
    return Entry(
        case=row["case"],
        patient=known.get("patient", ""),
        image=image,
        annotation=_annotation(folder, known.get("annotation", ""), shared),
        origin=table,
        row=number,
        form=known.get("form", form),
        plane=known.get("plane", ""),
        spacing_mm=_spacing(known.get("spacing_mm", "nan")),
        tumour_type=known.get("tumour_type", ""),
        # A border file names cases; tools that annotate many images name image files.
        key=row["case"] if form == "border" else image.relative_to(folder).as_posix(),
    )


def _annotation(folder: Path, text: str, shared: Path | None) -> Path | None:
    if text == NEGATIVE:
        return None
    return shared or _inside(folder, text, "annotation")


def _inside(folder: Path, text: str, what: str = "annotation") -> Path:
    """A path of the table below the data folder; `reading` checks where links lead."""
    if not text:
        expected = "a file" if what == "image" else f"a file, or `{NEGATIVE}` for no tumour"
        raise error(f"{what}_missing", f"no {what} given", expected, "give its path")
    windows = PureWindowsPath(text)
    if windows.is_absolute() or windows.drive or PurePosixPath(text).is_absolute():
        hint = "write the path relative to the table's folder"
        raise error("path_absolute", f"absolute path {text}", "a relative path", hint)
    if ".." in windows.parts or text[0] == "~":
        hint = "copy the file into the folder"
        raise error("path_outside", f"path {text}", "a path inside the data folder", hint)
    if "\\" in text and not (folder / text).exists():
        hint = "write / between folders"
        raise error(f"{what}_missing", f"path {text}", "folders separated by /", hint)
    return folder / text


def _spacing(text: str) -> tuple[float, float]:
    try:
        sides = [float(part) for part in text.replace("x", " ").split()]
    except ValueError:
        sides = []
    if text == "nan":
        return (math.nan, math.nan)
    if len(sides) not in (1, 2) or not all(0 < side < 100 for side in sides):
        raise error(
            "spacing",
            f"spacing_mm {text!r}",
            "the side of a pixel, or its height and width, in millimetres, above 0 and below 100",
            "correct it, or write NA if it is unknown",
        )
    return sides[0], sides[-1]
