"""KiTS19: CT of kidney tumours, to try the losses on another organ (Heller et al. 2019).

data/case_00000/{imaging.nii.gz,segmentation.nii.gz}, as the challenge's repository and its
get_imaging.py leave them: 0 background, 1 kidney, 2 tumour.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tumorseg.core.cases import Entry
from tumorseg.core.problems import DataError
from tumorseg.data import source_files

LABELS = {"1": "background", "2": "tumour"}
LAYOUT = "data/case_00000/ with imaging.nii.gz and segmentation.nii.gz"
FIRST_TEST_CASE = 210  # cases 210 to 299 were published without a segmentation


def entries(
    *, data_dir: str, labels: dict[str, str] | None = None, **_: Any
) -> Iterator[Entry | DataError]:
    """A volume a case, which is a patient. The files' axes run z, y, x; their affines say so."""
    folder = source_files.opened(data_dir)
    yield from source_files.checked(_entries(folder, labels or LABELS), folder, LAYOUT)


def files(*, data_dir: str, **_: Any) -> list[Path]:
    """Every volume that would be read."""
    return source_files.existing(_entries(Path(data_dir).expanduser(), LABELS))


def _entries(folder: Path, labels: dict[str, str]) -> Iterator[Entry]:
    for place in source_files.folders(folder, r"case_\d{5}", depth=2):
        image = source_files.nifti(place / "imaging")
        mask = source_files.nifti(place / "segmentation")
        if int(place.name.removeprefix("case_")) >= FIRST_TEST_CASE and not mask.is_file():
            continue
        yield Entry(
            case=place.name,
            patient=place.name,
            image=image,
            annotation=mask,
            origin=str(image),
            form="mask",
            labels=labels,
        )
