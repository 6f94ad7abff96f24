"""An entry (what a data source names) and a case (the annotated slice it becomes)."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tumorseg.core.problems import Problem

PLANES = ("axial", "coronal", "sagittal")
# One part of a tumour: its outer ring, then its holes. Each ring is (n, 2) of x, y in pixels, open
# (the first point is not repeated); the centre of the first pixel is (0, 0).
Part = tuple[np.ndarray, ...]


class ImageFile(NamedTuple):
    """Where the image of one channel (a sequence: t1ce, flair, ct) is stored.

    inner: which channel of a colour picture or 4-D volume it is, from 0; None where there is only
    one. number: which of the data set's channels it is, from 0, where its files are numbered.
    """

    path: Path
    inner: int | None = None
    number: int | None = None

    @property
    def position(self) -> int | None:
        """Which of the data set's channels it is, from 0, however they are stored."""
        return self.number if self.inner is None else self.inner


class Channel(NamedTuple):
    """The image of one channel; the measured value is offset + scale * pixel.

    number: which of the source image's several channels it is, from 0; None where unknown.
    """

    image: np.ndarray
    offset: float = 0.0
    scale: float = 1.0
    number: int | None = None


class Drawn(NamedTuple):
    """What was drawn of one class; exactly one is None. As in Case."""

    parts: tuple[Part, ...] | None
    mask: np.ndarray | None


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
        site: the hospital or scanner that the image is from; empty where unknown.
        key: the image's path, by which an annotation file that covers many images is searched.
        among: the keys of all images that have the same annotation file.
        labels: label -> tumour or background; None to use the configured labels.
        class_labels: the same for each configured class, where the source must translate its
            labels; else empty.
        faults: what the source found wrong with it. The files of an entry with faults are not
            read; `image` is the data folder where none is named.
        channel: which of several channels (sequences) is read, from 0; None where there is only
            one.
        channel_inside: whether the image file holds all channels (a colour picture, a 4-D volume),
            or this one alone (nnU-Net's files).
        further: the images of the other channels, in the order of source.channels.
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
    site: str = ""
    key: str = ""
    among: frozenset[str] = field(default=frozenset(), repr=False)
    labels: dict[str, str] | None = None
    class_labels: tuple[dict[str, str], ...] = ()
    channel: int | None = None
    channel_inside: bool = True
    further: tuple[ImageFile, ...] = ()
    faults: tuple[Problem, ...] = ()

    @property
    def files(self) -> list[tuple[str, Path]]:
        """What each file is, `image` or `annotation`, and its path; each path once."""
        found = dict.fromkeys([self.image, *(file.path for file in self.further)], "image")
        if self.annotation is not None:
            found.setdefault(self.annotation, "annotation")
        return [(what, path) for path, what in found.items()]


@dataclass(frozen=True)
class Case:
    """One slice or volume and its annotation, as the comparison uses them.

    A volume is the stack of its display slices, (depth, height, width), as imaging/planes.py cuts
    them. Exactly one of `parts` and `mask` is None. With several classes these are the primary
    one's.

    Attributes:
        plane: of the slice, or of the slices that a volume is a stack of.
        image: (height, width) or (depth, height, width), uint8 or uint16, of the first channel; the
            measured value is offset + scale * pixel.
        further: the other channels, of the same shape.
        parts: the tumour's outlines, where it was drawn as polygons; only of a slice.
        mask: uint8 0/1 of the image's shape, where it was not.
        other_classes: what was drawn of the classes after the primary one.
        spacing_mm: sides of a pixel or voxel in the order of the image's axes; NaN where unknown.
        origin: file and row, for messages.
        true_brain: the known brain mask, if there is one.
        tumour_type: names a subgroup of the results; empty where unknown.
        site: the hospital or scanner, a subgroup as well, by which folds may be made.
        labels: uint8 of the image's shape, the annotation's integers, where it has several; 0 is
            background.
        affine: (4, 4), a volume's indices (depth, height, width) to RAS mm.
        channel: which of the source image's several channels `image` is, from 0; None where there
            is only one.
        study: a digest of the DICOM study's UID; empty where there is none.
    """

    case: str
    patient: str
    plane: str
    image: np.ndarray
    parts: tuple[Part, ...] | None
    mask: np.ndarray | None
    spacing_mm: tuple[float, ...]
    origin: str
    offset: float = 0.0
    scale: float = 1.0
    true_brain: np.ndarray | None = None
    tumour_type: str = ""
    site: str = ""
    further: tuple[Channel, ...] = ()
    other_classes: tuple[Drawn, ...] = ()
    labels: np.ndarray | None = None
    affine: np.ndarray | None = None
    channel: int | None = None
    study: str = ""


def largest_slice(mask: np.ndarray) -> int:
    """The slice of a mask (depth, height, width) with most of it; the middle one where empty."""
    sizes = np.count_nonzero(mask, axis=(1, 2))
    return int(sizes.argmax()) if sizes.any() else len(mask) // 2


def flat(case: Case) -> Case:
    """The case itself, or of a volume the slice with the largest tumour, to look at."""
    if case.image.ndim == 2:
        return case
    assert case.mask is not None  # volumes have masks
    n = largest_slice(case.mask)
    return replace(
        case,
        image=case.image[n],
        mask=case.mask[n],
        spacing_mm=case.spacing_mm[1:],
        true_brain=None if case.true_brain is None else case.true_brain[n],
        further=tuple(channel._replace(image=channel.image[n]) for channel in case.further),
        other_classes=tuple(
            Drawn(None, d.mask[n]) for d in case.other_classes if d.mask is not None
        ),
        labels=None,
        affine=None,
    )


def patients_needed(count: int) -> int:
    """The fewest patients needed for `count` folds with train, validation and test parts.

    Of cases that are tested alone, without folds (0), two, so that there is an interval.
    """
    return count + 2


def tumours_needed(count: int) -> int:
    """The fewest patients with a tumour of which `count` folds can train, validate and test.

    A fold tests with at least one in `count` of them, rounded up, and needs two others; cases that
    are tested alone (0 folds) need one.
    """
    if count == 0:
        return 1
    return 4 if count == 2 else 3
