"""Checks that every source of a data set must pass: check_source(lgg, data_dir="...")."""

import shutil
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from types import ModuleType
from typing import Any, cast

from tumorseg.core.cases import Entry
from tumorseg.core.names import comparable
from tumorseg.core.problems import DataError, Problem
from tumorseg.data import reading
from tumorseg.data.settings import SliceSettings

JUNK = (".DS_Store", "._1.nii.gz", "Thumbs.db", "notes.txt", "~$notes.docx", "empty folder/.keep")
ODD_NAME = "Zwölf Köpfe (neu) #1 & 50 %"


class SourceCopy:
    """A source with a copy of its data, which a check may damage."""

    def __init__(self, module: ModuleType, data_dir: Path, options: dict[str, Any]) -> None:
        self.module, self.folder, self.options = module, data_dir, options

    def cases_of(self, entry: Entry) -> reading.CasesAndProblems:
        """The cases of an entry and its problems, read with the source's options."""
        return reading.cases_of(entry, cast(SliceSettings, self.options))

    def listed(self) -> list[Entry | DataError]:
        """The source's list of entries and problems; a source that raises lists its one problem."""
        try:
            return list(self.module.entries(data_dir=str(self.folder), **self.options))
        except DataError as stop:
            return [stop]

    def entries(self) -> list[Entry]:
        """The list of entries; fails if there is a problem among them."""
        listed = self.listed()
        errors = [item for item in listed if isinstance(item, DataError)]
        _require(not errors, f"problems in valid data: {errors}")
        return [item for item in listed if isinstance(item, Entry)]

    def problems(self) -> list[Problem]:
        """All errors of listing and reading."""
        problems = []
        for item in self.listed():
            if isinstance(item, DataError):
                problems.append(item.problem)
            else:
                problems += self.cases_of(item)[1]
        return [problem for problem in problems if problem.severity == "error"]

    def files(self) -> set[Path]:
        """The files whose changes cause a new import."""
        return set(self.module.files(data_dir=str(self.folder), **self.options))


def check_source(module: ModuleType, data_dir: str, **options: Any) -> dict[str, str]:
    """Runs every check; returns check -> "passed" or what is wrong.

    data_dir: a small folder in the source's layout, with valid data and at least two cases; each
    check works on its own copy. options: the experiment's `source` without kind.
    """
    outcomes = {}
    for check in CHECKS:
        with tempfile.TemporaryDirectory() as place:
            copy = Path(place).resolve() / "data"
            shutil.copytree(Path(data_dir).expanduser(), copy)
            try:
                check(SourceCopy(module, copy, options))
                outcomes[check.__name__] = "passed"
            except Exception as error:  # any exception of the source fails the check
                outcomes[check.__name__] = f"{type(error).__name__}: {error}"
    return outcomes


def _require(condition: bool, complaint: str) -> None:
    if not condition:
        raise AssertionError(complaint)


def _names(items: Iterable[Entry | DataError]) -> list[tuple[str, str]]:
    return [(item.case, item.patient) for item in items if isinstance(item, Entry)]


def everything_is_named_once(source: SourceCopy) -> None:
    """At least two cases; cases and patients have names; no two cases have the same name."""
    names = _names(source.entries())
    _require(len(names) > 1, f"{len(names)} cases, expected at least two")
    _require(all(case.strip() and patient.strip() for case, patient in names), "an empty name")
    cases = [comparable(case) for case, _ in names]
    _require(len(set(cases)) == len(cases), "two cases have the same name")


def every_entry_is_readable(source: SourceCopy) -> None:
    """Every image and annotation is read without an error, and its cases have its patient."""
    for entry in source.entries():
        cases, problems = source.cases_of(entry)
        errors = [problem.line() for problem in problems if problem.severity == "error"]
        _require(not errors, "; ".join(errors))
        others = {case.patient for case in cases} - {entry.patient}
        _require(not others, f"patients {others} in an entry of {entry.patient}")


