"""Reads masks: a picture or label volume on the image's grid."""

from pathlib import Path

import cv2
import numpy as np

from tumorseg.core.problems import Problem, warning
from tumorseg.imaging import scans
from tumorseg.imaging.scans import Labels, Scan
from tumorseg.outlines.drawings import Annotation, unknown_label, wrong_size

EXPECTED = "a mask picture (PNG, TIFF, ...) or label volume (NIfTI, MHA, NRRD, DICOM)"
MIN_GREY_MAXIMUM = 128  # in a picture with this maximum, values in between can be grey edges


def read(path: Path, scan: Scan, *, key: object, labels: dict[str, str] | None) -> Annotation:
    """The pixels whose labels count as tumour; without a map, all that are not 0.

    Raises DataError for another grid, an unknown label, and several labels without a map.
    """
    label_image = scans.read_labels(path)
    values = _on_grid(label_image, scan)
    mask, notes = _tumour(values, labels, picture=values.size == np.prod(values.shape[-2:]))
    return Annotation(None, mask.astype(np.uint8), (*label_image.notes, *notes))


def _on_grid(label_image: Labels, scan: Scan) -> np.ndarray:
    size, image_size = label_image.values.shape, scan.voxels.shape
    if len(size) == len(image_size) == 2 and size != image_size:
        raise wrong_size(f"{size[1]} wide and {size[0]} high", (image_size[0], image_size[1]))
    return scans.labels_on_grid_of(label_image, scan)


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
    largest = present[-1]
    if (
        not picture
        or largest < MIN_GREY_MAXIMUM
        or present[0] < 0
        or not _only_edges(values, largest)
    ):
        raise unknown_label(_listed(present), None)
    note = warning(
        "mask_grey_edges",
        f"mask has {len(present) + 1} grey levels up to {largest}",
        "two values",
        f"values from {largest / 2:g} (half of the largest) count as tumour; better save it as PNG",
    )
    return values >= largest / 2, [note]


def _only_edges(values: np.ndarray, largest: int) -> bool:
    """Whether medium greys occur only within 3 pixels of the mask's edge: then none is a label."""
    values = values.reshape(values.shape[-2:])
    inside = (values >= largest / 2).astype(np.uint8)
    edge = cv2.morphologyEx(inside, cv2.MORPH_GRADIENT, np.ones((7, 7), np.uint8))
    medium = (values > largest / 4) & (values < largest * 3 / 4)
    return not (medium & (edge == 0)).any()


def _listed(values: list[int]) -> str:
    return ", ".join(map(str, values[:8])) + (", ..." if len(values) > 8 else "")
