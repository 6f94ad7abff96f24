"""Source: your own images, listed in a TSV with one row per case."""

import math
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from tumorseg.core import user_tables
from tumorseg.core.cases import Entry, ImageFile
from tumorseg.core.names import as_stored, comparable
from tumorseg.core.problems import DataError, Problem, error
from tumorseg.core.spelling import missing
from tumorseg.core.user_tables import Row, UserTable

NEEDED = ("case", "image", "annotation", "patient")
OPTIONAL = ("plane", "spacing_mm", "tumour_type", "site", "form")
NEGATIVE = "negative"  # instead of an annotation: the image was examined and has no tumour


def entries(
    *,
    data_dir: str,
    table: str = "cases.tsv",
    form: str = "auto",
    columns: dict[str, str] | None = None,
    annotation_file: str | None = None,
    channels: list[str] | None = None,
    **_: Any,
) -> Iterator[Entry | DataError]:
    """The table's cases in its order; those of bad rows have faults.

    plane, spacing_mm (one number, or height and width), tumour_type, site and form may be missing
    or NA; the annotation may be `negative`. Row 1 is the first line after the header.

    Args:
        data_dir: folder of the table; the table's paths are relative to it.
        table: file name of the table: TSV, or CSV of any spreadsheet program.
        form: annotation format of the rows that give none.
        columns: our column name -> the table's column name, where they differ.
        annotation_file: one file that annotates all images, instead of the annotation column.
        channels: the columns of the channels' images, instead of the image column.

    Raises:
        DataError: the table cannot be read at all.
    """
    folder = Path(data_dir).expanduser()
    path = as_stored(folder, table)
    without = ("annotation",) if annotation_file else ()
    given, names = _table(path, columns or {}, without, channels or [])
    yield from map(DataError, given.notes)
    shared = _inside(folder, annotation_file) if annotation_file else None
    rows = [(row, _cells(row, names)) for row in given.rows]
    commas = user_tables.decimal_commas(
        cells.get("spacing_mm", "") for _, cells in rows if not missing(cells.get("spacing_mm", ""))
    )
    for row, cells in rows:
        if wrong := given.wrong_length(row):
            yield wrong.at(str(path), row.number)
        else:
            where = str(path), row.number
            yield _entry(folder, cells, form, shared, where, commas, channels or ["image"])


def files(
    *,
    data_dir: str,
    table: str = "cases.tsv",
    columns: dict[str, str] | None = None,
    annotation_file: str | None = None,
    channels: list[str] | None = None,
    **_: Any,
) -> list[Path]:
    """The table and the files it names, as far as it can be read; folders are DICOM series."""
    folder = Path(data_dir).expanduser()
    paths = [as_stored(folder, name) for name in (table, annotation_file) if name]
    try:
        given, names = _table(paths[0], columns or {}, NEEDED, channels or [])
    except DataError:  # the import reports it
        return paths
    for row in given.rows:
        if not given.wrong_length(row):
            cells = _cells(row, names)
            read = (*(channels or ["image"]), "annotation")
            named = [cells.get(name, "") for name in read]
            paths += [as_stored(folder, text) for text in named if text and text.isprintable()]
    return paths


def _table(
    path: Path, columns: dict[str, str], without: tuple[str, ...], channels: list[str]
) -> tuple[UserTable, dict[str, int]]:
    """The table, and our column name, or that of a channel, -> position in it."""
    without += ("image",) if channels else ()
    needed = set(NEEDED) - set(without) | set(channels)
    theirs = {ours: columns.get(ours, ours) for ours in (*NEEDED, *OPTIONAL)}
    theirs |= {name: name for name in channels}
    hint = "set data_dir and source.table"
    given = user_tables.read(path, theirs.values(), hint=hint)
    names = {}
    for ours, name in theirs.items():
        places = given.places(name)
        if len(places) == 1:
            names[ours] = places[0]
        elif places or name != ours or ours in needed:
            present = ", ".join(filter(None, given.header))
            raise error(
                "table_columns",
                f"{len(places) or 'no'} columns {name!r} (columns: {present[:200]})",
                f"one column {name!r}",
                "add it, or correct source.channels"
                if ours in channels
                else f"add it, or give its name in source.columns ({ours})",
                str(path),
            )
    if not given.rows:
        value, hint = "a header and no case", user_tables.HINT
        raise error("table_empty", value, "one row per case", hint, str(path))
    return given, names


def _cells(row: Row, names: dict[str, int]) -> dict[str, str]:
    """Our column name -> cell, of the columns that the row has."""
    return {ours: row.cells[place] for ours, place in names.items() if place < len(row.cells)}


def _entry(
    folder: Path,
    row: dict[str, str],
    form: str,
    shared: Path | None,
    where: tuple[str, int],
    commas: bool,
    channels: list[str],
) -> Entry:
    faults = list(_odd_characters(row))
    row = {name: "".join(filter(str.isprintable, text)) for name, text in row.items()}
    known = {name: text for name, text in row.items() if not missing(text)}

    def tried(function: Callable[..., Any], *arguments: Any, otherwise: Any) -> Any:
        """The function's result; its error becomes a fault of the entry."""
        try:
            return function(*arguments)
        except DataError as wrong:
            faults.append(wrong.problem)
            return otherwise

    if "case" not in known:
        value = f"case {row['case']!r}"
        hint = "use letters, digits, - and _"
        faults.append(Problem("case_name", value, "a name for each case", hint))
    image, *others = [
        tried(_inside, folder, known.get(name, ""), "image", otherwise=folder) for name in channels
    ]
    drawn = known.get("annotation", "")
    annotation = tried(_annotation, folder, drawn, shared, otherwise=None)
    text = known.get("spacing_mm", "nan")
    spacing_mm = tried(_spacing, text, commas, otherwise=(math.nan, math.nan))
    form = known.get("form", form)
    return Entry(
        case=row["case"],
        patient=row["patient"],
        image=image,
        annotation=annotation,
        origin=where[0],
        row=where[1],
        form=form,
        plane=known.get("plane", ""),
        spacing_mm=spacing_mm,
        tumour_type=known.get("tumour_type", ""),
        site=known.get("site", ""),
        # A border file names cases; tools that annotate many images name image files.
        key=row["case"] if form == "border" else image.relative_to(folder).as_posix(),
        further=tuple(map(ImageFile, others)),
        faults=tuple(faults),
    )


def _odd_characters(row: dict[str, str]) -> Iterable[Problem]:
    for name, text in row.items():
        if not text.isprintable():
            value, expected = f"{name} {text!r}", "printable characters only"
            yield Problem("table_character", value, expected, "type it again")


def _annotation(folder: Path, text: str, shared: Path | None) -> Path | None:
    if comparable(text) == NEGATIVE:
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
    return as_stored(folder, text)


def _spacing(text: str, commas: bool) -> tuple[float, float]:
    """Height and width of a pixel; commas: whether the column has decimal commas."""
    if text == "nan":
        return (math.nan, math.nan)
    plain = text.replace(",", ".") if commas else text
    try:
        sides = [float(part) for part in plain.replace("x", " ").split()]
    except ValueError:
        sides = []
    if len(sides) not in (1, 2) or not all(0 < side < 100 for side in sides):
        raise error(
            "spacing",
            f"spacing_mm {text!r}",
            "the side of a pixel, or its height and width, in millimetres, above 0 and below 100",
            "correct it, or write NA if it is unknown",
        )
    return sides[0], sides[-1]
