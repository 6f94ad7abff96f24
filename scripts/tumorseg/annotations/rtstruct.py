"""Reads DICOM RTSTRUCT: closed contours in patient coordinates on slices of the image."""

from pathlib import Path
from typing import Any

import numpy as np

from tumorseg.core.problems import Problem, error, quoted
from tumorseg.imaging.scans import Scan
from tumorseg.outlines.dicom_patient import (
    MAX_OFFSET_VOXELS,
    check_one_structure,
    off_grid,
    open_dicom,
    other_series_notes,
    patient_to_voxels,
)
from tumorseg.outlines.drawings import Annotation, is_tumour
from tumorseg.outlines.polygons import fill_parts
from tumorseg.outlines.repair import repair_all

EXPECTED = "DICOM RTSTRUCT with closed planar contours"
CLOSED = ("CLOSED_PLANAR", "CLOSEDPLANAR_XOR")


def read(path: Path, scan: Scan, *, key: object, labels: dict[str, str] | None) -> Annotation:
    """The union of the structures that count; a label is a structure's name or number.

    Contours of one structure on one slice combine by the even-odd rule: nested contours and
    keyholes are holes. A contour belongs to the slice whose SOP instance UID it names, which must
    agree with its position, or else to the slice at its position. Raises DataError where no slice
    lies within a quarter of the slice distance.
    """
    content = open_dicom(path, "RTSTRUCT")
    names = {roi.ROINumber: str(roi.get("ROIName", "")) for roi in content.StructureSetROISequence}
    structures = [roi for roi in content.ROIContourSequence if roi.get("ContourSequence")]
    check_one_structure([names[roi.ReferencedROINumber] for roi in structures], labels)
    contours: list[tuple[int, int, list[np.ndarray], str]] = []
    uids: set[str] = set()
    for roi in structures:
        number = roi.ReferencedROINumber
        if is_tumour([names[number], str(number)], labels):
            contours += _by_slice(roi.ContourSequence, scan, quoted(names[number]))
            uids |= {uid for contour in roi.ContourSequence if (uid := _uid(contour))}
    mask = np.zeros(scan.voxels.shape, np.uint8)
    notes = _draw(mask, contours)
    return Annotation(None, mask, (*notes, *other_series_notes(uids, scan)))


def _uid(contour: Any) -> str:
    images = contour.get("ContourImageSequence")
    return str(images[0].ReferencedSOPInstanceUID) if images else ""


def _by_slice(contours: Any, scan: Scan, name: str) -> list[tuple[int, int, list[np.ndarray], str]]:
    """The contours of one structure on each slice: axis, slice, rings, and words for messages."""
    shape = scan.voxels.shape
    placed = [(_points(contour, scan), _uid(contour)) for contour in contours]
    spread = sum(np.ptp(points, axis=0) for points, _ in placed)
    axis = 0 if scan.uids else int(np.argmin(spread))
    rows, columns = (in_plane for in_plane in range(3) if in_plane != axis)
    slices: dict[int, list[np.ndarray]] = {}
    for points, uid in placed:
        position = points[:, axis].mean()
        # The frames of one file share a UID, which then does not identify a slice.
        number = scan.uids.index(uid) if scan.uids.count(uid) == 1 else round(position)
        if (
            np.abs(points[:, axis] - number).max() > MAX_OFFSET_VOXELS
            or not 0 <= number < shape[axis]
        ):
            raise off_grid(f"a contour at slice {position:.2f} of {shape[axis]} (from 0)")
        slices.setdefault(number, []).append(points[:, (columns, rows)])
    return [
        (axis, number, rings, f"structure {name} on slice {number}")
        for number, rings in slices.items()
    ]


def _draw(
    mask: np.ndarray, contours: list[tuple[int, int, list[np.ndarray], str]]
) -> list[Problem]:
    """Draws contours of `_by_slice` into the mask; returns warnings."""
    planes = [np.moveaxis(mask, axis, 0)[number] for axis, number, _, _ in contours]
    repaired = repair_all(
        [
            (rings, *plane.shape, words)
            for plane, (_, _, rings, words) in zip(planes, contours, strict=True)
        ]
    )
    for plane, (parts, _) in zip(planes, repaired, strict=True):
        plane |= fill_parts(parts, *plane.shape)
    return [note for _, warnings in repaired for note in warnings]


def _points(contour: Any, scan: Scan) -> np.ndarray:
    """The contour in voxel indices (n, 3)."""
    kind = contour.get("ContourGeometricType", "")
    if kind not in CLOSED:
        raise error(
            "shape_type",
            f"contour of type {quoted(kind)}",
            "CLOSED_PLANAR",
            "list the structure's name as background in source.labels",
        )
    points = np.array(contour.ContourData, float).reshape(-1, 3)
    if not len(points) or not np.isfinite(points).all() or np.abs(points).max() > 1e6:
        raise error(
            "polygon_not_finite", "a contour without usable points", "mm", "export it again"
        )
    return patient_to_voxels(scan, points)
