"""Reads DICOM-SEG (binary, fractional or label map) onto the slices of its image."""

from pathlib import Path
from typing import Any

import numpy as np
from pydicom.dataset import Dataset
from pydicom.pixels import iter_pixels

from tumorseg.core.problems import Problem, warning
from tumorseg.imaging.scans import Scan
from tumorseg.outlines.dicom_patient import (
    MAX_OFFSET_VOXELS,
    check_one_structure,
    off_grid,
    open_dicom,
    other_series_notes,
    patient_to_voxels,
)
from tumorseg.outlines.drawings import Annotation, is_tumour, unknown_label
from tumorseg.outlines.json_files import check_file_size

EXPECTED = "a DICOM segmentation"


def read(path: Path, scan: Scan, *, key: object, labels: dict[str, str] | None) -> Annotation:
    """The union of the segments that count; a label is a segment's label or number.

    Frames are placed by their position in the patient (axes may be flipped or exchanged), or by the
    SOP instance UID of their source where image or frame has no geometry. Fractions count from half
    of the maximum. Raises DataError for frames off the image's grid.
    """
    content = open_dicom(path, "SEG")
    segments = {
        int(segment.SegmentNumber): str(segment.get("SegmentLabel", ""))
        for segment in content.SegmentSequence
        if int(segment.SegmentNumber)
    }
    check_one_structure([name or str(number) for number, name in segments.items()], labels)
    counted = [
        number for number, name in segments.items() if is_tumour([name, str(number)], labels)
    ]
    check_file_size(int(content.Rows) * int(content.Columns))
    shared = _first(content, "SharedFunctionalGroupsSequence") or Dataset()
    frames = list(content.PerFrameFunctionalGroupsSequence)
    label_map = content.get("SegmentationType") == "LABELMAP"
    used_frames = [
        number
        for number, frame in enumerate(frames)
        if label_map or _segment(frame, shared) in counted
    ]
    maximum = int(content.get("MaximumFractionalValue", 1)) if _is_fractional(content) else 1
    mask = np.zeros(scan.voxels.shape, np.uint8)
    fractions = False
    if used_frames:
        decoded = iter_pixels(content, indices=used_frames)
        for number, pixels in zip(used_frames, decoded, strict=True):
            if label_map:
                _check_numbers(pixels, {0, content.get("PixelPaddingValue", 0), *segments}, labels)
            inside = np.isin(pixels, counted) if label_map else pixels >= maximum / 2
            fractions |= maximum > 1 and bool(((pixels > 0) & (pixels < maximum)).any())
            _place(mask, inside, frames[number], shared, scan)
    uids = {uid for frame in frames if (uid := _uid(frame))}
    notes = [*([_cut(maximum)] if fractions else []), *other_series_notes(uids, scan)]
    return Annotation(None, mask, tuple(notes))


def _check_numbers(pixels: np.ndarray, known: set[int], labels: dict[str, str] | None) -> None:
    """Raises DataError for a label map's number that the header describes no segment for."""
    unknown = [number for number in np.unique(pixels).tolist() if number not in known]
    if unknown:
        raise unknown_label(", ".join(map(str, unknown[:8])), labels)


def _cut(maximum: int) -> Problem:
    """The warning where fractions were made a mask."""
    return warning(
        "mask_fractions",
        f"a segmentation of fractions up to {maximum}",
        "two values",
        f"fractions from {maximum / 2:g} (half of the largest) count as tumour",
    )


def _is_fractional(content: Dataset) -> bool:
    return content.get("SegmentationType") == "FRACTIONAL"


def _first(item: Dataset, sequence: str) -> Any:
    """The first item of a sequence; None where it is empty or missing."""
    items = item.get(sequence)
    return items[0] if items else None


def _group(frame: Dataset, shared: Dataset, name: str) -> Any:
    """A functional group of a frame: its own, or the one shared by all frames."""
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
    """Adds one frame to the mask.

    Args:
        mask: of the scan's shape; changed in place.
        inside: (rows, columns) bool, the frame's foreground.
        frame: the frame's functional groups.
        shared: the functional groups of all frames.
        scan: the annotated image.

    Raises:
        DataError: where the frame does not lie on the image's grid.
    """
    position = _group(frame, shared, "PlanePositionSequence").get("ImagePositionPatient")
    turn = _group(frame, shared, "PlaneOrientationSequence").get("ImageOrientationPatient")
    spacing = _group(frame, shared, "PixelMeasuresSequence").get("PixelSpacing")
    if scan.affine is None or not (position and turn and spacing):
        uid = _uid(frame)
        if scan.uids.count(uid) != 1 or inside.shape != mask.shape[-2:]:
            raise off_grid("a frame without a position, or of a slice that the image lacks")
        mask.reshape(-1, *inside.shape)[scan.uids.index(uid)] |= inside
        return
    start, across, down = np.array(position, float), *np.array(turn, float).reshape(2, 3)
    # Steps from row to row and from column to column, in voxels.
    corners = np.array([start, start + down * spacing[0], start + across * spacing[1]])
    origin, *ends = patient_to_voxels(scan, corners)
    steps = np.array(ends) - origin
    whole_steps, first = np.rint(steps), np.rint(origin)
    drift = np.abs(steps - whole_steps) * np.array(inside.shape)[:, None]
    if (
        drift.max() > MAX_OFFSET_VOXELS
        or np.abs(origin - first).max() > MAX_OFFSET_VOXELS
        or _skewed(whole_steps)
    ):
        raise off_grid("a frame that does not match the image's voxels")
    places = (first + np.argwhere(inside) @ whole_steps).astype(int)
    if (places < 0).any() or (places >= mask.shape).any():
        raise off_grid("a frame that extends outside the image")
    mask[tuple(places.T)] = 1


def _skewed(steps: np.ndarray) -> bool:
    """Whether the steps of rows and columns are not one voxel each, along different axes."""
    return not np.array_equal(np.abs(steps) @ np.abs(steps).T, np.eye(2))
