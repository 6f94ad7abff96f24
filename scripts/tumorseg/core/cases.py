"""An entry (what a data source names) and a case (the annotated slice it becomes)."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from tumorseg.core.problems import Problem

PLANES = ("axial", "coronal", "sagittal")
# One part of a tumour: its outer ring, then its holes. Each ring is (n, 2) of x, y in pixels, open
# (the first point is not repeated); the centre of the first pixel is (0, 0).
Part = tuple[np.ndarray, ...]


@dataclass(frozen=True)
class Entry:
    """One image and its annotation as the source names them; neither has been read yet.

    Attributes:
        image: a file, or the folder of a DICOM series.
        annotation: a file or folder; None where the source declares that there is no tumour.
        origin: the table that names the entry, else the image; for messages.
        row: the row in that table, for messages; 0 where there is none.
        form: the annotation's format, one of tumorseg.annotations, or auto.
        plane: empty where the image itself gives it.
        spacing_mm: (height, width) of a pixel; NaN where the table gives none and the image's
            own spacing is used.
        key: the image's path, by which an annotation file that covers many images is searched.
        among: the keys of all images that have the same annotation file.
        labels: label -> tumour or background; None to use the configured labels.
        faults: what the source found wrong with it. The files of an entry with faults are not
            read; `image` is the data folder where none is named.
        channel: which of several channels (sequences) is read, from 0; None where there is only
            one.
        channel_inside: whether the image file holds all channels (a colour picture, a 4-D volume),
            or this one alone (nnU-Net's files).
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
    among: frozenset[str] = field(default=frozenset(), repr=False)
    labels: dict[str, str] | None = None
    channel: int | None = None
    channel_inside: bool = True
    faults: tuple[Problem, ...] = ()


@dataclass(frozen=True)
class Case:
    """One slice and its annotation, as the comparison uses them.

    Exactly one of `parts` and `mask` is None.

    Attributes:
        image: (height, width) uint8 or uint16; the measured value is offset + scale * pixel.
        parts: the tumour's outlines, where it was drawn as polygons.
        mask: (height, width) uint8 0/1, where it was not.
        spacing_mm: height and width of a pixel; NaN where unknown.
        origin: file and row, for messages.
        true_brain: the known brain mask, if there is one.
        tumour_type: names a subgroup of the results; empty where unknown.
        channel: which of the image's several channels it shows; None where there is only one.
        study: a digest of the DICOM study's UID; empty where there is none.
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
    channel: int | None = None
    study: str = ""


def patients_needed(count: int) -> int:
    """The fewest patients needed for `count` folds with train, validation and test parts."""
    return count + 2


def tumours_needed(count: int) -> int:
    """The fewest patients with a tumour of which `count` folds can train, validate and test.

    A fold tests with at least one in `count` of them, rounded up, and needs two others.
    """
    return 4 if count == 2 else 3
