"""DICOM-SEG: binary, fractional or label map, its frames on slices of the image."""

from pathlib import Path
from typing import Any

import numpy as np
from pydicom.dataset import Dataset
from pydicom.pixels import iter_pixels

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
from tumorseg.outlines.json_files import check_bytes

EXPECTED = "a DICOM segmentation"


def read(path: Path, scan: Scan, *, key: str, labels: dict[str, str] | None) -> Annotation:
    """The union of the segments that count, a label being a segment's label or number.

    Frames are placed by their position in the patient (axes may be flipped or exchanged), or by the
    SOP instance UID of their source where one of the two has no geometry. Fractions count from half
    of the largest. Raises DataError for frames that lie beside the image's grid.
    """
    content = opened(path, "SEG")
    segments = {
        int(one.SegmentNumber): str(one.get("SegmentLabel", ""))
        for one in content.SegmentSequence
        if int(one.SegmentNumber)
    }
    check_names([name or str(number) for number, name in segments.items()], labels)
    counted = [
        number for number, name in segments.items() if is_tumour([name, str(number)], labels)
    ]
    check_bytes(int(content.Rows) * int(content.Columns))
    shared = _first(content, "SharedFunctionalGroupsSequence") or Dataset()
    frames = list(content.PerFrameFunctionalGroupsSequence)
    label_map = content.get("SegmentationType") == "LABELMAP"
    wanted = [
        number
        for number, frame in enumerate(frames)
        if label_map or _segment(frame, shared) in counted
    ]
    full = int(content.get("MaximumFractionalValue", 1)) if _is_fractional(content) else 1
    mask = np.zeros(scan.voxels.shape, np.uint8)
    if wanted:
        for number, pixels in zip(wanted, iter_pixels(content, indices=wanted), strict=True):
            inside = np.isin(pixels, counted) if label_map else pixels >= full / 2
            _place(mask, inside, frames[number], shared, scan)
    named = {uid for frame in frames if (uid := _uid(frame))}
    return Annotation(None, mask, tuple(other_series(named, scan)))


def _is_fractional(content: Dataset) -> bool:
    return content.get("SegmentationType") == "FRACTIONAL"


def _first(item: Dataset, sequence: str) -> Any:
    """The first item of a sequence, None where there is none."""
    found = item.get(sequence)
    return found[0] if found else None


def _group(frame: Dataset, shared: Dataset, name: str) -> Any:
    """A functional group of a frame, its own or all frames' one."""
    return _first(frame, name) or _first(shared, name) or Dataset()


def _segment(frame: Dataset, shared: Dataset) -> int:
    group = _group(frame, shared, "SegmentIdentificationSequence")
    return int(group.ReferencedSegmentNumber)


def _uid(frame: Dataset) -> str:
    image = _first(_first(frame, "DerivationImageSequence") or Dataset(), "SourceImageSequence")
    return str(image.ReferencedSOPInstanceUID) if image else ""


def _place(
    mask: np.ndarray, inside: np.ndarray, frame: Dataset, shared: Dataset, scan: Scan
) -> None:
    """Adds one frame (rows, columns) bool to the mask."""
    position = _group(frame, shared, "PlanePositionSequence").get("ImagePositionPatient")
    turn = _group(frame, shared, "PlaneOrientationSequence").get("ImageOrientationPatient")
    spacing = _group(frame, shared, "PixelMeasuresSequence").get("PixelSpacing")
    if scan.affine is None or not (position and turn and spacing):
        uid = _uid(frame)
        if scan.uids.count(uid) != 1 or inside.shape != mask.shape[1:]:
            raise off_grid("a frame without a position, or of slices that the image lacks")
        mask[scan.uids.index(uid)] |= inside
        return
    start, across, down = np.array(position, float), *np.array(turn, float).reshape(2, 3)
    # The steps from row to row and from column to column, in voxels.
    corners = np.array([start, start + down * spacing[0], start + across * spacing[1]])
    origin, *ends = voxels_of(scan, corners)
    steps = np.array(ends) - origin
    whole, first = np.rint(steps), np.rint(origin)
    drift = np.abs(steps - whole) * np.array(inside.shape)[:, None]
    if drift.max() > ASIDE or np.abs(origin - first).max() > ASIDE or _skewed(whole):
        raise off_grid("a frame beside the image's voxels")
    places = (first + np.argwhere(inside) @ whole).astype(int)
    if (places < 0).any() or (places >= mask.shape).any():
        raise off_grid("a frame that leaves the image")
    mask[tuple(places.T)] = 1


def _skewed(steps: np.ndarray) -> bool:
    """Whether the steps of rows and columns are not one voxel each, along different axes."""
    return not np.array_equal(np.abs(steps) @ np.abs(steps).T, np.eye(2))
