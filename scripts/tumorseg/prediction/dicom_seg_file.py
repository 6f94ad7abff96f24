"""Writes masks as DICOM-SEG that refers to the images they were predicted from."""

import re
import warnings
from pathlib import Path

import highdicom
import numpy as np
import pydicom
from pydicom.datadict import tag_for_keyword
from pydicom.sr.codedict import codes
from pydicom.uid import ExplicitVRLittleEndian

from tumorseg import __version__
from tumorseg.core.files import write_atomically
from tumorseg.formats import dicom
from tumorseg.imaging.dicom_pixels import open_dataset
from tumorseg.imaging.planes import LPS_TO_RAS
from tumorseg.imaging.scans import Scan
from tumorseg.prediction.segment_codes import codes_of

# DICOM-SEG requires these tags, but allows empty ones; anonymized images often lack them.
MAY_BE_EMPTY = (
    *("PatientName", "PatientID", "PatientBirthDate", "PatientSex"),
    *("StudyDate", "StudyTime", "StudyID", "AccessionNumber", "ReferringPhysicianName"),
)
LABEL_LENGTH = 64  # of DICOM's type LO


def sources(scan: Scan) -> list[pydicom.Dataset]:
    """The headers of a scan's DICOM files in the order of its slices.

    Raises ValueError for a slice that has no UID.
    """
    path = Path(scan.path)
    headers: dict[str, pydicom.Dataset] = {}
    for file in sorted(path.iterdir()) if path.is_dir() else [path]:
        if file.is_file() and dicom.is_dicom(file):
            header = open_dataset(file, pixels=False)
            headers[str(header.get("SOPInstanceUID", ""))] = header
    if "" in scan.uids:
        raise ValueError("a slice has no SOP instance UID")
    images = [headers[uid] for uid in dict.fromkeys(scan.uids)]
    for image in images:
        for name in MAY_BE_EMPTY:
            if name not in image:
                setattr(image, name, "")
    return images


def reason_of(fault: Exception) -> str:
    """Why a segmentation could not be written, without values of a header, which can name people.

    Of what a library quotes, only names of DICOM elements stay.
    """
    text = (str(fault).strip().splitlines() or ["no reason given"])[0]

    def known(match: re.Match) -> str:
        return match[0] if tag_for_keyword(match[2]) or match[2] == "Dataset" else "a value"

    return re.sub(r"""(["'])(.*?)\1""", known, text)


def _in_frames_order(masks: np.ndarray, scan: Scan, image: pydicom.Dataset) -> np.ndarray:
    """The slices of a multi-frame file in the order of its frames; a scan's are sorted by position.

    Raises ValueError if the frames do not correspond one to one to the slices.
    """
    groups = image.PerFrameFunctionalGroupsSequence
    frames = np.array([g.PlanePositionSequence[0].ImagePositionPatient for g in groups], float)
    count = len(masks)
    starts = scan.affine @ np.stack([np.arange(count), *np.zeros((2, count)), np.ones(count)])
    places = (starts[:3].T * LPS_TO_RAS)[None]  # RAS to DICOM's LPS
    slices = np.linalg.norm(frames[:, None] - places, axis=2).argmin(axis=1)
    if sorted(slices) != list(range(count)):
        raise ValueError("its frames are not evenly spaced slices")
    return masks[slices]


def write_segmentation(path: Path, scan: Scan, masks: dict[str, np.ndarray]) -> None:
    """Writes masks, name -> (slices, rows, columns) 0/1 in the order of scan.uids, as DICOM-SEG.

    Each is a segment of that name, coded by it (segment_codes.py); they may overlap. Patient and
    study are copied from the images, so that viewers show both together. Raises the errors of
    highdicom if a header lacks what the standard requires.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # they quote names of patients
        _write(path, scan, list(masks), np.stack(list(masks.values()), axis=-1))


def _write(path: Path, scan: Scan, names: list[str], masks: np.ndarray) -> None:
    images = sources(scan)
    if len(images) == 1 and len(masks) > 1:
        masks = _in_frames_order(masks, scan, images[0])
    algorithm = highdicom.AlgorithmIdentificationSequence(
        name="tumorseg", family=codes.cid7162.ArtificialIntelligence, version=__version__
    )
    segments = []
    for number, name in enumerate(names, 1):
        category, kind = codes_of(name)
        segment = highdicom.seg.SegmentDescription(
            segment_number=number,
            segment_label=name[:LABEL_LENGTH],
            segmented_property_category=category,
            segmented_property_type=kind,
            algorithm_type=highdicom.seg.SegmentAlgorithmTypeValues.AUTOMATIC,
            algorithm_identification=algorithm,
        )
        segment.SegmentDescription = name
        segments.append(segment)
    what = "Tumour" if names == ["tumour"] else "Segmentation"
    segmentation = highdicom.seg.Segmentation(
        source_images=images,
        pixel_array=masks.astype(np.uint8),
        segmentation_type=highdicom.seg.SegmentationTypeValues.BINARY,
        segment_descriptions=segments,
        series_instance_uid=highdicom.UID(),
        series_number=900,
        sop_instance_uid=highdicom.UID(),
        instance_number=1,
        manufacturer="tumorseg",
        manufacturer_model_name="tumorseg",
        software_versions=__version__,
        device_serial_number="none",
        series_description=f"{what}, predicted: research use, not for diagnosis",
        transfer_syntax_uid=ExplicitVRLittleEndian,
        # GDCM, and so ITK, takes the frames as evenly spaced: all are written, also empty ones.
        omit_empty_frames=False,
    )
    write_atomically(path, lambda new: segmentation.save_as(new, enforce_file_format=True))
