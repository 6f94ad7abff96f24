"""Source: the public contrast-enhanced T1 slices with three kinds of tumour, as published.

Cheng J., "brain tumor dataset", doi 10.6084/m9.figshare.1512427 (CC BY 4.0): 3,064 files <n>.mat
of 233 patients in four archives; Cheng et al. 2015 (PLoS ONE 10:e0140381) and 2016 (11:e0157112).
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from tumorseg.core import user_tables
from tumorseg.core.cases import PLANES, Entry
from tumorseg.core.problems import DataError, error
from tumorseg.data import source_files
from tumorseg.data.downloads import Archive
from tumorseg.formats import mat
from tumorseg.imaging.raw import truncated

PIXEL_MM = 0.49  # for 512 x 512 pixels, by the authors; not stated for the few other sizes
PLANE_HINT = (
    f"one of {', '.join(PLANES)} for each slice",
    "put planes.tsv (columns case and plane) into data_dir, or set source.plane for all",
)
LAYOUT = "1.mat to 3064.mat, in data_dir or in folders below it"


def _archive(first: int, last: int, number: int, size: int) -> Archive:
    members = tuple(f"{n}.mat" for n in range(first, last + 1))
    url = f"https://ndownloader.figshare.com/files/{number}"
    return Archive(f"brainTumorDataPublic_{first}-{last}.zip", url, size, members)


# File numbers and sizes from figshare, article 1512427.
ARCHIVES = (
    _archive(1, 766, 3381290, 214401279),
    _archive(767, 1532, 3381296, 217848429),
    _archive(1533, 2298, 3381293, 215563856),
    _archive(2299, 3064, 3381302, 231679762),
)


def entries(*, data_dir: str, plane: str = "", **_: Any) -> Iterator[Entry | DataError]:
    """One slice per file; its mask is the file's tumorMask, which the authors filled from a border.

    plane: the plane of all slices, because the files do not contain it; a table planes.tsv in
    data_dir (columns case and plane) gives the plane of each. Patients: PIDs that differ only in a
    final letter (MR040240 and MR040240B) count as one patient; the authors do not say whether they
    are one person.
    """
    folder = source_files.data_folder(data_dir)
    planes = _planes(folder)
    if not planes and not plane and _mat_files(folder):
        value = "the planes of the slices are not known"
        raise error("plane_missing", value, *PLANE_HINT, str(folder))
    yield from source_files.with_missing_files(_slices(folder, planes, plane), folder, LAYOUT)


def files(*, data_dir: str, **_: Any) -> list[Path]:
    """All slices, and the table of planes."""
    folder = Path(data_dir).expanduser()
    try:
        slices = _mat_files(folder)
    except OSError:  # the import reports it
        slices = []
    return source_files.existing_files((), [*slices, folder / "planes.tsv"])


def patient_of(pid: str) -> str:
    """The patient of a PID: the PID without a final letter."""
    return re.sub(r"(?<=\d)[A-Za-z]$", "", pid)


def _mat_files(folder: Path) -> list[Path]:
    paths = source_files.files_below(folder, r"\d+\.mat")
    return sorted(paths, key=lambda path: (int(path.stem), path))


def _slices(folder: Path, planes: dict[str, str], plane: str) -> Iterator[Entry | DataError]:
    for path in _mat_files(folder):
        case = path.stem
        slice_plane = planes.get(case, plane)
        if not slice_plane:
            value = f"planes.tsv has no plane for slice {case}"
            yield error("plane_missing", value, *PLANE_HINT).at(str(path), case=case)
            continue
        try:
            pid, tumour_type, shape = _facts(path)
        except DataError as damaged:
            yield damaged.at(str(path), case=case)
            continue
        yield Entry(
            case=case,
            patient=patient_of(pid),
            image=path,
            annotation=path,
            origin=str(path),
            form="mask",
            plane=slice_plane,
            spacing_mm=(PIXEL_MM, PIXEL_MM) if shape == (512, 512) else (np.nan, np.nan),
            tumour_type=tumour_type,
        )


def _facts(path: Path) -> tuple[str, str, tuple[int, ...]]:
    try:
        return mat.read_metadata(path)
    except DataError:
        raise
    except Exception:  # h5py raises many kinds of exceptions for damaged files
        raise truncated("MATLAB 7.3") from None


def _planes(folder: Path) -> dict[str, str]:
    """Case -> plane from planes.tsv; empty without that table."""
    path = folder / "planes.tsv"
    if not path.is_file():
        return {}
    table = user_tables.read(path, ("case", "plane"))
    places = [table.places(name) for name in ("case", "plane")]
    if any(len(place) != 1 for place in places):
        value = f"columns {', '.join(table.header)}"
        raise error("table_columns", value, "case and plane", "rename the columns", str(path))
    planes: dict[str, str] = {}
    for row in table.rows:
        if wrong := table.wrong_length(row):
            raise wrong.at(str(path), row.number)
        case, plane = (row.cells[place] for (place,) in places)
        if plane not in PLANES:
            hint = "correct it"
            wrong = error("plane_unknown", f"plane {plane!r}", f"one of {', '.join(PLANES)}", hint)
            raise wrong.at(str(path), row.number)
        if planes.setdefault(case, plane) != plane:
            value, expected = f"case {case!r} is {planes[case]} and {plane}", "one plane for each"
            twice = error("case_repeated", value, expected, "remove one of its rows")
            raise twice.at(str(path), row.number)
    return planes
