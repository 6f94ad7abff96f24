"""Reads a data source into cases; both the import and the data check use it."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tumorseg.core.cases import Case, Entry
from tumorseg.core.errors import UserError
from tumorseg.core.parallel import by_threads
from tumorseg.core.problems import Problem
from tumorseg.data import entry_checks, slicing
from tumorseg.data.classes import class_meanings, with_classes
from tumorseg.data.listing import listed, module_and_options, problem_of, taken_out
from tumorseg.data.settings import SliceSettings, SourceSettings
from tumorseg.imaging import channels, scans, turned
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
    names = []
    for case in cases:
        names.append(case.case)
        if not taken_out(source, [case.case])[0]:
            yield ReadEntry(None, [with_classes(case, source.get("classes", {}))], [])
    yield ReadEntry(None, [], taken_out(source, names)[1])


def cases_of(entry: Entry, settings: SliceSettings) -> CasesAndProblems:
    """The cases of one entry (a volume gives several) and its problems; raises no UserError.

    Where an error ends the reading, the other file, or the plane, is checked as well.
    """
    problems: list[Problem] = []
    drawn = entry.annotation or entry.image
    try:
        scan = scans.read(entry.image, entry.channel if entry.channel_inside else None)
    except UserError as stop:
        first = _placed(problem_of(stop), entry, entry.image)
        return [], [first, *_errors_of_annotation(entry, settings)]
    problems += [_placed(note, entry, entry.image) for note in scan.notes]
    further, of_channels = _further(entry, scan)
    problems += of_channels
    if len(further) < len(entry.further):
        return [], [*problems, *_errors_of_annotation(entry, settings)]
    try:
        annotation, *others = _annotations(entry, scan, settings)
        notes = dict.fromkeys(note for one in (annotation, *others) for note in one.notes)
        problems += [_placed(note, entry, drawn) for note in notes]
        if annotation.parts is not None:
            problems += [_placed(n, entry, entry.image) for n in turned.outline_notes(scan)]
        if annotation.affine is not None:
            scan = replace(scan, affine=annotation.affine)
        cases, remarks = slicing.cases(entry, scan, (annotation, *others), settings, further)
    except UserError as stop:
        first = _placed(problem_of(stop), entry, drawn)
        further_errors = _errors_of_planes(entry, scan, settings)
        return [], [*problems, first, *(e for e in further_errors if e.code != first.code)]
    return cases, [*problems, *(_placed(note, entry, entry.image) for note in remarks)]


def _further(entry: Entry, first: Scan) -> tuple[list[Scan], list[Problem]]:
    """The channels after the first, on its grid, without those that cannot be used; problems."""
    found, problems = [], []
    for file in entry.further:
        try:
            scan = channels.read(file, first)
        except UserError as stop:
            problems.append(_placed(problem_of(stop), entry, file.path))
            continue
        found.append(scan)
        if file.path != entry.image:
            problems += [_placed(note, entry, file.path) for note in scan.notes]
    return found, problems


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
                _annotations(entry, scan, settings)
    except UserError as stop:
        return [_placed(problem_of(stop), entry, entry.annotation)]
    return []


def _errors_of_planes(entry: Entry, scan: Scan, settings: SliceSettings) -> list[Problem]:
    """What is wrong with the planes of an entry whose annotation cannot be used."""
    nothing = Annotation(None, np.zeros(scan.voxels.shape, np.uint8))
    try:
        slicing.cases(replace(entry, annotation=None), scan, (nothing,), settings)
    except UserError as stop:
        return [_placed(problem_of(stop), entry, entry.image)]
    return []


def _errors_of_faulty(
    entry: Entry, faults: list[Problem], folder: Path, settings: SliceSettings
) -> CasesAndProblems:
    """No cases; the faults of an entry, and the errors of its files as far as they can be read."""

    def usable(path: Path | None) -> bool:
        if path is None or list(entry_checks.path_problems("image", path, folder)):
            return False
        return path.resolve() != folder  # an entry without an image

    image, drawn = usable(entry.image), usable(entry.annotation)
    found: list[Problem] = []
    if image:
        known = entry if drawn else replace(entry, annotation=None)
        known = replace(known, further=tuple(file for file in entry.further if usable(file.path)))
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


def _annotations(entry: Entry, scan: Scan, settings: SliceSettings) -> list[Annotation]:
    """What was drawn of each class, the primary one first."""
    meanings = _meanings(entry, settings)
    if entry.annotation is None:
        return [Annotation(None, np.zeros(scan.voxels.shape, np.uint8)) for _ in meanings]
    key = ImageKey(entry.key or entry.image.name, entry.among)
    return [any_form.read(entry.annotation, entry.form, scan, key, labels) for labels in meanings]


def _meanings(entry: Entry, settings: SliceSettings) -> list[dict[str, str] | None]:
    """For each class, which labels count as it (tumour) and which do not (background)."""
    if "classes" in settings:
        own = list(entry.class_labels)
        return [*(own or class_meanings(settings["classes"], settings.get("labels", {})))]
    return [entry.labels if entry.labels is not None else settings.get("labels")]


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
