"""DICOM RTSTRUCT: closed contours in the patient's coordinates, on slices of the image."""

from pathlib import Path
from typing import Any

import numpy as np

from tumorseg.core.problems import Problem, error, shown
from tumorseg.imaging.scans import Scan
from tumorseg.outlines.dicom_patient import (
    ASIDE,
    check_names,
    off_grid,
    opened,
    other_series,
    voxels_of,
)
from tumorseg.outlines.drawings import Annotation, is_tumour
from tumorseg.outlines.polygons import fill_parts
from tumorseg.outlines.repair import repaired

EXPECTED = "DICOM RTSTRUCT with closed planar contours"
CLOSED = ("CLOSED_PLANAR", "CLOSEDPLANAR_XOR")


def read(path: Path, scan: Scan, *, key: str, labels: dict[str, str] | None) -> Annotation:
    """The union of the structures that count, a label being a structure's name or number.

    Contours of one structure on one slice count by the even-odd rule: nested ones are holes, as are
    keyholes. A contour belongs to the slice whose SOP instance UID it names, which must agree with
    its position, or to the slice at its position. Raises DataError where there is none within a
    quarter of the distance of slices.
    """
    content = opened(path, "RTSTRUCT")
    names = {roi.ROINumber: str(roi.get("ROIName", "")) for roi in content.StructureSetROISequence}
    structures = [one for one in content.ROIContourSequence if one.get("ContourSequence")]
    check_names([names[one.ReferencedROINumber] for one in structures], labels)
    mask = np.zeros(scan.voxels.shape, np.uint8)
    notes: list[Problem] = []
    named: set[str] = set()
    for one in structures:
        number = one.ReferencedROINumber
        if is_tumour([names[number], str(number)], labels):
            notes += _add(mask, one.ContourSequence, scan, shown(names[number]))
            named |= {uid for contour in one.ContourSequence if (uid := _uid(contour))}
    return Annotation(None, mask, (*notes, *other_series(named, scan)))


def _uid(contour: Any) -> str:
    images = contour.get("ContourImageSequence")
    return str(images[0].ReferencedSOPInstanceUID) if images else ""


def _add(mask: np.ndarray, contours: Any, scan: Scan, name: str) -> list[Problem]:
    """Draws one structure into the mask."""
    placed = [(_points(contour, scan), _uid(contour)) for contour in contours]
    spread = sum(np.ptp(points, axis=0) for points, _ in placed)
    axis = 0 if scan.uids else int(np.argmin(spread))
    rows, columns = (other for other in range(3) if other != axis)
    slices: dict[int, list[np.ndarray]] = {}
    for points, uid in placed:
        position = points[:, axis].mean()
        # Frames of one file share their UID.
        number = scan.uids.index(uid) if scan.uids.count(uid) == 1 else round(position)
        if np.abs(points[:, axis] - number).max() > ASIDE or not 0 <= number < mask.shape[axis]:
            raise off_grid(f"a contour at slice {position:.2f} of {mask.shape[axis]} (from 0)")
        slices.setdefault(number, []).append(points[:, (columns, rows)])
    notes: list[Problem] = []
    stack = np.moveaxis(mask, axis, 0)
    for number, rings in slices.items():
        place = f"structure {name} on slice {number}"
        parts, said = repaired(rings, *stack.shape[1:], place)
        stack[number] |= fill_parts(parts, *stack.shape[1:])
        notes += said
    return notes


def _points(contour: Any, scan: Scan) -> np.ndarray:
    """The contour in voxel indices (n, 3)."""
    kind = contour.get("ContourGeometricType", "")
    if kind not in CLOSED:
        raise error(
            "shape_type",
            f"contour of type {shown(kind)}",
            "CLOSED_PLANAR",
            "give the structure's name as background in source.labels",
        )
    points = np.array(contour.ContourData, float).reshape(-1, 3)
    if not len(points) or not np.isfinite(points).all() or np.abs(points).max() > 1e6:
        raise error("polygon_not_finite", "a contour without usable points", "mm", "export again")
    return voxels_of(scan, points)
