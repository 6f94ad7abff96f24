"""What a data source names, and the annotated slices that it becomes."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

PLANES = ("axial", "coronal", "sagittal")
# One part of a tumour: its outer ring and its holes, each (n, 2) of x, y in pixels, open, the first
# pixel's centre at (0, 0).
Part = tuple[np.ndarray, ...]


@dataclass(frozen=True)
class Entry:
    """One image and its annotation as the source names them; nothing of them is read yet.

    image: file, or folder of a DICOM series. annotation: file or folder, None where the source
    declares that there is no tumour. form: one of tumorseg.annotations, or auto. plane: empty where
    the image itself says it. spacing_mm: (height, width) of a pixel, NaN where the table says none:
    then the image's own. key: the name by which a file that annotates many images knows this one.
    labels: the labels of the annotation that count as tumour; None for the configured ones.
    channel: which channel of a colour picture or 4-D volume is the image, from 0; None where there
    is only one. origin, row: the table, or the image where there is none, and the row for messages.
    """

    case: str
    patient: str
    image: Path
    annotation: Path | None
    origin: str
    row: int = 0
    form: str = "auto"
    plane: str = ""
    spacing_mm: tuple[float, float] = (np.nan, np.nan)
    tumour_type: str = ""
    key: str = ""
    labels: dict[str, str] | None = None
    channel: int | None = None


@dataclass(frozen=True)
class Case:
    """One slice and its annotation, as it goes into the comparison.

    image: (height, width) uint8 or uint16; the measured value is offset + scale * pixel. parts: the
    tumour's outline, where it was drawn as polygons; mask: (height, width) uint8 0/1 where it was
    not; exactly one of them is None. spacing_mm: height and width of a pixel, NaN where unknown.
    true_brain: the known brain mask, None where there is none. origin: file and row for messages.
    tumour_type: a word for subgroups of the results, empty where unknown.
    """

    case: str
    patient: str
    plane: str
    image: np.ndarray
    parts: tuple[Part, ...] | None
    mask: np.ndarray | None
    spacing_mm: tuple[float, float]
    origin: str
    offset: float = 0.0
    scale: float = 1.0
    true_brain: np.ndarray | None = None
    tumour_type: str = ""


def patients_needed(count: int) -> int:
    """The fewest patients of which `count` folds with train, validation and test can be made."""
    return count + 2
