"""Finds the images to predict: a file, all images below a folder, or those named in a table."""

import os
from collections import Counter
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

from tumorseg.core import registry, user_tables
from tumorseg.core.errors import UserError
from tumorseg.core.names import as_stored, comparable, parts, stem
from tumorseg.core.problems import error
from tumorseg.core.spelling import missing
from tumorseg.core.two_files import is_second
from tumorseg.data import dataset_json
from tumorseg.formats import dicom
from tumorseg.imaging.dicom_pixels import open_dataset
from tumorseg.privacy.local import LOCAL_MARK

TABLES = (".tsv", ".csv")
# DICOM's kinds (Modality) of objects that are no image of a patient.
NO_IMAGE = ("DOC", "KO", "PR", "REG", "RTDOSE", "RTPLAN", "RTRECORD", "RTSTRUCT", "SEG", "SR")
VOLUMES = (".nii.gz", ".nii", ".nrrd", ".mha")
MOST_CHANNELS = 8  # a longer row of numbers counts images, not channels


class Image(NamedTuple):
    """One image: a file, or a folder with a DICOM series.

    name: its path below the searched folder. stem: the unique name of its results, usually the
    name without suffix.
    """

    name: str
    path: Path
    stem: str


def find(images: Path, channel: int | None = None) -> tuple[list[Image], Counter[str]]:
    """The images sorted by name, and the number of files that are left out, by suffix.

    images: an image file; a folder, searched with all subfolders except hidden ones; or a TSV or
    CSV table with paths in a column `image`. DICOM files of one series in a folder are one image.
    channel: the one that the model was trained on, where its images had several. Of a folder's
    volumes that are named as nnU-Net's channels, only it is taken. Raises UserError if there is no
    image, if a row of the table names none, or for such volumes without (this) channel.
    """
    if not images.exists():
        raise UserError(f"images: {images}: no such file or folder")
    left_out: Counter[str] = Counter()
    if images.is_dir():
        paths = _of_channel(_in_folder(images, left_out), channel, left_out)
    elif images.suffix.lower() in TABLES:
        paths = _in_table(images)
    else:
        paths = [images]
    if not paths:
        raise UserError(
            f"images: {images}: there is no image in it that can be read; expected one of the "
            "formats in docs/formats.md"
        )
    return _named(paths, images if images.is_dir() else images.parent), +left_out


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
        if missing(name) or Path(name).is_absolute() or ".." in parts(name):
            raise UserError(
                f"{table} row {row.number}: image: {name!r}, expected a path inside the table's "
                "folder"
            )
        paths.append(as_stored(table.parent, name))
    return list(dict.fromkeys(paths))


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


def _of_channel(paths: list[Path], channel: int | None, left_out: Counter[str]) -> list[Path]:
    """The paths without volumes of other channels, which nnU-Net names <case>_0000, _0001, ..."""
    cases: dict[Path, dict[int, Path]] = {}
    for path in paths:
        name, ending = dataset_json.split(path.name)
        if ending.lower() in VOLUMES and (case := dataset_json.without_number(name)):
            cases.setdefault(path.with_name(case), {})[int(name[-4:])] = path
    others: set[Path] = set()
    for files in cases.values():
        if not 1 < len(files) <= MOST_CHANNELS or sorted(files) != list(range(len(files))):
            continue
        if channel not in files:
            value = f"{len(files)} volumes that are named as the channels of one image"
            expected = f"channel {channel}, on which the model was trained, among them"
            if channel is None:
                expected = "one volume for each image, because the model was trained on one"
            hint = (
                "put the volumes of the model's sequence into a folder of their own, or list them "
                "in a table"
            )
            file = f"{files[0]} to {files[len(files) - 1].name}"
            raise error("channels_several", value, expected, hint, file)
        others |= {path for number, path in files.items() if number != channel}
    left_out["other channel"] += len(others)
    return [path for path in paths if path not in others]


def _named(paths: list[Path], folder: Path) -> list[Image]:
    """Adds names and stems; images that differ only in their suffix keep it in their stem.

    No two stems are the same name, because one result would replace the other on some disks.
    """
    names = {
        path: (path.relative_to(folder).as_posix() if path != folder else folder.name)
        for path in paths
    }
    stems = {path: name if path.is_dir() else stem(name) for path, name in names.items()}
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
    return sorted(Image(name, path, stems[path]) for path, name in names.items())
