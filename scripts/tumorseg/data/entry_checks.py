"""What is wrong with an entry of a data source, before anything of it is read."""

import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path

from tumorseg.core.cases import PLANES, Entry
from tumorseg.core.problems import Problem, warning

LONGEST_NAME = 120  # characters of a case, which names files


def wrong(entry: Entry, folder: Path) -> Iterator[Problem]:
    """What is wrong with an entry by itself, before anything of it is read."""
    case = entry.case
    if not case or len(case) > LONGEST_NAME or case[0] == "." or not _plain(case):
        yield Problem(
            "case_name",
            f"case {case[:LONGEST_NAME]!r}",
            f"a name of up to {LONGEST_NAME} letters, digits and signs that can name a file",
            "use letters, digits, - and _",
        )
    if not entry.patient or not entry.patient.isprintable():
        yield Problem(
            "patient_missing",
            f"patient {entry.patient!r}",
            "a patient for every case, because folds never split one",
            "name the patient, slices of one person alike",
        )
    if entry.plane and entry.plane not in PLANES:
        known = ", ".join(PLANES)
        hint = "correct it; leave it empty only for volumes and DICOM"
        yield Problem("plane_unknown", f"plane {entry.plane!r}", f"one of {known}", hint)
    for what, path in (("image", entry.image), ("annotation", entry.annotation)):
        if path is not None:
            yield from _wrong_path(what, path, folder)


def _plain(name: str) -> bool:
    return name.isprintable() and not set(name) & set('/\\<>:"|?*')


def _wrong_path(what: str, path: Path, folder: Path) -> Iterator[Problem]:
    try:
        there = path.resolve(strict=True)
        inner = [child for child in there.iterdir() if child.is_symlink()] if there.is_dir() else []
        places = [there, *(child.resolve(strict=True) for child in inner)]
    except (OSError, ValueError, RuntimeError):
        hint = "correct the name or bring the file; capitals count"
        yield Problem(f"{what}_missing", f"no file {path}", f"the {what} of the case", hint)
        return
    if not (there.is_file() or there.is_dir()):  # a pipe or device would never end
        hint = "name another"
        yield Problem(f"{what}_missing", f"{path} is no file", f"the {what} of the case", hint)
    if not all(place.is_relative_to(folder) for place in places):
        yield Problem(
            "path_link",
            f"{path} is or lies behind a link to a place outside the data folder",
            "files inside it",
            "copy the file into the folder",
        )


def repeated(entry: Entry, earlier: Entry) -> Problem:
    """The complaint that another entry has the name already."""
    where = f"row {earlier.row}" if earlier.row else earlier.origin
    value = f"case {entry.case!r} is there already as {earlier.case!r} ({where})"
    hint = "rename one of them; capitals do not make names different"
    return Problem("case_repeated", value, "a name of its own for every case", hint)


def similar_patients(entries: list[Entry]) -> list[Problem]:
    """Warnings for patients whose names differ in capitals, spaces or a final letter alone."""
    alike: dict[str, dict[str, Entry]] = {}
    for entry in entries:
        name = "".join(unicodedata.normalize("NFKC", entry.patient).casefold().split())
        core = re.sub(r"(?<=\d)[a-z]$", "", name)
        alike.setdefault(core, {}).setdefault(entry.patient, entry)
    return [
        warning(
            "patient_similar",
            f"patients {', '.join(map(repr, found))} may be one person",
            "one name for each person, or folds split them",
            "give them one name if they are",
        ).at(*((last := list(found.values())[-1]).origin, last.row))
        for found in alike.values()
        if len(found) > 1
    ]
