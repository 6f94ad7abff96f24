"""Reads a data source into cases; both the import and the data check use it."""

import unicodedata
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from tumorseg.core import registry
from tumorseg.core.cases import Case, Entry
from tumorseg.core.errors import UserError
from tumorseg.core.parallel import by_threads
from tumorseg.core.problems import DataError, Problem
from tumorseg.data import entry_checks, slicing
from tumorseg.data.settings import SliceSettings, SourceSettings
from tumorseg.imaging import scans
from tumorseg.imaging.scans import Scan
from tumorseg.outlines import any_form
from tumorseg.outlines.drawings import Annotation
from tumorseg.outlines.image_keys import ImageKey

CasesAndProblems = tuple[list[Case], list[Problem]]


class ReadEntry(NamedTuple):
    """The cases and problems of one entry; `entry` is None for cases that the phantom makes."""

    entry: Entry | None
    cases: list[Case]
    problems: list[Problem]


def read(source: SourceSettings, data_dir: str, seed: int, cores: int = 1) -> Iterator[ReadEntry]:
    """Reads every entry of a source in the order of case names; bad data raises nothing.

    source: the config's `source`. The problems of the list of entries come first. `cores`
    entries are read at the same time, and few more are held in memory.
    """
    module, options = _module_and_options(source)
    if hasattr(module, "cases"):
        for case in module.cases(seed=seed, **options):
            yield ReadEntry(None, [case], [])
        return
    entries, problems = listed(source, data_dir)
    yield ReadEntry(None, [], problems)
    items = ((entry, source) for entry in entries)
    done = by_threads(cases_of, items, cores)
    for entry, (cases, found) in zip(entries, done, strict=True):
        yield ReadEntry(entry, cases, found)


def listed(source: SourceSettings, data_dir: str) -> tuple[list[Entry], list[Problem]]:
    """The source's valid entries by case name, and the problems of the others; reads no image.

    A source that makes its cases (phantom) has no entries.
    """
    module, options = _module_and_options(source)
    if hasattr(module, "cases"):
        return [], []
    folder = Path(data_dir).expanduser().resolve()
    first_of_name: dict[str, Entry] = {}
    entries: list[Entry] = []
    problems: list[Problem] = []
    try:
        for entry in module.entries(data_dir=data_dir, **options):
            if isinstance(entry, DataError):
                problems.append(entry.problem)
                continue
            # Every case becomes a file, and some file systems ignore capitals.
            name = unicodedata.normalize("NFKC", entry.case).casefold()
            new = list(entry_checks.entry_problems(entry, folder))
            if first_of_name.setdefault(name, entry) is not entry:
                new.append(entry_checks.repeated_case(entry, first_of_name[name]))
            problems += [problem.at(entry.origin, entry.row) for problem in new]
            entries += [] if new else [entry]
    except UserError as stop:
        return [], [*problems, _problem_of(stop)]
    entries.sort(key=lambda entry: entry.case)
    if not (entries or problems):
        hint = "see docs/own-data.md"
        problems.append(Problem("source_empty", "no case", "at least one", hint, data_dir))
    entries = _with_neighbours(entries)
    return entries, [*problems, *entry_checks.similar_patients(entries)]


def cases_of(entry: Entry, settings: SliceSettings) -> CasesAndProblems:
    """The cases of one entry (a volume gives several) and its problems; raises no UserError."""
    problems: list[Problem] = []
    current_file = entry.image
    try:
        scan = scans.read(entry.image, entry.channel)
        problems += [_placed(note, entry, current_file) for note in scan.notes]
        current_file = entry.annotation or entry.image
        annotation = _annotation(entry, scan, settings.get("labels"))
        problems += [_placed(note, entry, current_file) for note in annotation.notes]
        cases, notes = slicing.cases(entry, scan, annotation, settings)
    except UserError as stop:
        return [], [*problems, _placed(_problem_of(stop), entry, current_file)]
    return cases, [*problems, *(_placed(note, entry, entry.image) for note in notes)]


def _module_and_options(source: SourceSettings) -> tuple[ModuleType, dict[str, Any]]:
    options: dict[str, Any] = dict(source)
    return registry.entry("sources", options.pop("kind")), options


def _annotation(entry: Entry, scan: Scan, labels: dict[str, str] | None) -> Annotation:
    if entry.annotation is None:
        return Annotation(None, np.zeros(scan.voxels.shape, np.uint8))
    labels = entry.labels if entry.labels is not None else labels
    key = ImageKey(entry.key or entry.image.name, entry.among)
    return any_form.read(entry.annotation, entry.form, scan, key, labels)


def _with_neighbours(entries: list[Entry]) -> list[Entry]:
    """The entries, each with the keys of all that have the same annotation file."""
    keys: dict[Path | None, set[str]] = {}
    for entry in entries:
        keys.setdefault(entry.annotation, set()).add(entry.key or entry.image.name)
    among = {path: frozenset(names) for path, names in keys.items()}
    return [replace(entry, among=among[entry.annotation]) for entry in entries]


def _problem_of(stop: UserError) -> Problem:
    if isinstance(stop, DataError):
        return stop.problem
    return Problem("unreadable", str(stop), "readable data", "see docs/own-data.md")


def _placed(problem: Problem, entry: Entry, path: Path) -> Problem:
    """The problem with file and row.

    Where the row is one of a table, file is the table, and the value begins with the name of the
    file that is wrong. Without a table, and where images share an annotation file, the value names
    the image. A problem of a whole file has no row.
    """
    file = problem.file or str(path)
    if problem.whole_file:
        return problem.at(file)
    shared = len(entry.among) > 1 and file == str(entry.annotation)
    if shared and not entry.row and entry.key not in problem.value:
        problem = replace(problem, value=f"{entry.key}: {problem.value}")
    if not entry.row or file == entry.origin:
        return problem.at(file, entry.row)
    folder = Path(entry.origin).parent
    name = Path(file).relative_to(folder) if Path(file).is_relative_to(folder) else file
    value = f"{name}: {problem.value}"
    return replace(problem, file=entry.origin, row=entry.row, value=value)
