"""What DICOM-SEG and RTSTRUCT share: opening the file, and the way from the patient to voxels."""

from pathlib import Path

import numpy as np
import pydicom
from pydicom.dataset import Dataset
from pydicom.uid import DeflatedExplicitVRLittleEndian

from tumorseg.core.problems import DataError, Problem, error, shown, warning
from tumorseg.imaging.scans import Scan
from tumorseg.outlines.drawings import unknown_label
from tumorseg.outlines.json_files import check_bytes, missing

DEFLATED = 1032  # times: the most that zlib can pack, and pydicom unpacks it whole
LPS_TO_RAS = np.array([-1.0, -1.0, 1.0])
ASIDE = 0.25  # voxels: contours and frames farther from a slice were made on another grid


def opened(path: Path, modality: str) -> Dataset:
    """The DICOM file; DataError where it is missing, huge or of another modality."""
    if not path.is_file():
        raise missing(path)
    size = path.stat().st_size
    check_bytes(size)
    with path.open("rb") as start:
        has_preamble = start.read(132)[128:] == b"DICM"
    # Planning systems also write files without a preamble, which `force` reads.
    if has_preamble:
        syntax = pydicom.filereader.read_file_meta_info(path).get("TransferSyntaxUID")
        check_bytes(size * DEFLATED if syntax == DeflatedExplicitVRLittleEndian else size)
    content = pydicom.dcmread(path, force=True)
    found = content.get("Modality", "no modality")
    if found != modality:
        hint = "give the file's form in source.form"
        raise error("dicom_modality", f"DICOM of modality {shown(found)}", modality, hint)
    return content


def check_names(names: list[str], labels: dict[str, str] | None) -> None:
    """Raises DataError where several structures (organs, say) come without a map of labels."""
    if labels is None and len(names) > 1:
        more = ", ..." if len(names) > 8 else ""
        raise unknown_label(", ".join(map(shown, names[:8])) + more, None)


def voxels_of(scan: Scan, points: np.ndarray) -> np.ndarray:
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


def off_grid(found: str) -> DataError:
    """The error of an annotation that does not lie on the image's grid."""
    return error(
        "grid_mismatch", found, "the image's own grid", "give the annotation of this very series"
    )


def other_series(uids: set[str], scan: Scan) -> list[Problem]:
    """A warning where an annotation names slices and none of them is the scan's."""
    if not uids or not scan.uids or uids & set(scan.uids):
        return []
    return [
        warning(
            "annotation_other_series",
            "the annotation names slices of another series",
            "slices of this image",
            "placed by its position in the patient; is it this patient's?",
        )
    ]
