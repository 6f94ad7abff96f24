"""Checks an entry's names and paths before its files are read."""

import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path

from tumorseg.core.cases import PLANES, Entry
from tumorseg.core.problems import Problem, warning

LONGEST_NAME = 120  # characters of a case's name, which becomes a file name


def entry_problems(entry: Entry, folder: Path) -> Iterator[Problem]:
    """Errors of one entry: its names, its plane, and paths that are missing or leave `folder`."""
    case = entry.case
    if not case or len(case) > LONGEST_NAME or case[0] == "." or not _can_name_a_file(case):
        yield Problem(
            "case_name",
            f"case {case[:LONGEST_NAME]!r}",
            f"a name of up to {LONGEST_NAME} characters that are allowed in file names",
            "use letters, digits, - and _",
        )
    if not entry.patient or not entry.patient.isprintable():
        yield Problem(
            "patient_missing",
            f"patient {entry.patient!r}",
            "a patient for every case, because all slices of a patient must be in one fold",
            "name the patient, with the same name for all slices of one person",
        )
    if entry.plane and entry.plane not in PLANES:
        known = ", ".join(PLANES)
        hint = "correct it; leave it empty only for volumes and DICOM"
        yield Problem("plane_unknown", f"plane {entry.plane!r}", f"one of {known}", hint)
    for what, path in (("image", entry.image), ("annotation", entry.annotation)):
        if path is not None:
            yield from _path_problems(what, path, folder)


def _can_name_a_file(name: str) -> bool:
    return name.isprintable() and not set(name) & set('/\\<>:"|?*')


def _path_problems(what: str, path: Path, folder: Path) -> Iterator[Problem]:
    try:
        target = path.resolve(strict=True)
        children = target.iterdir() if target.is_dir() else ()
        links = [child for child in children if child.is_symlink()]
        targets = [target, *(link.resolve(strict=True) for link in links)]
    except (OSError, ValueError, RuntimeError):
        hint = "correct the name (capitals count) or add the file"
        yield Problem(f"{what}_missing", f"no file {path}", f"the {what} of the case", hint)
        return
    if not (target.is_file() or target.is_dir()):  # reading a pipe or device would never end
        hint = "give the path of a file or folder"
        yield Problem(f"{what}_missing", f"{path} is not a file", f"the {what} of the case", hint)
    if not all(place.is_relative_to(folder) for place in targets):
        yield Problem(
            "path_link",
            f"{path} is, or is behind, a link that leads out of the data folder",
            "a file inside the data folder",
            "copy the file into the folder",
        )


def repeated_case(entry: Entry, earlier: Entry) -> Problem:
    """The error of an entry whose case name an earlier entry has already."""
    where = f"row {earlier.row}" if earlier.row else earlier.origin
    value = f"case {entry.case!r} has the same name as case {earlier.case!r} ({where})"
    hint = "rename one of them; names that differ only in capitals count as the same"
    return Problem("case_repeated", value, "a different name for each case", hint)


def similar_patients(entries: list[Entry]) -> list[Problem]:
    """Warns of patients whose names differ only in capitals, spaces or a final letter."""
    groups: dict[str, dict[str, Entry]] = {}  # normalised name -> name as given -> first entry
    for entry in entries:
        name = "".join(unicodedata.normalize("NFKC", entry.patient).casefold().split())
        core = re.sub(r"(?<=\d)[a-z]$", "", name)
        groups.setdefault(core, {}).setdefault(entry.patient, entry)
    return [
        warning(
            "patient_similar",
            f"patients {', '.join(map(repr, names))} may be one person",
            "one name for each person, or a person's slices may be in different folds",
            "if they are one person, give them the same name",
        ).at(*((last := list(names.values())[-1]).origin, last.row))
        for names in groups.values()
        if len(names) > 1
    ]
