"""Checks an entry's names and paths before its files are read."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path

from tumorseg.core.cases import PLANES, Entry
from tumorseg.core.names import same_names
from tumorseg.core.problems import Problem, warning
from tumorseg.core.spelling import missing, spelling, without_final_letter

GROUP_SHOWN = 10  # names of a group of similar names in a message
LONGEST_NAME = 120  # characters of a case's name, which becomes a file name
MOST_BYTES = 200  # of that name; with a slice's number and an ending up to 255 are allowed


def entry_problems(entry: Entry, folder: Path) -> Iterator[Problem]:
    """Errors of one entry: its names, its plane, and paths that are missing or leave `folder`."""
    case = entry.case
    size = len(case.encode("utf-8", errors="replace"))
    too_long = len(case) > LONGEST_NAME or size > MOST_BYTES
    if not case or too_long or case[0] == "." or not _can_name_a_file(case):
        yield Problem(
            "case_name",
            f"case {case[:LONGEST_NAME]!r}",
            f"a name of up to {LONGEST_NAME} characters (and {MOST_BYTES} bytes) that are allowed "
            "in file names",
            "use letters, digits, - and _",
        )
    if missing(entry.patient) or not entry.patient.isprintable():
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
    for what, path in entry.files:
        yield from path_problems(what, path, folder)


def unclear_names(excluded: dict[str, list[str]], cases: Iterable[str]) -> list[Problem]:
    """An error for each name in source.exclude that is no case, with the cases most like it.

    excluded: the name -> the cases that it can mean: none or several. cases: all.
    """
    cases = list(cases)
    problems = []
    for name, same in excluded.items():
        alike = same or [case for case in cases if spelling(case) == spelling(name)]
        near = ", ".join(map(repr, (alike or get_close_matches(name, cases, 3))[:3]))
        expected = f"a case, for instance {near}" if near else "the name of a case"
        hint = "write the name as your data give it, a number in quotes, or leave it out"
        what = f"could be any of {len(same)} cases" if same else "is no case"
        value = f"source.exclude names {name!r}, which {what}"
        problems.append(Problem("exclude_unknown", value, expected, hint))
    return problems


def _can_name_a_file(name: str) -> bool:
    return name.isprintable() and not set(name) & set('/\\<>:"|?*')


def path_problems(what: str, path: Path, folder: Path) -> Iterator[Problem]:
    """Errors of a path that is missing or leads out of `folder`; what: image or annotation."""
    try:
        target = path.resolve(strict=True)
        children = target.iterdir() if target.is_dir() else ()
        links = [child for child in children if child.is_symlink()]
        targets = [target, *(link.resolve(strict=True) for link in links)]
    except (OSError, ValueError, RuntimeError):
        hint = "correct the name or add the file"
        if len(same := same_names(path)) > 1:
            hint = f"write one of {', '.join(map(repr, same))}, exactly"
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


def similar_patients(entries: list[Entry], accepted: bool = False) -> list[Problem]:
    """One problem for each group of patients whose names are spelled alike.

    Names that differ only in capitals, separators, leading zeros or in 7 and 7.0 are an error, and
    a warning where the user has `accepted` them; those that differ in a final letter are a warning.
    """
    first: dict[str, Entry] = {}  # name as given -> first entry
    for entry in entries:
        if not missing(entry.patient):
            first.setdefault(entry.patient, entry)
    problems = [
        _of_group(
            names,
            first,
            "are spelled alike and may be one person",
            "give one person one name; if they are different persons, set "
            "source.patients_similar: accept",
            "warning" if accepted else "error",
        )
        for names in _groups(first, spelling)
    ]
    spellings = {spelling(name): name for name in reversed(first)}
    return problems + [
        _of_group(
            names,
            first,
            "may be one person",
            "if they are one person, give them the same name",
            "warning",
        )
        for names in _groups(list(reversed(spellings.values())), without_final_letter)
    ]


def _groups(names: Iterable[str], form: Callable[[str], str]) -> list[list[str]]:
    """The names that share a form with another one, in their order."""
    groups: dict[str, list[str]] = {}
    for name in names:
        groups.setdefault(form(name), []).append(name)
    return [group for group in groups.values() if len(group) > 1]


def _of_group(
    names: list[str], first: dict[str, Entry], what: str, hint: str, severity: str
) -> Problem:
    last = first[names[-1]]
    shown = ", ".join(map(repr, names[:GROUP_SHOWN]))
    shown += ", ..." if len(names) > GROUP_SHOWN else ""
    expected = "one name for each person, or a person's slices may be in different folds"
    problem = Problem("patient_similar", f"patients {shown} {what}", expected, hint)
    return replace(problem.at(last.origin, last.row), severity=severity)


def similar_groups(entries: list[Entry]) -> list[Problem]:
    """A warning for each tumour type and each site that is spelled in several ways."""
    return [
        warning(
            "tumour_type_similar",
            f"tumour types {listed} are spelled alike",
            "one spelling for each type, because each spelling becomes a subgroup of its own",
            "write the type in the same way in all rows",
        ).at(last.origin, last.row)
        for listed, last in _alike(entries, "tumour_type")
    ] + [
        warning(
            "site_similar",
            f"sites {listed} are spelled alike",
            "one spelling for each site, because each spelling becomes a subgroup of its own",
            "write the site in the same way in all rows",
        ).at(last.origin, last.row)
        for listed, last in _alike(entries, "site")
    ]


def _alike(entries: list[Entry], what: str) -> Iterator[tuple[str, Entry]]:
    """The words of each group that are spelled alike, and the first entry of the last of them."""
    first: dict[str, Entry] = {}
    for entry in entries:
        first.setdefault(getattr(entry, what), entry)
    for names in _groups(filter(None, first), spelling):
        yield ", ".join(map(repr, names[:GROUP_SHOWN])), first[names[-1]]
