"""Reads DICOM RTSTRUCT: closed contours in patient coordinates on slices of the image."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from tumorseg.core.problems import DataError, Problem, error, quoted, warning
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
from tumorseg.outlines.repair import repair_outline
from tumorseg.outlines.strays import StrayError, check_points, no_area, without_strays

EXPECTED = "DICOM RTSTRUCT with closed planar contours"
FEWEST_APART = 3  # contours: fewer may be as many tumours
CLOSED = ("CLOSED_PLANAR", "CLOSEDPLANAR_XOR")


def read(path: Path, scan: Scan, *, key: object, labels: dict[str, str] | None) -> Annotation:
    """The union of the structures that count; a label is a structure's name or number.

    Contours of one structure on one slice combine by the even-odd rule: nested contours and
    keyholes are holes. Points and lines beside them are left out. A contour belongs to the slice
    whose SOP instance UID it names, which must agree with its position, or else to the slice at its
    position. Raises DataError where no slice lies within a quarter of the slice distance.
    """
    content = open_dicom(path, "RTSTRUCT")
    names = {roi.ROINumber: str(roi.get("ROIName", "")) for roi in content.StructureSetROISequence}
    counted = [
        (names[roi.ReferencedROINumber], roi.ContourSequence)
        for roi in content.ROIContourSequence
        if roi.get("ContourSequence")
        and is_tumour([names[roi.ReferencedROINumber], str(roi.ReferencedROINumber)], labels)
    ]
    structures, notes = without_strays(lambda pair: _structure(*pair), counted, of="structures")
    check_one_structure([one.name for one in structures], labels)
    mask = np.zeros(scan.voxels.shape, np.uint8)
    for structure in structures:
        notes += structure.notes
        notes += _add(mask, structure.contours, scan, quoted(structure.name))
    uids = {uid for one in structures for contour in one.contours if (uid := _uid(contour))}
    return Annotation(None, mask, (*notes, *other_series_notes(uids, scan)))


class _Structure(NamedTuple):
    """The contours of a structure that enclose something, and a warning about others."""

    name: str
    contours: list[Any]
    notes: list[Problem]


def _structure(name: str, contours: Sequence[Any]) -> _Structure:
    """Raises StrayError for a structure of nothing but points: an isocentre, for example."""
    title = quoted(name)
    kept, notes = without_strays(
        lambda contour: _with_area(contour, f"a contour of {title}"),
        contours,
        of=f"contours of {title}",
    )
    return _Structure(name, kept, notes)


def _with_area(contour: Any, name: str) -> Any:
    """The contour; StrayError for a point or a line."""
    points = np.array(contour.ContourData or [], float).reshape(-1, 3)
    if contour.get("ContourGeometricType", "") == "POINT":
        raise StrayError("point", _wrong_type("POINT"))
    check_points(points, name)
    if np.isfinite(points).all() and np.linalg.matrix_rank(points - points[0]) < 2:
        raise no_area(name)
    return contour


def _uid(contour: Any) -> str:
    images = contour.get("ContourImageSequence")
    return str(images[0].ReferencedSOPInstanceUID) if images else ""


def _add(mask: np.ndarray, contours: Any, scan: Scan, name: str) -> list[Problem]:
    """Draws the contours of one structure into the mask; returns warnings."""
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
            or not 0 <= number < mask.shape[axis]
        ):
            raise off_grid(f"a contour at slice {position:.2f} of {mask.shape[axis]} (from 0)")
        slices.setdefault(number, []).append(points[:, (columns, rows)])
    notes: list[Problem] = []
    stack = np.moveaxis(mask, axis, 0)
    _, height, width = stack.shape
    for number, rings in slices.items():
        place = f"structure {name} on slice {number}"
        parts, warnings = repair_outline(rings, height, width, place)
        stack[number] |= fill_parts(parts, height, width)
        notes += warnings
    return [*notes, *_gaps(sorted(slices), name)]


def _gaps(numbers: list[int], name: str) -> list[Problem]:
    """A warning where contours lie on every second slice, say: nobody drew those between them."""
    if len(numbers) < FEWEST_APART or np.diff(numbers).min() < 2:
        return []
    return [
        warning(
            "contour_gaps",
            f"structure {name} has contours on {len(numbers)} of the slices {numbers[0]} to "
            f"{numbers[-1]}, no two of them neighbours",
            "contours on every slice of the tumour",
            "the slices between them count as background; fill them in the program that drew them",
        )
    ]


def _wrong_type(kind: str) -> DataError:
    hint = "list the structure's name as background in source.labels"
    return error("shape_type", f"contour of type {quoted(kind)}", "CLOSED_PLANAR", hint)


def _points(contour: Any, scan: Scan) -> np.ndarray:
    """The contour in voxel indices (n, 3)."""
    kind = contour.get("ContourGeometricType", "")
    if kind not in CLOSED:
        raise _wrong_type(kind)
    points = np.array(contour.ContourData, float).reshape(-1, 3)
    if not len(points) or not np.isfinite(points).all() or np.abs(points).max() > 1e6:
        raise error(
            "polygon_not_finite", "a contour without usable points", "mm", "export it again"
        )
    return patient_to_voxels(scan, points)
