"""Shared by DICOM-SEG and RTSTRUCT: opens files and converts patient coordinates to voxels."""

from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset

from tumorseg.core.problems import DataError, Problem, error, quoted, warning
from tumorseg.imaging.dicom_pixels import open_dataset
from tumorseg.imaging.planes import LPS_TO_RAS
from tumorseg.imaging.scans import Scan
from tumorseg.outlines.drawings import unknown_label
from tumorseg.outlines.json_files import check_file_size, missing_file

MAX_OFFSET_VOXELS = 0.25  # contours and frames farther from a slice were made on another grid


def open_dicom(path: Path, modality: str) -> Dataset:
    """The DICOM file; DataError where it is missing, too large or of another modality."""
    if not path.is_file():
        raise missing_file(path)
    check_file_size(path.stat().st_size)
    content = open_dataset(path, pixels=True)
    actual = content.get("Modality", "no modality")
    if actual != modality:
        hint = "set source.form to the file's format"
        raise error("dicom_modality", f"DICOM of modality {quoted(actual)}", modality, hint)
    return content


def check_one_structure(names: list[str], labels: dict[str, str] | None) -> None:
    """Raises DataError for several structures (organs, for example) without a map of labels."""
    if labels is None and len(names) > 1:
        more = ", ..." if len(names) > 8 else ""
        raise unknown_label(", ".join(map(quoted, names[:8])) + more, None)


def patient_to_voxels(scan: Scan, points: np.ndarray) -> np.ndarray:
    """Voxel indices (n, 3) of points (n, 3) in DICOM's patient coordinates (LPS, mm)."""
    if scan.affine is None:
        raise error(
            "affine_missing",
            "an image without a position in the patient",
            "a DICOM series or a volume with geometry",
            "give the image as DICOM, or the annotation as a mask",
        )
    inverse = np.linalg.inv(scan.affine)
    return (points * LPS_TO_RAS) @ inverse[:3, :3].T + inverse[:3, 3]


def off_grid(fault: str) -> DataError:
    """The error for an annotation that does not lie on the image's grid."""
    return error("grid_mismatch", fault, "the image's grid", "give the annotation of this series")


def other_series_notes(uids: set[str], scan: Scan) -> list[Problem]:
    """A warning where an annotation refers to slices by UID and none is the scan's."""
    if not uids or not scan.uids or uids & set(scan.uids):
        return []
    return [
        warning(
            "annotation_other_series",
            "the annotation refers to slices of another series",
            "slices of this image",
            "it was placed by its position in the patient; check that it is this patient's",
        )
    ]
