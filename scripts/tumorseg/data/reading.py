"""Reads a data source into cases; both the import and the data check use it."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tumorseg.core.cases import Case, Entry
from tumorseg.core.errors import UserError
from tumorseg.core.names import comparable
from tumorseg.core.parallel import by_threads
from tumorseg.core.problems import Problem
from tumorseg.data import entry_checks, slicing
from tumorseg.data.listing import (
    excluded_names,
    listed,
    module_and_options,
    problem_of,
)
from tumorseg.data.settings import SliceSettings, SourceSettings
from tumorseg.imaging import scans, turned
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
    module, options = module_and_options(source)
    if hasattr(module, "cases"):
        yield from _made(module.cases(seed=seed, **options), source)
        return
    found = listed(source, data_dir)
    yield ReadEntry(None, [], found.problems)
    folder = Path(data_dir).expanduser().resolve()
    for entry, faults in found.faulty:
        yield ReadEntry(entry, *_errors_of_faulty(entry, faults, folder, source))
    items = ((entry, source) for entry in found.entries)
    done = by_threads(cases_of, items, cores)
    for entry, (cases, problems) in zip(found.entries, done, strict=True):
        yield ReadEntry(entry, cases, problems)


def _made(cases: Iterable[Case], source: SourceSettings) -> Iterator[ReadEntry]:
    """The cases that a source makes, without those in source.exclude."""
    out = excluded_names(source)
    known = []
    for case in cases:
        known.append(case.case)
        if comparable(case.case) not in out:
            yield ReadEntry(None, [case], [])
    present = set(map(comparable, known))
    wrong = [given for name, given in out.items() if name not in present]
    yield ReadEntry(None, [], entry_checks.unknown_names(wrong, known))


def cases_of(entry: Entry, settings: SliceSettings) -> CasesAndProblems:
    """The cases of one entry (a volume gives several) and its problems; raises no UserError.

    Where an error ends the reading, the other file, or the plane, is checked as well.
    """
    problems: list[Problem] = []
    drawn = entry.annotation or entry.image
    try:
        scan = scans.read(entry.image, entry.channel)
    except UserError as stop:
        first = _placed(problem_of(stop), entry, entry.image)
        return [], [first, *_errors_of_annotation(entry, settings)]
    problems += [_placed(note, entry, entry.image) for note in scan.notes]
    try:
        annotation = _annotation(entry, scan, settings.get("labels"))
        problems += [_placed(note, entry, drawn) for note in annotation.notes]
        if annotation.parts is not None:
            problems += [_placed(n, entry, entry.image) for n in turned.outline_notes(scan)]
        if annotation.affine is not None:
            scan = replace(scan, affine=annotation.affine)
        cases, notes = slicing.cases(entry, scan, annotation, settings)
    except UserError as stop:
        first = _placed(problem_of(stop), entry, drawn)
        others = _errors_of_planes(entry, scan, settings)
        return [], [*problems, first, *(other for other in others if other.code != first.code)]
    return cases, [*problems, *(_placed(note, entry, entry.image) for note in notes)]


def _errors_of_annotation(entry: Entry, settings: SliceSettings) -> list[Problem]:
    """What is wrong with the annotation of an image that cannot be read, as far as it shows."""
    if entry.annotation is None or entry.annotation == entry.image:
        return []
    try:
        form = any_form.detect(entry.annotation) if entry.form == any_form.AUTO else entry.form
        if form == "mask":
            found = scans.read_labels(entry.annotation)
            shape = found.values.shape[: -1 if found.segments else None]  # without layers
            if len(shape) == 2 or found.affine is not None:
                voxels = np.zeros(shape, np.uint8)
                scan = Scan(entry.image, voxels, affine=found.affine)
                _annotation(entry, scan, settings.get("labels"))
    except UserError as stop:
        return [_placed(problem_of(stop), entry, entry.annotation)]
    return []


def _errors_of_planes(entry: Entry, scan: Scan, settings: SliceSettings) -> list[Problem]:
    """What is wrong with the planes of an entry whose annotation cannot be used."""
    nothing = Annotation(None, np.zeros(scan.voxels.shape, np.uint8))
    try:
        slicing.cases(replace(entry, annotation=None), scan, nothing, settings)
    except UserError as stop:
        return [_placed(problem_of(stop), entry, entry.image)]
    return []


def _errors_of_faulty(
    entry: Entry, faults: list[Problem], folder: Path, settings: SliceSettings
) -> CasesAndProblems:
    """No cases; the faults of an entry, and the errors of its files as far as they can be read."""
    image, drawn = (
        path is not None
        and not list(entry_checks.path_problems("image", path, folder))
        and path.resolve() != folder  # an entry without an image
        for path in (entry.image, entry.annotation)
    )
    found: list[Problem] = []
    if image:
        known = entry if drawn else replace(entry, annotation=None)
        found = cases_of(replace(known, plane=entry.plane or "axial"), settings)[1]
    elif drawn:
        found = _errors_of_annotation(entry, settings)
    codes = {fault.code for fault in faults}
    return [], [
        *faults,
        *(
            problem
            for problem in found
            if problem.severity == "error" and not problem.code.startswith("plane_")
            if problem.code not in codes
        ),
    ]


def _annotation(entry: Entry, scan: Scan, labels: dict[str, str] | None) -> Annotation:
    if entry.annotation is None:
        return Annotation(None, np.zeros(scan.voxels.shape, np.uint8))
    labels = entry.labels if entry.labels is not None else labels
    key = ImageKey(entry.key or entry.image.name, entry.among)
    return any_form.read(entry.annotation, entry.form, scan, key, labels)


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
        return problem.at(file, entry.row, entry.case)
    folder = Path(entry.origin).parent
    name = Path(file).relative_to(folder) if Path(file).is_relative_to(folder) else file
    value = f"{name}: {problem.value}"
    return replace(problem, file=entry.origin, row=entry.row, value=value, case=entry.case)
