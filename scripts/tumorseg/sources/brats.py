"""Source: BraTS 2018 to 2020 as their organisers published them.

[HGG|LGG]/<id>/<id>_{t1,t1ce,t2,flair,seg}.nii.gz (Menze et al. 2015, Bakas et al. 2017 and 2018).
"""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from tumorseg.core import user_tables
from tumorseg.core.cases import Entry, ImageFile
from tumorseg.core.names import Names
from tumorseg.core.problems import DataError, error
from tumorseg.data import source_files

SEQUENCES = ("flair", "t1", "t1ce", "t2")
# 1 necrotic and non-enhancing core, 2 oedema, 4 enhancing: together the whole tumour.
LABELS = {"1": "tumour", "2": "tumour", "4": "tumour"}
LAYOUT = "HGG/ and LGG/ with a folder per case, or BraTS20_Training_001/ etc."
SUBJECT = r"(?i:brats1[789]_\w+|brats20_training_\d+)"
ID_2019, ID_2020 = "BraTS_2019_subject_ID", "BraTS_2020_subject_ID"  # columns of name_mapping.csv
MISNAMED = "W39_1998.09.19_Segm"  # the segmentation of BraTS20_Training_355, as published


def entries(
    *,
    data_dir: str,
    sequence: str = "flair",
    channels: list[str] | None = None,
    labels: dict[str, str] | None = None,
    **_: Any,
) -> Iterator[Entry | DataError]:
    """One volume per entry; the whole tumour unless `labels` defines otherwise.

    sequence: flair, t1, t1ce or t2; channels: several of them. The patient is the id without year
    and scan number (its last part), so that two scans of a patient stay together; for 2020 from
    name_mapping.csv, if present.
    """
    folder = source_files.data_folder(data_dir)
    wanted = channels or [sequence]
    source_files.check_sequences(wanted, SEQUENCES)
    yield from source_files.with_missing_files(_entries(folder, wanted, labels), folder, LAYOUT)


def files(
    *, data_dir: str, sequence: str = "flair", channels: list[str] | None = None, **_: Any
) -> list[Path]:
    """All volumes to be read, and the table of names."""
    folder = Path(data_dir).expanduser()
    tables = source_files.files_below(folder, "name_mapping.csv")
    return source_files.existing_files(_entries(folder, channels or [sequence], None), tables)


def _entries(folder: Path, wanted: list[str], labels: dict[str, str] | None) -> Iterator[Entry]:
    subjects = list(source_files.folders(folder, SUBJECT, depth=4))
    mappings = {parent: _mapping(parent) for parent in {path.parent for path in subjects}}
    yield from _subjects(subjects, mappings, wanted, labels or LABELS)


def _subjects(
    subjects: Iterable[Path], mappings: dict[Path, dict], wanted: list[str], labels: dict[str, str]
) -> Iterator[Entry]:
    for subject in subjects:
        grade, patient = _grade_and_patient(subject, mappings[subject.parent])
        if not grade and not subject.name.lower().startswith("brats20"):
            continue  # the validation sets of 2018 and 2019, which have no HGG/ and LGG/
        image, *others = [source_files.nifti(subject / f"{subject.name}_{s}") for s in wanted]
        mask = source_files.nifti(subject / f"{subject.name}_seg")
        misnamed = source_files.nifti(subject / MISNAMED)
        yield Entry(
            case=subject.name,
            patient=patient,
            image=image,
            annotation=misnamed if misnamed.is_file() and not mask.is_file() else mask,
            origin=str(image),
            form="mask",
            tumour_type=grade,
            labels=labels,
            further=tuple(map(ImageFile, others)),
        )


def _grade_and_patient(subject: Path, mapping: dict[str, dict[str, str]]) -> tuple[str, str]:
    """The grade (hgg, lgg or empty) and the patient of a subject's folder."""
    same = Names(mapping).find(subject.name)
    row = mapping[same[0]] if len(same) == 1 else {}
    earlier = row.get(ID_2019) or ""
    name = earlier if re.fullmatch(SUBJECT, earlier) else subject.name
    grade = row.get("Grade") or subject.parent.name
    grade = grade.lower() if grade.lower() in ("hgg", "lgg") else ""
    if re.match(r"(?i)brats20_", name):
        return grade, name
    return grade, re.sub(r"_\d+$", "", name.split("_", 1)[1])


def _mapping(folder: Path) -> dict[str, dict[str, str]]:
    """The rows of name_mapping.csv by their id of 2020; empty without that table."""
    path = folder / "name_mapping.csv"
    if not path.is_file():
        return {}
    try:
        table = user_tables.read(path, ("Grade", ID_2019, ID_2020))
        (place,) = table.places(ID_2020)
        if max(map(table.header.count, ("Grade", ID_2019))) > 1:
            raise ValueError
        rows = [
            (row.cells[place], dict(zip(table.header, row.cells, strict=False)))
            for row in table.rows
        ]
    except (DataError, ValueError, IndexError):
        expected = f"a table with the columns Grade, {ID_2019}, {ID_2020}"
        hint = "copy it again, or remove it: then every case counts as a patient of its own"
        raise error("table_unreadable", "not a table of names", expected, hint, str(path)) from None
    mapping = dict(rows)
    for name, cells in rows:
        if mapping[name] != cells:
            value, hint = f"two rows of {name!r} that differ", "remove one of them"
            raise error("case_repeated", value, "one row for each case", hint, str(path))
    return mapping
