"""Reads masks: a picture or label volume on the image's grid."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from tumorseg.core.problems import DataError, Problem, warning
from tumorseg.formats import picture
from tumorseg.imaging import scans
from tumorseg.imaging.scans import Labels, Scan
from tumorseg.outlines.colour_masks import ColourMask, read_colours
from tumorseg.outlines.drawings import Annotation, unknown_label, wrong_size
from tumorseg.outlines.grey_edges import tumour_level

EXPECTED = "a mask picture (PNG, TIFF, ...) or label volume (NIfTI, MHA, NRRD, DICOM)"
COLOURED = ("image_colour", "image_transparent")  # what a mask may be, but not an image
MANY_VALUES = 20  # more are hardly labels


def read(path: Path, scan: Scan, *, key: str, labels: dict[str, str] | None) -> Annotation:
    """The pixels whose labels count as tumour; without a map, all that are not 0.

    A mask in colour, or on a transparent background, has labels named by colour, "#ff0000". Raises
    DataError for another grid, an unknown label, and several labels without a map.
    """
    try:
        label_image = scans.read_labels(path)
    except DataError as refused:
        rgba = picture.read_colours(path) if refused.problem.code in COLOURED else None
        if rgba is None:
            raise
        return _coloured(read_colours(rgba), scan, labels)
    values = _on_grid(label_image, scan)
    mask, notes = _tumour(values, labels, picture=values.size == np.prod(values.shape[-2:]))
    return Annotation(None, mask.astype(np.uint8), (*label_image.notes, *notes))


def _on_grid(label_image: Labels, scan: Scan) -> np.ndarray:
    size, image_size = label_image.values.shape, scan.voxels.shape
    if len(size) == len(image_size) == 2 and size != image_size:
        raise wrong_size(f"{size[1]} wide and {size[0]} high", (image_size[0], image_size[1]))
    return scans.labels_on_grid_of(label_image, scan)


def _coloured(painted: ColourMask, scan: Scan, labels: dict[str, str] | None) -> Annotation:
    numbers, names = _on_grid(Labels(painted.numbers), scan), painted.names
    if labels is None and len(names) > 1:
        raise unknown_label(_listed([f"'{name}'" for name in names]), None)
    if labels is None:
        counted = list(range(1, len(names) + 1))
    else:
        meanings = {name.lower(): to for name, to in labels.items()}
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
    return Annotation(None, np.isin(numbers, counted).astype(np.uint8), (note,))


def _tumour(
    values: np.ndarray, labels: dict[str, str] | None, *, picture: bool
) -> tuple[np.ndarray, list[Problem]]:
    """Where the values count as tumour (bool), and warnings. picture: grey edges may occur."""
    present = [value for value in np.unique(values).tolist() if value]
    if labels is not None:
        meanings = {int(name): to for name, to in labels.items() if name.lstrip("-").isdecimal()}
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


def _several(present: list[int]) -> DataError:
    """The error for values that are not edges, without a map of labels."""
    wrong = unknown_label(_listed(present), None)
    if len(present) <= MANY_VALUES:
        return wrong
    hint = "threshold probabilities and smoothed edges, and save two values as PNG; or "
    return DataError(replace(wrong.problem, hint=hint + wrong.problem.hint))


def _listed(values: list) -> str:
    return ", ".join(map(str, values[:8])) + (", ..." if len(values) > 8 else "")
