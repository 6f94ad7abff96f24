"""One battery that every source of a data set passes: check_source(lgg, data_dir="...")."""

import shutil
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from types import ModuleType
from typing import Any

from tumorseg.core.cases import Entry
from tumorseg.core.problems import DataError, Problem
from tumorseg.data import reading

JUNK = (".DS_Store", "._1.nii.gz", "Thumbs.db", "notes.txt", "~$notes.docx", "empty folder/.keep")
ODD_NAME = "Zwölf Köpfe (neu) #1 & 50 %"


class Copy:
    """A source with a copy of its data that a check may spoil."""

    def __init__(self, module: ModuleType, data_dir: Path, options: dict[str, Any]) -> None:
        self.module, self.folder, self.options = module, data_dir, options

    def listed(self) -> list[Entry | DataError]:
        """What the source lists; a source that raises lists its one problem."""
        try:
            return list(self.module.entries(data_dir=str(self.folder), **self.options))
        except DataError as stop:
            return [stop]

    def entries(self) -> list[Entry]:
        """The entries listed; a problem among them is a finding."""
        listed = self.listed()
        for item in listed:
            _demand(not isinstance(item, DataError), f"a problem in good data: {item}")
        return listed

    def problems(self) -> list[Problem]:
        """Every error of listing and reading."""
        found = []
        for item in self.listed():
            if isinstance(item, DataError):
                found.append(item.problem)
            else:
                found += reading.cases_of(item, self.options)[1]
        return [problem for problem in found if problem.severity == "error"]

    def files(self) -> set[Path]:
        """What the source watches."""
        return set(self.module.files(data_dir=str(self.folder), **self.options))


def check_source(module: ModuleType, data_dir: str, **options: Any) -> dict[str, str]:
    """Runs every check; check -> "passed" or what was found wrong.

    data_dir: a small folder of the source's shape with good data only and two cases at least; it is
    copied, once a check, and never changed. options: the experiment's `source`, without kind.
    """
    found = {}
    for check in CHECKS:
        with tempfile.TemporaryDirectory() as place:
            copy = Path(place).resolve() / "data"
            shutil.copytree(Path(data_dir).expanduser(), copy)
            try:
                check(Copy(module, copy, options))
                found[check.__name__] = "passed"
            except Exception as error:  # a check's finding, whatever the source did
                found[check.__name__] = f"{type(error).__name__}: {error}"
    return found


def _demand(condition: bool, complaint: str) -> None:
    if not condition:
        raise AssertionError(complaint)


def _names(items: Iterable[Entry | DataError]) -> list[tuple[str, str]]:
    return [(item.case, item.patient) for item in items if isinstance(item, Entry)]


def everything_is_named_once(source: Copy) -> None:
    """Two cases at least; cases and patients have names, cases names of their own."""
    names = _names(source.entries())
    _demand(len(names) > 1, f"{len(names)} cases, expected two at least")
    _demand(all(case.strip() and patient.strip() for case, patient in names), "an empty name")
    cases = [case.casefold() for case, _ in names]
    _demand(len(set(cases)) == len(cases), "a case's name twice")


def every_entry_is_readable(source: Copy) -> None:
    """Every image and annotation reads without an error, and gives cases."""
    for entry in source.entries():
        cases, problems = reading.cases_of(entry, source.options)
        errors = [problem.line() for problem in problems if problem.severity == "error"]
        _demand(not errors, "; ".join(errors))
        of_whom = {case.patient for case in cases} - {entry.patient}
        _demand(not of_whom, f"patients {of_whom} in an entry of {entry.patient}")


def the_order_is_stable(source: Copy) -> None:
    """Two listings are equal."""
    _demand(_names(source.entries()) == _names(source.entries()), "another order the second time")


def files_are_all_that_is_read(source: Copy) -> None:
    """What `files` names is there and holds every image and annotation."""
    watched = source.files()
    _demand(all(path.is_file() for path in watched), "a file that is not there")
    for entry in source.entries():
        for path in (entry.image, entry.annotation):
            _demand(path is None or path in watched, f"{path} is read but not watched")


def no_data_is_one_clear_problem(source: Copy) -> None:
    """An empty folder and one that is missing: one problem; `files` raises nothing."""
    for remove in (_empty, shutil.rmtree):
        remove(source.folder)
        listed = source.listed()
        _demand(len(listed) == 1 and isinstance(listed[0], DataError), f"{listed}")
        _demand(not source.files(), "files in an empty folder")


def _empty(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.mkdir()


def junk_is_ignored(source: Copy) -> None:
    """Files that systems and people leave behind change nothing."""
    before = _names(source.entries()), source.files()
    for folder in [source.folder, *filter(Path.is_dir, sorted(source.folder.rglob("*")))]:
        for name in JUNK:
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_bytes(b"\0junk")
    _demand((_names(source.entries()), source.files()) == before, "junk became data")


def the_folder_may_have_any_name(source: Copy) -> None:
    """Spaces and odd characters in the path are only a path."""
    before = _names(source.entries())
    moved = source.folder.with_name(ODD_NAME) / "a b"
    moved.parent.mkdir()
    source.folder.rename(moved)
    _demand(_names(Copy(source.module, moved, source.options).entries()) == before, "other names")


def a_missing_file_is_a_problem_in_its_place(source: Copy) -> None:
    """Without an image or annotation its case is one problem with a code and a file.

    Where nothing of the case is left it may be gone. The other cases stay as they are.
    """
    first, *others = source.entries()
    for path in dict.fromkeys((first.image, first.annotation)):
        if path is None:
            continue
        hidden = path.rename(path.with_name("hidden"))
        listed = source.listed()
        hidden.rename(path)
        _demand(_names(listed) == _names(others), f"without {path.name}: other cases changed")
        problems = [item.problem for item in listed if isinstance(item, DataError)]
        lonely = first.image == first.annotation
        _demand(len(problems) == (0 if lonely else 1), f"without {path.name}: {problems}")
        _demand(all(problem.code and problem.file for problem in problems), f"{problems}")


def a_damaged_file_is_a_problem_in_its_place(source: Copy) -> None:
    """A truncated or empty image or annotation is an error that names it, and no crash."""
    first = source.entries()[0]
    for path in dict.fromkeys((first.image, first.annotation)):
        if path is None:
            continue
        whole = path.read_bytes()
        for content in (whole[: len(whole) // 3], b""):
            path.write_bytes(content)
            problems = source.problems()
            _demand(len(problems) == 1, f"{path.name} damaged: {problems}")
            _demand(problems[0].file == str(path), f"{path.name} damaged: {problems[0].line()}")
        path.write_bytes(whole)


def listing_reads_no_pixels(source: Copy) -> None:
    """With images of no byte the list is the same, unless image and annotation are one file."""
    before = source.entries()
    for entry in before:
        if entry.image != entry.annotation:
            entry.image.write_bytes(b"")
    _demand(source.entries() == before, "pixels change the list")


CHECKS: tuple[Callable[[Copy], None], ...] = (
    everything_is_named_once,
    every_entry_is_readable,
    the_order_is_stable,
    files_are_all_that_is_read,
    no_data_is_one_clear_problem,
    junk_is_ignored,
    the_folder_may_have_any_name,
    a_missing_file_is_a_problem_in_its_place,
    a_damaged_file_is_a_problem_in_its_place,
    listing_reads_no_pixels,
)
