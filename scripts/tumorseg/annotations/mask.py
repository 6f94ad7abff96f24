"""A ready mask: a picture or label volume on the image's own grid."""

from pathlib import Path

import cv2
import numpy as np

from tumorseg.core.problems import Problem, warning
from tumorseg.imaging import scans
from tumorseg.imaging.scans import Labels, Scan
from tumorseg.outlines.drawings import Annotation, unknown_label, wrong_size

EXPECTED = "a mask picture (PNG, TIFF, ...) or label volume (NIfTI, MHA, NRRD, DICOM)"
GREY_FROM = 128  # a picture's largest value from which values between are edges, not labels


def read(path: Path, scan: Scan, *, key: str, labels: dict[str, str] | None) -> Annotation:
    """Where the labels that count are; without a map, where the mask is not 0.

    Raises DataError for another grid, an unknown label, and several labels without a map.
    """
    found = scans.read_labels(path)
    values = _on_grid(found, scan)
    mask, notes = _chosen(values, labels, picture=values.size == np.prod(values.shape[-2:]))
    return Annotation(None, mask.astype(np.uint8), (*found.notes, *notes))


def _on_grid(found: Labels, scan: Scan) -> np.ndarray:
    sizes = found.values.shape, scan.voxels.shape
    if len(sizes[0]) == len(sizes[1]) == 2 and sizes[0] != sizes[1]:
        raise wrong_size(f"{sizes[0][1]} wide and {sizes[0][0]} high", sizes[1])
    return scans.to_grid(found, scan)


def _chosen(
    values: np.ndarray, labels: dict[str, str] | None, *, picture: bool
) -> tuple[np.ndarray, list[Problem]]:
    present = [value for value in np.unique(values).tolist() if value]
    if labels is not None:
        counted = {int(name): to for name, to in labels.items() if name.lstrip("-").isdecimal()}
        unknown = [value for value in present if value not in counted]
        if unknown:
            raise unknown_label(_listed(unknown), labels)
        return np.isin(values, [value for value, to in counted.items() if to == "tumour"]), []
    if len(present) <= 1:
        return values != 0, []
    largest = present[-1]
    if not picture or largest < GREY_FROM or present[0] < 0 or not _only_edges(values, largest):
        raise unknown_label(_listed(present), None)
    note = warning(
        "mask_grey_edges",
        f"mask has {len(present) + 1} grey levels up to {largest}",
        "two values",
        f"taken as tumour from {largest / 2:g}, half of the largest; better save it as PNG",
    )
    return values >= largest / 2, [note]


def _only_edges(values: np.ndarray, largest: int) -> bool:
    """Whether middling greys lie within 3 pixels of where the mask is cut: no label of its own."""
    values = values.reshape(values.shape[-2:])
    inside = (values >= largest / 2).astype(np.uint8)
    edge = cv2.morphologyEx(inside, cv2.MORPH_GRADIENT, np.ones((7, 7), np.uint8))
    middling = (values > largest / 4) & (values < largest * 3 / 4)
    return not (middling & (edge == 0)).any()


def _listed(values: list[int]) -> str:
    return ", ".join(map(str, values[:8])) + (", ..." if len(values) > 8 else "")