def the_order_is_stable(source: SourceCopy) -> None:
    """Listing twice gives the same order."""
    first, second = (_names(source.entries()) for _ in range(2))
    _require(first == second, "a different order the second time")


def files_are_all_that_is_read(source: SourceCopy) -> None:
    """Every file that `files` returns exists; all images and annotations are among them."""
    watched = source.files()
    _require(all(path.is_file() for path in watched), "a file that does not exist")
    for entry in source.entries():
        for _, path in entry.files:
            _require(path in watched, f"{path} is read but not among `files`")


def no_data_is_one_clear_problem(source: SourceCopy) -> None:
    """An empty or missing folder gives exactly one problem, and `files` raises nothing."""
    for remove in (_empty, shutil.rmtree):
        remove(source.folder)
        listed = source.listed()
        _require(len(listed) == 1 and isinstance(listed[0], DataError), f"{listed}")
        _require(not source.files(), "files in an empty folder")


def _empty(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.mkdir()


def junk_is_ignored(source: SourceCopy) -> None:
    """Files and folders left behind by operating systems and people change nothing."""
    before = _names(source.entries()), source.files()
    for folder in filter(Path.is_dir, sorted(source.folder.rglob("*"))):
        of_a_mac = source.folder / "__MACOSX" / folder.relative_to(source.folder)
        of_a_mac.mkdir(parents=True, exist_ok=True)
    for folder in [source.folder, *filter(Path.is_dir, sorted(source.folder.rglob("*")))]:
        for name in JUNK:
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_bytes(b"\0junk")
    _require((_names(source.entries()), source.files()) == before, "junk became data")


def the_folder_may_have_any_name(source: SourceCopy) -> None:
    """Spaces and unusual characters in the path change nothing."""
    before = _names(source.entries())
    moved = source.folder.with_name(ODD_NAME) / "a b"
    moved.parent.mkdir()
    source.folder.rename(moved)
    after = _names(SourceCopy(source.module, moved, source.options).entries())
    _require(after == before, "different names")


def a_missing_file_is_a_problem_in_its_place(source: SourceCopy) -> None:
    """A missing image or annotation turns its case into one problem with a code and a file.

    A case without any file may disappear. The other cases do not change.
    """
    first, *others = source.entries()
    for _, path in first.files:
        hidden = path.rename(path.with_name("hidden"))
        listed = source.listed()
        hidden.rename(path)
        _require(_names(listed) == _names(others), f"without {path.name}: other cases changed")
        problems = [item.problem for item in listed if isinstance(item, DataError)]
        one_file = first.image == first.annotation
        _require(len(problems) == (0 if one_file else 1), f"without {path.name}: {problems}")
        named = all(p.code and p.file and p.case == first.case for p in problems)
        _require(named, f"a problem without code, file or case: {problems}")


def a_damaged_file_is_a_problem_in_its_place(source: SourceCopy) -> None:
    """A truncated or empty image or annotation is one error that names the file; no crash."""
    first = source.entries()[0]
    for _, path in first.files:
        complete = path.read_bytes()
        for content in (complete[: len(complete) // 3], b""):
            path.write_bytes(content)
            problems = source.problems()
            _require(len(problems) == 1, f"{path.name} damaged: {problems}")
            _require(problems[0].file == str(path), f"{path.name} damaged: {problems[0].line()}")
            _require(problems[0].case == first.case, f"{path.name} damaged: no case is named")
        path.write_bytes(complete)


def listing_reads_no_pixels(source: SourceCopy) -> None:
    """Emptied image files do not change the list, unless image and annotation are one file."""
    before = source.entries()
    for entry in before:
        if entry.image != entry.annotation:
            entry.image.write_bytes(b"")
    _require(source.entries() == before, "the list depends on pixels")


CHECKS: tuple[Callable[[SourceCopy], None], ...] = (
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
