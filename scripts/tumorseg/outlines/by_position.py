"""Reads annotations that are placed in mm, on an image whose header states several affines."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from tumorseg.core.problems import DataError, error, warning
from tumorseg.imaging.scans import Scan
from tumorseg.outlines.drawings import Annotation

FORMS = ("dicom_seg", "rtstruct")


def read(read_on: Callable[[Scan], Annotation], scan: Scan) -> Annotation:
    """The annotation by the affine that it fits; `read_on` reads it on a scan with one affine.

    Raises DataError where it fits none (the error under the affine that counts), or several in
    different places.
    """
    found: list[tuple[str, np.ndarray, Annotation]] = []
    faults: list[DataError] = []
    for stated in scan.affines:
        try:
            annotation = read_on(replace(scan, affine=stated.affine, affines=()))
            found.append((stated.fields[0], stated.affine, annotation))
        except DataError as fault:
            faults.append(fault)
    if not found:
        raise faults[0]
    field, affine, annotation = found[0]
    masks = [np.asarray(one.mask) for _, _, one in found]
    if not all(np.array_equal(mask, masks[0]) for mask in masks):
        raise error(
            "affine_ambiguous",
            "an annotation that fits the image by its sform and, elsewhere, by its qform",
            "an image whose header states one orientation",
            "remove the wrong orientation from the image's header",
        )
    note = warning(
        "affine_differs",
        f"the annotation fits the {field} of the image",
        "one orientation in the image's header",
        f"the {field} counts; look at the outlines of the check",
    )
    return replace(annotation, affine=affine, notes=(*annotation.notes, note))
