"""Source: KiTS19, CT of kidney tumours, to test the losses on another organ (Heller et al. 2019).

data/case_00000/{imaging.nii.gz,segmentation.nii.gz}, as created by the challenge's repository and
its get_imaging.py: 0 background, 1 kidney, 2 tumour.
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
    """One volume per case, each a patient. The files' axes run z, y, x, as their affines state."""
    folder = source_files.data_folder(data_dir)
    yield from source_files.with_missing_files(_entries(folder, labels or LABELS), folder, LAYOUT)


def files(*, data_dir: str, **_: Any) -> list[Path]:
    """All volumes to be read."""
    return source_files.existing_files(_entries(Path(data_dir).expanduser(), LABELS))


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
