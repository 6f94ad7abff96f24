"""One's own images without a table: a folder of images, and one of annotations of the same names.

A name is the path below the folder without its suffix, so images/p1/a.png goes with masks/p1/a.png.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tumorseg.core.cases import Entry
from tumorseg.core.problems import DataError, error, warning

DICOM = (".dcm", ".dicom", ".ima")
SUFFIXES = (".nii.gz", ".nii", ".png", ".jpg", ".jpeg", ".tif", ".tiff", ".mha", ".mhd", ".nrrd")
SUFFIXES += (".mat", *DICOM)
DATA = (".raw", ".zraw")  # of a header file beside it
HINT = "for example '^([^_]+)': what stands before the first _, or '^([^/]+)/': the sub-folder"


def entries(
    *,
    data_dir: str,
    images: str = "images",
    masks: str = "masks",
    patient_pattern: str | None = None,
    plane: str = "",
    form: str = "auto",
    annotation_file: str | None = None,
    **_: Any,
) -> Iterator[Entry | DataError]:
    """Every image below data_dir/images, by name; one without annotation comes as a DataError.

    patient_pattern: regular expression; its first group, searched in the image's path below the
    folder, is the patient. plane: of all pictures. annotation_file: one file that annotates all
    images, instead of the folder of masks. A sub-folder with DICOM files is one series, unless
    masks has a sub-folder of that name. What is passed over is told in warnings, which come as
    DataErrors as well. Raises DataError where the folder or the pattern is of no use.
    """
    root = Path(data_dir).expanduser()
    pattern = _pattern(patient_pattern)
    folder, drawn = root / images, root / masks
    found, others = _images(folder, drawn)
    if not found:
        value = "no folder of this name" if not folder.is_dir() else "no image in it"
        hint = "set data_dir and source.images"
        raise error("folder_missing", value, "a folder of images", hint, str(folder))
    annotations = _by_name(drawn)
    for path in found:
        name = _name(path, folder)
        match = pattern.search(path.relative_to(folder).as_posix())
        try:
            if not (match and match[1]):
                value = f"no patient by source.patient_pattern {patient_pattern!r}"
                raise error("patient_missing", value, "a pattern that fits every name", HINT)
            yield Entry(
                case=name.replace("/", "_"),
                patient=match[1],
                image=path,
                annotation=root / annotation_file
                if annotation_file
                else _one(annotations.get(name, []), drawn / name),
                origin=str(path),
                form=form,
                plane=plane,
            )
        except DataError as wrong:
            yield wrong.at(str(path))
    if not annotation_file:
        lone = set(annotations) - {_name(path, folder) for path in found}
        yield from _passed_over("mask_without_image", drawn, [drawn / name for name in lone])
    yield from _passed_over("file_passed_over", folder, others)


def files(
    *,
    data_dir: str,
    images: str = "images",
    masks: str = "masks",
    annotation_file: str | None = None,
    **_: Any,
) -> list[Path]:
    """Everything in both folders: raw data beside a header file counts too."""
    root = Path(data_dir).expanduser()
    return [root / images, root / (annotation_file or masks)]


def _pattern(text: str | None) -> re.Pattern:
    try:
        pattern = re.compile(text or "")
    except re.error as wrong:
        value = f"source.patient_pattern {text!r} ({wrong})"
        raise error("patient_pattern", value, "a regular expression", HINT) from None
    if not pattern.groups:
        value = f"source.patient_pattern {text!r}" if text else "no source.patient_pattern"
        expected = "a regular expression with the patient in round brackets"
        raise error("patient_pattern", value, expected, HINT)
    return pattern


def _name(path: Path, folder: Path) -> str:
    """The path below the folder without suffix."""
    name = path.relative_to(folder).as_posix()
    suffix = next((end for end in SUFFIXES if name.lower().endswith(end)), path.suffix)
    if path.is_dir() or suffix[1:].isdigit():  # DICOM files are often named 1.2.840.12
        return name
    return name[: len(name) - len(suffix)]


def _visible(folder: Path) -> list[Path]:
    inside = sorted(folder.rglob("*")) if folder.is_dir() else []
    return [p for p in inside if not any(part[0] == "." for part in p.relative_to(folder).parts)]


def _is_dicom(path: Path) -> bool:
    """By suffix, or of an unknown one by the mark after the preamble (DICOM PS3.10, 7.1)."""
    if path.name.lower().endswith(SUFFIXES):
        return path.name.lower().endswith(DICOM)
    try:
        with path.open("rb") as file:
            return file.read(132)[128:] == b"DICM"
    except OSError:
        return False


def _images(folder: Path, drawn: Path) -> tuple[list[Path], list[Path]]:
    """Image files and folders of DICOM series in the order of names, and all other files."""
    found: dict[Path, None] = {}
    others = []
    for path in _visible(folder):
        if not path.is_file():
            continue
        if _is_dicom(path):
            inside = path.parent.relative_to(folder)
            series = path.parent != folder and not (drawn / inside).is_dir()
            found[path.parent if series else path] = None
        elif path.name.lower().endswith(SUFFIXES):
            found[path] = None
        elif path.suffix.lower() not in DATA:
            others.append(path)
    return list(found), others


def _passed_over(code: str, folder: Path, paths: list[Path]) -> Iterator[DataError]:
    if paths:
        value = f"{len(paths)} passed over, the first of them {min(paths).name}"
        expected = f"files of these kinds: {' '.join(SUFFIXES)}"
        if code == "mask_without_image":
            expected = "an image of the same name for each"
        hint = "nothing if that is meant; otherwise convert or rename"
        yield DataError(warning(code, value, expected, hint, str(folder)))


def _by_name(drawn: Path) -> dict[str, list[Path]]:
    """Name -> annotation files; .raw and the like belong to a header file beside them."""
    found: dict[str, list[Path]] = {}
    for path in _visible(drawn):
        if path.is_file() and path.suffix.lower() not in DATA:
            found.setdefault(_name(path, drawn), []).append(path)
    return found


def _one(there: list[Path], name: Path) -> Path:
    if len(there) == 1:
        return there[0]
    hint = "give image and annotation the same name; a case without tumour needs an empty mask"
    if not there:
        raise error("annotation_missing", f"no annotation {name}.*", "one of each image", hint)
    names = ", ".join(path.name for path in there)
    raise error("annotation_ambiguous", f"several annotations: {names}", "one of each image", hint)
