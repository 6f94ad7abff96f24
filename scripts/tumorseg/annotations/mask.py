"""Reads masks: a picture or label volume on the image's grid."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import numpy as np

from tumorseg.core.problems import DataError, Problem, error, quoted, warning
from tumorseg.formats import picture
from tumorseg.imaging import label_grids, scans, turned
from tumorseg.imaging.label_grids import Placed
from tumorseg.imaging.raw import Segment
from tumorseg.imaging.scans import Labels, Scan
from tumorseg.outlines.colour_masks import CHANNELS_HINT, read_colours
from tumorseg.outlines.drawings import Annotation, is_tumour, unknown_label, wrong_size
from tumorseg.outlines.grey_edges import tumour_level

Value = TypeVar("Value")
EXPECTED = "a mask picture (PNG, TIFF, ...) or label volume (NIfTI, MHA, NRRD, DICOM)"
COLOURED = ("image_colour", "image_transparent")  # what a mask may be, but not an image
CHANNELS = ("image_colour", "volume_many")  # how a file with a channel for each class is refused
MANY_VALUES = 20  # more are hardly labels


def read(path: Path, scan: Scan, *, key: object, labels: dict[str, str] | None) -> Annotation:
    """The pixels whose labels count as tumour; without a map, all that are not 0.

    A mask in colour, or on a transparent background, has labels named by colour, "#ff0000". Raises
    DataError for another grid, an unknown label, and several labels without a map.
    """
    try:
        label_image = turned.like(scans.read_labels(path), scan)
    except DataError as refused:
        colours = picture.read_colours(path) if refused.problem.code in COLOURED else None
        if colours is None and refused.problem.code in CHANNELS:
            raise DataError(replace(refused.problem, hint=CHANNELS_HINT)) from None
        if colours is None:
            raise
        return _coloured(*colours, scan, labels)
    on_grid = _on_grid(label_image, scan)
    values = on_grid.values
    if label_image.segments:
        mask = _segmented(values, label_image.segments, labels)
        notes: list[Problem] = []
    else:
        mask, notes = _tumour(values, labels, picture=values.size == np.prod(values.shape[-2:]))
    notes = [*label_image.notes, *on_grid.notes, *notes]
    return Annotation(None, mask.astype(np.uint8), tuple(notes), on_grid.affine)


def _on_grid(label_image: Labels, scan: Scan) -> Placed:
    size, image_size = label_image.values.shape, scan.voxels.shape
    if len(size) == len(image_size) == 2 and size != image_size:
        raise wrong_size(f"{size[1]} wide and {size[0]} high", (image_size[0], image_size[1]))
    return label_grids.placed(label_image, scan)


def _segmented(
    values: np.ndarray, segments: tuple[Segment, ...], labels: dict[str, str] | None
) -> np.ndarray:
    """Where named segments count as tumour, by name or number; values: (..., layer)."""
    mask = np.zeros(values.shape[:-1], bool)
    drawn = []
    for layer in range(values.shape[-1]):
        names = {one.value: one.name for one in segments if one.layer == layer}
        for value in np.unique(values[..., layer]).tolist():
            if value:
                name = names.get(value, str(value))
                drawn.append(name)
                if is_tumour([name, str(value)], labels):
                    mask |= values[..., layer] == value
    if labels is None and len(drawn) > 1:
        raise unknown_label(", ".join(map(quoted, drawn[:8])), None)
    return mask


def _coloured(rgba: np.ndarray, turn: int, scan: Scan, labels: dict[str, str] | None) -> Annotation:
    painted = read_colours(rgba, labels or ())
    label_image = turned.like(Labels(painted.numbers, turn=turn), scan)
    numbers, names = _on_grid(label_image, scan).values, painted.names
    if labels is None and len(names) > 1:
        raise unknown_label(_listed([f"'{name}'" for name in names]), None)
    if labels is None:
        counted = list(range(1, len(names) + 1))
    else:
        meanings = _meanings(labels, str.lower)
        unknown = [f"'{name}'" for name in names if name not in meanings]
        if unknown:
            raise unknown_label(_listed(unknown), labels)
        counted = [n for n, name in enumerate(names, start=1) if meanings[name] == "tumour"]
    background = "what is transparent" if painted.by_alpha else "black"
    edges = f"; shades count from {painted.cut_at:.0%} of it" if painted.cut_at else ""
    note = warning(
        "mask_colour",
        f"mask painted in {_listed(names) or 'no colour'}",
        "a mask of numbers",
        f"{background} is background{edges}; ignore this if it is right",
    )
    return Annotation(None, np.isin(numbers, counted).astype(np.uint8), (*label_image.notes, note))


def _tumour(
    values: np.ndarray, labels: dict[str, str] | None, *, picture: bool
) -> tuple[np.ndarray, list[Problem]]:
    """Where the values count as tumour (bool), and warnings. picture: grey edges may occur."""
    present = [value for value in np.unique(values).tolist() if value]
    if labels is not None:
        meanings = _meanings(labels, _number)
        unknown = [value for value in present if value not in meanings]
        if unknown:
            raise unknown_label(_listed(unknown), labels)
        return np.isin(values, [value for value, to in meanings.items() if to == "tumour"]), []
    if len(present) <= 1:
        return values != 0, []
    level = tumour_level(values.reshape(values.shape[-2:])) if picture else None
    if level is None:
        raise _several(present)
    note = warning(
        "mask_grey_edges",
        f"mask has {len(present) + 1} grey levels up to {present[-1]}",
        "two values",
        f"values from {level / 2:g} (half of the tumour's) count as tumour; better save it as PNG",
    )
    return values >= level / 2, [note]


def _meanings(labels: dict[str, str], value_of: Callable[[str], Value | None]) -> dict[Value, str]:
    """What each value of a mask means. value_of: the value that a label names, None for none."""
    meanings: dict[Value, str] = {}
    for label, meaning in labels.items():
        value = value_of(label)
        if value is not None and meanings.setdefault(value, meaning) != meaning:
            fault = f"source.labels makes label {quoted(label)} tumour and background"
            raise error("label_twice", fault, "one meaning for each label", "list it once")
    return meanings


def _number(label: str) -> int | None:
    return int(label) if re.fullmatch(r"-?\d{1,20}", label) else None


def _several(present: list[int]) -> DataError:
    """The error for values that are not edges, without a map of labels."""
    wrong = unknown_label(_listed(present), None)
    if len(present) <= MANY_VALUES:
        return wrong
    hint = "threshold probabilities and smoothed edges, and save two values as PNG; or "
    return DataError(replace(wrong.problem, hint=hint + wrong.problem.hint))


def _listed(values: list) -> str:
    return ", ".join(map(str, values[:8])) + (", ..." if len(values) > 8 else "")
