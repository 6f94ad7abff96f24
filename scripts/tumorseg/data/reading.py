"""From a data source to checked cases: what import and check both go through."""

import unicodedata
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from tumorseg.core import registry
from tumorseg.core.cases import Case, Entry
from tumorseg.core.errors import UserError
from tumorseg.core.problems import DataError, Problem
from tumorseg.data import entry_checks, slicing
from tumorseg.imaging import scans
from tumorseg.imaging.scans import Scan
from tumorseg.outlines import any_form
from tumorseg.outlines.drawings import Annotation


class Read(NamedTuple):
    """What became of one entry; `entry` is None for made cases."""

    entry: Entry | None
    cases: list[Case]
    problems: list[Problem]


def read(source: dict[str, Any], data_dir: str, seed: int, cores: int = 1) -> Iterator[Read]:
    """Everything of a source, entry by entry in the order of case names; bad data raises nothing.

    source: the config's `source`. First comes what is wrong with the list itself. About `cores`
    entries are read at once and no more are held.
    """
    module, options = _source(source)
    if hasattr(module, "cases"):
        for case in module.cases(seed=seed, **options):
            yield Read(None, [case], [])
        return
    entries, problems = listed(source, data_dir, seed)
    yield Read(None, [], problems)
    waiting: deque = deque()
    with ThreadPoolExecutor(cores) as pool:
        for entry in entries:
            waiting.append((entry, pool.submit(cases_of, entry, source)))
            if len(waiting) > cores:
                first, done = waiting.popleft()
                yield Read(first, *done.result())
        while waiting:
            first, done = waiting.popleft()
            yield Read(first, *done.result())


def listed(
    source: dict[str, Any], data_dir: str, seed: int = 1
) -> tuple[list[Entry], list[Problem]]:
    """The source's good entries by case name, and what is wrong with the others; no image is read.

    A source that makes its cases (phantom) lists nothing.
    """
    module, options = _source(source)
    if hasattr(module, "cases"):
        return [], []
    folder = Path(data_dir).expanduser().resolve()
    seen: dict[str, Entry] = {}
    entries: list[Entry] = []
    problems: list[Problem] = []
    try:
        for entry in module.entries(data_dir=data_dir, **options):
            if isinstance(entry, DataError):
                problems.append(entry.problem)
                continue
            # Some file systems do not tell capitals apart, and every case becomes a file.
            name = unicodedata.normalize("NFKC", entry.case).casefold()
            wrong = list(entry_checks.wrong(entry, folder))
            if seen.setdefault(name, entry) is not entry:
                wrong.append(entry_checks.repeated(entry, seen[name]))
            problems += [problem.at(entry.origin, entry.row) for problem in wrong]
            entries += [] if wrong else [entry]
    except UserError as stop:
        return [], [*problems, _problem(stop)]
    entries.sort(key=lambda entry: entry.case)
    if not (entries or problems):
        hint = "see docs/own-data.md"
        problems.append(Problem("source_empty", "no case", "at least one", hint, data_dir))
    return entries, [*problems, *entry_checks.similar_patients(entries)]


def cases_of(entry: Entry, source: dict[str, Any]) -> tuple[list[Case], list[Problem]]:
    """The cases of one entry (a volume gives several) and the problems met; raises no UserError.

    source: the config's `source` (labels, planes, slices, slices_per_volume, negatives).
    """
    problems: list[Problem] = []
    reading = entry.image
    try:
        scan = scans.read(entry.image, entry.channel)
        problems += [_placed(note, entry, reading) for note in scan.notes]
        reading = entry.annotation or entry.image
        drawn = _annotation(entry, scan, source.get("labels"))
        problems += [_placed(note, entry, reading) for note in drawn.notes]
        cases, notes = slicing.cases(entry, scan, drawn, source)
    except UserError as stop:
        return [], [*problems, _placed(_problem(stop), entry, reading)]
    return cases, [*problems, *(_placed(note, entry, entry.image) for note in notes)]


def _source(source: dict[str, Any]) -> tuple[ModuleType, dict[str, Any]]:
    options = dict(source)
    return registry.entry("sources", options.pop("kind")), options


def _annotation(entry: Entry, scan: Scan, labels: dict[str, str] | None) -> Annotation:
    if entry.annotation is None:
        return Annotation(None, np.zeros(scan.voxels.shape, np.uint8))
    labels = entry.labels if entry.labels is not None else labels
    key = entry.key or entry.image.name
    return any_form.read(entry.annotation, entry.form, scan, key, labels)


def _problem(stop: UserError) -> Problem:
    if isinstance(stop, DataError):
        return stop.problem
    return Problem("unreadable", str(stop), "readable data", "see docs/own-data.md")


def _placed(problem: Problem, entry: Entry, path: Path) -> Problem:
    """With file and row; where the row is a table's, the value says which of its files it is."""
    file = problem.file or str(path)
    if not entry.row or file == entry.origin:
        return problem.at(file, entry.row)
    folder = Path(entry.origin).parent
    name = Path(file).relative_to(folder) if Path(file).is_relative_to(folder) else file
    value = f"{name}: {problem.value}"
    return replace(problem, file=entry.origin, row=entry.row, value=value)
