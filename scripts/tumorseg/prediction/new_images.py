"""Finds the images to predict: a file, all images below a folder, or those named in a table."""

import os
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import pydicom
from pydicom.errors import InvalidDicomError

from tumorseg.core import registry, user_tables
from tumorseg.core.errors import UserError
from tumorseg.core.spelling import missing
from tumorseg.core.two_files import is_second
from tumorseg.privacy.local import LOCAL_MARK

TABLES = (".tsv", ".csv")


class Image(NamedTuple):
    """One image: a file, or a folder with a DICOM series.

    name: its path below the searched folder. stem: the unique name of its results, usually the
    name without suffix.
    """

    name: str
    path: Path
    stem: str


def find(images: Path) -> tuple[list[Image], Counter[str]]:
    """The images sorted by name, and the number of other files by suffix.

    images: an image file; a folder, searched with all subfolders except hidden ones; or a TSV or
    CSV table with paths in a column `image`. DICOM files of one series in a folder are one image.
    Raises UserError if there is no image, or if a row of the table names none.
    """
    if not images.exists():
        raise UserError(f"images: {images}: no such file or folder")
    left_out: Counter[str] = Counter()
    if images.is_dir():
        paths = _in_folder(images, left_out)
    elif images.suffix.lower() in TABLES:
        paths = _in_table(images)
    else:
        paths = [images]
    if not paths:
        raise UserError(
            f"images: {images}: there is no image in it that can be read; expected one of the "
            "formats in docs/formats.md"
        )
    return _named(paths, images if images.is_dir() else images.parent), left_out


def _in_table(table: Path) -> list[Path]:
    given = user_tables.read(table, ("image",), fewest=1)
    places = given.places("image")
    if len(places) != 1:
        columns = ", ".join(given.header)
        what = "no column" if not places else f"{len(places)} columns"
        raise UserError(f"{table}: {what} `image`; there are: {columns}")
    paths = []
    for row in given.rows:
        name = row.cells[places[0]] if places[0] < len(row.cells) else ""
        if missing(name) or Path(name).is_absolute() or ".." in Path(name).parts:
            raise UserError(
                f"{table} row {row.number}: image: {name!r}, expected a path inside the table's "
                "folder"
            )
        paths.append(table.parent / name)
    return list(dict.fromkeys(paths))


def _in_folder(folder: Path, left_out: Counter[str]) -> list[Path]:
    formats = [registry.entry("formats", name) for name in registry.names("formats")]
    suffixes = tuple(s for module in formats for kind in module.KINDS.values() for s in kind)
    paths: list[Path] = []
    for place, folders, names in os.walk(folder):
        if LOCAL_MARK in names:  # a local folder of tumorseg, for example earlier predictions
            folders.clear()
            continue
        folders[:] = sorted(name for name in folders if not name.startswith((".", "__MACOSX")))
        files = [Path(place, name) for name in sorted(names) if not name.startswith(".")]
        files = [path for path in files if not is_second(path)]
        images = [path for path in files if _is_image(path, formats, suffixes)]
        left_out.update(path.suffix or "none" for path in files if path not in images)
        series = [(path, uid) for path in images if (uid := _series(path))]
        if len({uid for _, uid in series}) < len(series):
            in_series = dict(series)
            paths += [Path(place), *(path for path in images if path not in in_series)]
        else:
            paths += images
    return paths


def _is_image(path: Path, formats: list, suffixes: tuple[str, ...]) -> bool:
    """By its first bytes or by its suffix, so that a damaged image is reported, not left out."""
    if path.name.upper() == "DICOMDIR":
        return False
    try:
        with path.open("rb") as file:
            head = file.read(4096)
    except OSError:
        return path.name.lower().endswith(suffixes)
    by_content = any(module.kind(head, path) for module in formats)
    return by_content or path.name.lower().endswith(suffixes)


def _series(path: Path) -> str:
    """The series UID of a DICOM file; empty for any other file."""
    try:
        tags = ["SeriesInstanceUID"]
        header = pydicom.dcmread(path, stop_before_pixels=True, specific_tags=tags)
    except (InvalidDicomError, OSError, ValueError, TypeError, AttributeError, KeyError, EOFError):
        return ""
    return str(header.get("SeriesInstanceUID", "") or "unnamed")


def _named(paths: list[Path], folder: Path) -> list[Image]:
    """Adds names and stems; images that differ only in their suffix keep it in their stem."""
    names = {
        path: (path.relative_to(folder).as_posix() if path != folder else "") for path in paths
    }
    names = {path: name or folder.name for path, name in names.items()}
    stems = {path: _stem(path, name) for path, name in names.items()}
    count = Counter(stem.lower() for stem in stems.values())
    images = []
    for path, name in names.items():
        unique = count[stems[path].lower()] == 1
        images.append(Image(name, path, stems[path] if unique else name.replace(".", "_")))
    return sorted(images)


def _stem(path: Path, name: str) -> str:
    if path.is_dir():
        return name
    short = name[: -len(".gz")] if name.lower().endswith(".nii.gz") else name
    return short[: -len(Path(short).suffix)] if Path(short).suffix else short
