"""Finds the images to predict: a file, all images below a folder, or those named in a table."""

import os
from collections import Counter
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

from tumorseg.core import registry, user_tables
from tumorseg.core.cases import ImageFile
from tumorseg.core.errors import UserError
from tumorseg.core.names import as_stored, comparable, parts, stem
from tumorseg.core.spelling import missing
from tumorseg.core.two_files import is_second
from tumorseg.formats import dicom
from tumorseg.imaging.dicom_pixels import open_dataset
from tumorseg.prediction.channel_files import Files, cases_of, in_one_file
from tumorseg.prediction.model_channels import Channels
from tumorseg.privacy.local import LOCAL_MARK

TABLES = (".tsv", ".csv")
ONE = Channels()
# DICOM's kinds (Modality) of objects that are no image of a patient.
NO_IMAGE = ("DOC", "KO", "PR", "REG", "RTDOSE", "RTPLAN", "RTRECORD", "RTSTRUCT", "SEG", "SR")


class Image(NamedTuple):
    """One image: a file, or a folder with a DICOM series; of several channels one or more of them.

    name: its path below the searched folder. stem: the unique name of its results, usually the
    name without suffix. path: of the first channel. files: of all channels that the model needs;
    empty for a model of one channel.
    """

    name: str
    path: Path
    stem: str
    files: Files = ()


def find(images: Path, wanted: Channels = ONE) -> tuple[list[Image], Counter[str]]:
    """The images sorted by name, and the number of files that are left out, by suffix.

    images: an image file; a folder, searched with all subfolders except hidden ones; or a TSV or
    CSV table with paths in a column `image`, or in one for each channel. DICOM files of one series
    in a folder are one image. wanted: the channels that the model needs, which `cases_of` looks for
    in a folder. Raises UserError if there is no image, if a row of the table names none, or where
    it is not clear which files are of which channel.
    """
    if not images.exists():
        raise UserError(f"images: {images}: no such file or folder")
    left_out: Counter[str] = Counter()
    if images.is_dir():
        found = cases_of(_in_folder(images, left_out), images, wanted, left_out)
    elif images.suffix.lower() in TABLES:
        found = _in_table(images, wanted)
    else:
        found = {images: in_one_file(images, wanted)}
    if not found:
        raise UserError(
            f"images: {images}: there is no image in it that can be read; expected one of the "
            "formats in docs/formats.md"
        )
    return _named(found, images if images.is_dir() else images.parent), +left_out


def _in_table(table: Path, wanted: Channels) -> dict[Path, Files]:
    given = user_tables.read(table, ("image", *wanted.names), fewest=1)
    columns_of = [given.places(name) for name in wanted.names]
    several = wanted.names if any(columns_of) or not given.places("image") else ()
    places = {}
    for column in several or ("image",):
        found_at = given.places(column)
        if len(found_at) != 1:
            columns = ", ".join(given.header)
            what = "no column" if not found_at else f"{len(found_at)} columns"
            raise UserError(f"{table}: {what} `{column}`; there are: {columns}")
        places[column] = found_at[0]
    found: dict[Path, Files] = {}
    for row in given.rows:
        paths = []
        for column, at in places.items():
            name = row.cells[at] if at < len(row.cells) else ""
            if missing(name) or Path(name).is_absolute() or ".." in parts(name):
                raise UserError(
                    f"{table} row {row.number}: {column}: {name!r}, expected a path inside the "
                    "table's folder"
                )
            paths.append(as_stored(table.parent, name))
        files = tuple(map(ImageFile, paths)) if several else in_one_file(paths[0], wanted)
        if found.setdefault(paths[0], files) != files:
            raise UserError(
                f"{table} row {row.number}: {several[0]}: {paths[0].name} is in an earlier row, "
                "with other channels; expected each image once"
            )
    return found


def _in_folder(folder: Path, left_out: Counter[str]) -> list[Path]:
    formats = [registry.entry("formats", name) for name in registry.names("formats")]
    paths: list[Path] = []
    for place, folders, names in os.walk(folder):
        if LOCAL_MARK in names:  # a local folder of tumorseg, for example earlier predictions
            folders.clear()
            continue
        folders[:] = sorted(name for name in folders if not name.startswith((".", "__MACOSX")))
        series: dict[Path, str | None] = {}  # path -> `_series`
        for name in sorted(names):
            path = Path(place, name)
            if name.startswith(".") or is_second(path):
                continue
            series[path] = _series(path) if _is_image(path, formats) else None
            if series[path] is None:
                left_out[path.suffix or "none"] += 1
        alone = [path for path, uid in series.items() if uid == ""]
        in_series = [path for path, uid in series.items() if uid]
        several = len({series[path] for path in in_series}) == len(in_series)
        paths += [*alone, *in_series] if several else [Path(place), *alone]
    return paths


def _is_image(path: Path, formats: list[ModuleType]) -> bool:
    """By its first bytes or by its suffix, so that a damaged image is reported, not left out."""
    if path.name.upper() == "DICOMDIR":
        return False
    suffixes = tuple(s for module in formats for kind in module.KINDS.values() for s in kind)
    try:
        with path.open("rb") as file:
            head = file.read(4096)
    except OSError:
        return path.name.lower().endswith(suffixes)
    by_content = any(module.kind(head, path) for module in formats)
    return by_content or path.name.lower().endswith(suffixes)


def _series(path: Path) -> str | None:
    """The series UID of a DICOM image, empty for another format; None for DICOM without an image.

    Damaged files count as another format: reading them reports what is wrong.
    """
    try:
        if not dicom.is_dicom(path):
            return ""
        header = open_dataset(path, pixels=False)
        if header.get("Modality") in NO_IMAGE:
            return None
        return str(header.get("SeriesInstanceUID") or "unnamed")
    except Exception:  # damaged bytes can make pydicom raise anything
        return ""


def _named(found: dict[Path, Files], folder: Path) -> list[Image]:
    """Adds names and stems; images that differ only in their suffix keep it in their stem.

    No two stems are the same name, because one result would replace the other on some disks.
    """
    names = {
        path: (path.relative_to(folder).as_posix() if path != folder else folder.name)
        for path in found
    }
    whole = {path for path, files in found.items() if files and files[0].path != path}
    stems = {p: n if p in whole or p.is_dir() else stem(n) for p, n in names.items()}
    count = Counter(map(comparable, stems.values()))
    taken = {form for form, number in count.items() if number == 1}
    for path, name in names.items():
        if count[comparable(stems[path])] > 1:
            chosen = longer = name.replace(".", "_")
            number = 1
            while comparable(chosen) in taken:
                number += 1
                chosen = f"{longer}_{number}"
            taken.add(comparable(chosen))
            stems[path] = chosen
    return [
        Image(name, found[path][0].path if found[path] else path, stems[path], found[path])
        for path, name in sorted(names.items(), key=lambda item: item[1])
    ]
