"""Source: nnU-Net's raw layout, versions 1 and 2, and the Medical Segmentation Decathlon's.

imagesTr/, labelsTr/ and dataset.json (Isensee et al. 2021, Antonelli et al. 2022). imagesTs/ has no
labels and is not read.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from tumorseg.core.cases import Entry
from tumorseg.core.problems import DataError
from tumorseg.data import dataset_choices, dataset_files, dataset_json, source_files


def entries(
    *,
    data_dir: str,
    sequence: str | int | None = None,
    channels: list[str | int] | None = None,
    labels: dict[str, str] | None = None,
    classes: dict[str, list[str]] | None = None,
    patient_pattern: str | None = None,
    plane: str = "",
    **_: Any,
) -> Iterator[Entry | DataError]:
    """One image per case, by case name; warnings are yielded as DataErrors, too.

    Args:
        data_dir: the folder with dataset.json, or one above it.
        sequence: the channel to read, by its name in dataset.json or by its number; without it the
            first.
        channels: several channels instead, each by its name or number.
        labels: name or number of a label -> tumour or background; without it all labels are tumour.
        classes: the config's `classes`: name -> labels or regions, by name or number.
        patient_pattern: regular expression whose first group, searched in the case's name, is the
            patient; without it every case is a patient.
        plane: the plane of all pictures.

    Raises:
        DataError: there is no such data set, or there are several; the pattern is not usable.
    """
    folder = dataset_files.data_set_in(source_files.data_folder(data_dir))
    pattern = source_files.pattern_of_patients(patient_pattern) if patient_pattern else None
    info, problems = dataset_json.read(folder)
    numbers, of_channel = dataset_choices.channels_to_read(info.channels, sequence, channels)
    by_class: tuple[dict[str, str], ...] = ()
    if classes and info.labels:
        meanings = None
        by_class, of_labels = dataset_choices.of_classes(info.labels, classes, labels or {})
    else:
        given = labels if info.labels else None
        meanings, of_labels = dataset_choices.meanings(info.labels, given)
    problems = [*problems, *of_channel, *of_labels]
    yield from (problem.at(str(folder / dataset_json.NAME)) for problem in problems)
    usable = all(problem.problem.severity != "error" for problem in problems)
    several = len(info.channels) > 1
    found = (
        item if isinstance(item, DataError) else _entry(item, several, meanings, by_class, plane)
        for item in dataset_files.case_files(folder, info, numbers or [0])
    )
    for item in source_files.with_missing_files(found, folder, dataset_files.LAYOUT):
        if pattern and isinstance(item, Entry):
            item = _with_patient(item, pattern)
        if usable or isinstance(item, DataError):
            yield item


def files(
    *,
    data_dir: str,
    sequence: str | int | None = None,
    channels: list[str | int] | None = None,
    **_: Any,
) -> list[Path]:
    """dataset.json, and all images and labels to be read."""
    try:
        folder = dataset_files.data_set_in(source_files.data_folder(data_dir))
    except DataError:
        return []
    items = entries(data_dir=data_dir, sequence=sequence, channels=channels)
    found = (item for item in items if isinstance(item, Entry))
    return source_files.existing_files(found, [folder / dataset_json.NAME])


def _with_patient(entry: Entry, pattern: re.Pattern) -> Entry | DataError:
    try:
        return replace(entry, patient=source_files.patient_of(entry.case, pattern))
    except DataError as wrong:
        return wrong.at(entry.origin, case=entry.case)


def _entry(
    files: dataset_files.CaseFiles,
    several: bool,
    labels: dict[str, str] | None,
    by_class: tuple[dict[str, str], ...],
    plane: str,
) -> Entry:
    first, *further = files.images
    return Entry(
        case=files.case,
        patient=files.case,
        image=first.path,
        annotation=files.label,
        origin=str(first.path),
        form="mask",
        plane=plane,
        labels=labels,
        class_labels=by_class,
        channel=first.position if several else None,
        channel_inside=first.inner is not None,
        further=tuple(further),
    )
