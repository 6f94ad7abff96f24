"""Shared by the annotation formats: labels, size checks, shapes, and joining outlines.

Malformed files can make these functions raise anything; outlines.any_form catches it in one place.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any, TypeVar

import numpy as np

from tumorseg.core.cases import Part
from tumorseg.core.problems import DataError, Problem, error, quoted
from tumorseg.imaging.scans import Scan
from tumorseg.outlines.polygons import fill_parts
from tumorseg.outlines.repair import repair_outline
from tumorseg.outlines.strays import without_strays

Drawn = TypeVar("Drawn")
CIRCLE_ANGLES = np.arange(360) * np.pi / 180  # a circle drawn with them loses 5e-5 of its area


@dataclass(frozen=True)
class Annotation:
    """The annotation of a scan; exactly one of `parts` and `mask` is None.

    parts: polygons on a picture, valid and inside the image. mask: uint8 0/1 of the scan's shape.
    notes: warnings about what was repaired. affine: that of the scan's affines which it fits, where
    the scan's header states several; else None.
    """

    parts: tuple[tuple[np.ndarray, ...], ...] | None
    mask: np.ndarray | None
    notes: tuple[Problem, ...] = ()
    affine: np.ndarray | None = None


def is_tumour(names: Sequence[str], labels: dict[str, str] | None) -> bool:
    """Whether an object with these names (its label and its number, say) counts as tumour.

    Without a map everything does. Raises DataError where the map contains none of the names.
    """
    if labels is None:
        return True
    for name in names:
        if name in labels:
            return labels[name] == "tumour"
    raise unknown_label(" or ".join(map(quoted, names)) or "none", labels)


def is_tumour_by_any(names: Sequence[str], labels: dict[str, str] | None) -> bool:
    """The same for an object with several labels; DataError where they contradict each other."""
    known = [name for name in names if labels and name in labels]
    if labels and len({labels[name] for name in known}) > 1:
        value = f"one region with the labels {', '.join(map(quoted, known))}"
        hint = "correct the region, or leave out of source.labels what does not decide"
        raise error("label_twice", value, "labels of one meaning", hint)
    return is_tumour(names, labels)


def unknown_label(label: str, labels: dict[str, str] | None) -> DataError:
    """The error for labels that the map lacks, or for several labels without a map."""
    expected = f"one of {', '.join(map(quoted, labels))}" if labels else "a single label"
    hint = "list each in source.labels as tumour or background"
    return error("label_unknown", f"label {label}", expected, hint)


def wrong_shape(shape: str, expected: str, label: str = "label") -> DataError:
    """The error for something drawn that is no area; label: what source.labels would name."""
    hint = f"draw it as a polygon, or list its {label} as background in source.labels"
    return error("shape_type", shape, expected, hint)


def drawing_size(scan: Scan) -> tuple[int, int]:
    """(height, width) of the picture that outlines are drawn on; DataError for a volume."""
    shape = scan.voxels.shape
    if len(shape) == 2 or (scan.uids and shape[0] == 1):
        return shape[-2], shape[-1]
    raise error(
        "outline_on_volume",
        f"outlines on a volume of {' x '.join(map(str, shape))}",
        "a picture or a single DICOM slice",
        "annotate volumes with a mask volume, DICOM-SEG or RTSTRUCT",
    )


def check_drawing_size(height: Any, width: Any, scan: Scan) -> None:
    """Raises DataError where the annotation states another image size than the scan's."""
    image_size = drawing_size(scan)
    if height not in (None, image_size[0]) or width not in (None, image_size[1]):
        raise wrong_size(f"{quoted(width)} wide and {quoted(height)} high", image_size)


def wrong_size(annotated_size: str, image_size: tuple[int, int]) -> DataError:
    """The error for an annotation of another size than its image."""
    return error(
        "annotation_size",
        f"annotation is for an image {annotated_size}",
        f"{image_size[1]} wide and {image_size[0]} high",
        "annotate the image itself, or give the annotation of this image",
    )


def fill_runs(runs: Any, height: int, width: int) -> np.ndarray:
    """The mask (height, width) uint8 of run lengths along the rows, background first.

    Raises DataError where they do not fill exactly height x width pixels.
    """
    lengths = np.array(runs, np.int64)
    if (lengths < 0).any() or (lengths > height * width).any() or lengths.sum() != height * width:
        raise error(
            "rle_length",
            f"{len(lengths)} run lengths that do not fill the image",
            f"{height * width} pixels",
            "export the annotations again",
        )
    values = np.arange(len(lengths), dtype=np.uint8) % 2
    return np.repeat(values, lengths).reshape(height, width)


def rectangle(left: float, top: float, right: float, bottom: float) -> np.ndarray:
    """The ring (4, 2) of a rectangle."""
    return np.array([(left, top), (right, top), (right, bottom), (left, bottom)], float)


def turned(ring: np.ndarray, angle: float, x: float, y: float) -> np.ndarray:
    """The ring turned around x, y by an angle from x towards y (clockwise), in radians."""
    cos, sin = np.cos(angle), np.sin(angle)
    return (ring - (x, y)) @ np.array([[cos, sin], [-sin, cos]]) + (x, y)


def ellipse(x: float, y: float, across: float, down: float, turn: float = 0.0) -> np.ndarray:
    """The ring (360, 2) of an ellipse around x, y.

    Args:
        x: of the centre.
        y: of the centre.
        across: half axis along x before turning.
        down: half axis along y before turning.
        turn: rotation from x towards y, radians.

    Returns:
        The corners as x, y.
    """
    along, beside = across * np.cos(CIRCLE_ANGLES), down * np.sin(CIRCLE_ANGLES)
    cos, sin = np.cos(turn), np.sin(turn)
    return np.column_stack([x + along * cos - beside * sin, y + along * sin + beside * cos])


def annotation_of(
    drawn: Iterable[Drawn],
    rings_of: Callable[[Drawn], Sequence[Any]],
    scan: Scan,
    masks: Sequence[np.ndarray] = (),
    notes: Iterable[Problem] = (),
) -> Annotation:
    """The annotation that unites outlines and masks.

    Args:
        drawn: each outline, as the format has it.
        rings_of: the rings (n, 2) of an outline: x, y in pixels, open or closed, the first pixel's
            centre at (0, 0). They combine by the even-odd rule. May raise StrayError.
        scan: the annotated image.
        masks: (height, width) each.
        notes: further warnings.

    Returns:
        Polygons for a picture without masks, otherwise a mask.
    """
    height, width = drawing_size(scan)

    def repaired(numbered: tuple[int, Drawn]) -> tuple[list[Part], list[Problem]]:
        number, shape = numbered
        return repair_outline(rings_of(shape), height, width, f"outline {number}")

    painted = sum(bool(mask.any()) for mask in masks)
    results, strays = without_strays(repaired, enumerate(drawn, 1), others=painted)
    parts = [part for valid_parts, _ in results for part in valid_parts]
    notes = (*notes, *strays, *(note for _, warnings in results for note in warnings))
    if scan.voxels.ndim == 2 and not masks:
        return Annotation(tuple(parts), None, notes)
    mask = reduce(np.bitwise_or, masks, fill_parts(parts, height, width))
    return Annotation(None, mask.reshape(scan.voxels.shape), notes)
