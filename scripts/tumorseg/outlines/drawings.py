"""What the annotation forms share: reading JSON, choosing by key and label, putting together.

Nothing here catches what a wrongly built file makes Python raise: tumorseg.annotation does, once.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np

from tumorseg.core.cases import Part
from tumorseg.core.problems import DataError, Problem, error, shown
from tumorseg.imaging.scans import Scan
from tumorseg.outlines.polygons import fill_parts
from tumorseg.outlines.repair import repaired

ROUND = np.arange(360) * np.pi / 180  # corners of a circle: 5e-5 less area


@dataclass(frozen=True)
class Annotation:
    """What an annotation says about a scan.

    parts: polygons on a picture or on a single slice, valid and inside the image. mask: uint8 0/1
    of the scan's own shape otherwise; exactly one of them is None. notes: what was repaired.
    """

    parts: tuple[tuple[np.ndarray, ...], ...] | None
    mask: np.ndarray | None
    notes: tuple[Problem, ...] = ()


def is_tumour(names: Sequence[str], labels: dict[str, str] | None) -> bool:
    """Whether something of these names (a word and a number, say) counts as tumour.

    Everything does where there is no map; raises DataError where the map lacks all the names.
    """
    if labels is None:
        return True
    for name in names:
        if name in labels:
            return labels[name] == "tumour"
    raise unknown_label(" or ".join(map(shown, names)) or "none", labels)


def unknown_label(found: str, labels: dict[str, str] | None) -> DataError:
    """The error of labels that the map does not name, or that need a map."""
    expected = f"one of {', '.join(map(shown, labels))}" if labels else "a single label"
    hint = "name each in source.labels as tumour or background"
    return error("label_unknown", f"label {found}", expected, hint)


def frame(scan: Scan) -> tuple[int, int]:
    """(height, width) of the one picture that outlines are drawn on; DataError for a volume."""
    shape = scan.voxels.shape
    if len(shape) == 2 or (scan.uids and shape[0] == 1):
        return shape[-2], shape[-1]
    raise error(
        "outline_on_volume",
        f"outlines on a volume of {' x '.join(map(str, shape))}",
        "a picture or a single DICOM slice",
        "annotate volumes by a mask volume, DICOM-SEG or RTSTRUCT",
    )


def check_size(height: Any, width: Any, scan: Scan) -> None:
    """Raises DataError where an annotation says that it was drawn on an image of another size."""
    own = frame(scan)
    if height not in (None, own[0]) or width not in (None, own[1]):
        raise wrong_size(f"{shown(width)} wide and {shown(height)} high", own)


def wrong_size(found: str, own: tuple[int, int]) -> DataError:
    """The error of an annotation of another size than its image."""
    return error(
        "annotation_size",
        f"annotation is for an image {found}",
        f"{own[1]} wide and {own[0]} high",
        "annotate the image itself, or give the annotation of this image",
    )


def rectangle(left: float, top: float, right: float, bottom: float) -> np.ndarray:
    """The ring (4, 2) of a rectangle."""
    return np.array([(left, top), (right, top), (right, bottom), (left, bottom)], float)


def ellipse(x: float, y: float, across: float, down: float, turn: float = 0.0) -> np.ndarray:
    """The ring (360, 2) of an ellipse of half axes `across` and `down`, turned by radians."""
    along, beside = across * np.cos(ROUND), down * np.sin(ROUND)
    cos, sin = np.cos(turn), np.sin(turn)
    return np.column_stack([x + along * cos - beside * sin, y + along * sin + beside * cos])


def drawn(
    outlines: Iterable[Sequence[Any]], scan: Scan, masks: Iterable[np.ndarray] = ()
) -> Annotation:
    """The union of outlines, each of rings that count by the even-odd rule, and of masks.

    outlines: rings (n, 2) of x, y in pixels, the first pixel's centre at (0, 0), open or closed.
    masks: (height, width). Polygons come back for a picture without masks, else a mask.
    """
    height, width = frame(scan)
    parts: list[Part] = []
    notes: list[Problem] = []
    for number, rings in enumerate(outlines, start=1):
        found, said = repaired(rings, height, width, f"outline {number}")
        parts += found
        notes += said
    masks = list(masks)
    if scan.voxels.ndim == 2 and not masks:
        return Annotation(tuple(parts), None, tuple(notes))
    mask = reduce(np.bitwise_or, masks, fill_parts(parts, height, width))
    return Annotation(None, mask.reshape(scan.voxels.shape), tuple(notes))
