"""For tests of annotations: a small picture with a square, and DICOM and ImageJ files as other
programs write them.
"""

from pathlib import Path

import numpy as np
from highdicom.content import AlgorithmIdentificationSequence
from highdicom.seg import Segmentation, SegmentDescription
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sr.codedict import codes
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, RTStructureSetStorage, generate_uid
from roifile import ROI_TYPE, ImagejRoi
from scipy.spatial.transform import Rotation

from tumorseg.imaging.scans import Scan
from tumorseg.outlines import any_form
from tumorseg.outlines.drawings import Annotation
from tumorseg.outlines.polygons import fill_parts

HEIGHT, WIDTH = 20, 30
SCAN = Scan(Path("scan.png"), np.zeros((HEIGHT, WIDTH), np.uint8))
# Pixels x 5..10, y 3..8, in coordinates that start at the first pixel's corner.
SQUARE = [(5, 3), (11, 3), (11, 9), (5, 9)]


def expected_square() -> np.ndarray:
    expected = np.zeros((HEIGHT, WIDTH), np.uint8)
    expected[3:9, 5:11] = 1
    return expected


def disc(x, y, across, down):
    """The pixels of an ellipse; coordinates start at the first pixel's corner."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    return ((columns + 0.5 - x) / across) ** 2 + ((rows + 0.5 - y) / down) ** 2 < 1


def filled(annotation: Annotation, size=(HEIGHT, WIDTH)) -> np.ndarray:
    return fill_parts(annotation.parts, *size) if annotation.mask is None else annotation.mask


def painted(path, form="auto", key="", labels=None, scan=SCAN) -> np.ndarray:
    """The mask of the annotation in a file."""
    return filled(any_form.read(path, form, scan, key, labels), scan.voxels.shape[-2:])


SLICES, ROWS, COLUMNS = 5, 24, 31
SPACING = (0.8, 1.3, 2.5)  # rows, columns, slices in mm
UIDS = tuple(generate_uid(entropy_srcs=[f"slice {n}"]) for n in range(SLICES))
SERIES, STUDY, FRAME = (generate_uid(entropy_srcs=[word]) for word in ("series", "study", "frame"))
TURNS = {"axial": np.eye(3), "oblique": Rotation.from_euler("xyz", (20, -35, 50), True).as_matrix()}
ORIGIN = np.array([-17.25, 31.5, 88.0])


def geometry(turn):
    """Columns of the matrix from (slice, row, column) to LPS mm."""
    across, down, through = TURNS[turn].T
    return np.column_stack([through * SPACING[2], down * SPACING[0], across * SPACING[1]])


def to_mm(voxels, turn):
    return np.asarray(voxels, float) @ geometry(turn).T + ORIGIN


def scan(turn="axial") -> Scan:
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = geometry(turn), ORIGIN
    voxels = np.zeros((SLICES, ROWS, COLUMNS), np.uint16)
    return Scan(Path("series"), voxels, affine=np.diag([-1, -1, 1, 1]) @ affine, uids=UIDS)


def sources(turn="axial") -> list[Dataset]:
    """A CT series with the scan's geometry and the tags that highdicom needs."""
    made = []
    for number, uid in enumerate(UIDS):
        ct = Dataset()
        ct.file_meta = FileMetaDataset()
        ct.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        ct.SOPClassUID, ct.SOPInstanceUID = CTImageStorage, uid
        ct.StudyInstanceUID, ct.SeriesInstanceUID, ct.FrameOfReferenceUID = (
            STUDY,
            SERIES,
            FRAME,
        )
        ct.PatientID, ct.PatientName, ct.PatientBirthDate = "p", "Doe^Jane", ""
        ct.PatientSex, ct.StudyID, ct.StudyDate, ct.StudyTime = (
            "O",
            "1",
            "20200101",
            "000000",
        )
        ct.AccessionNumber, ct.ReferringPhysicianName, ct.Modality = "", "", "CT"
        ct.SeriesNumber, ct.InstanceNumber, ct.PositionReferenceIndicator = (
            1,
            number + 1,
            "",
        )
        ct.Manufacturer, ct.PatientAge = "", "050Y"
        ct.Rows, ct.Columns, ct.SamplesPerPixel = ROWS, COLUMNS, 1
        ct.BitsAllocated = ct.BitsStored = 16
        ct.HighBit, ct.PixelRepresentation = 15, 0
        ct.PhotometricInterpretation = "MONOCHROME2"
        ct.PixelSpacing = list(SPACING[:2])
        ct.SliceThickness = SPACING[2]
        ct.ImagePositionPatient = to_mm((number, 0, 0), turn).tolist()
        ct.ImageOrientationPatient = TURNS[turn][:, :2].T.ravel().tolist()
        ct.PixelData = bytes(2 * ROWS * COLUMNS)
        made.append(ct)
    return made


def blob(seed=3) -> np.ndarray:
    """A random mask (slices, rows, columns) with some empty slices."""
    mask = np.random.default_rng(seed).random((SLICES, ROWS, COLUMNS)) < 0.3
    mask[[0, 3]] = False
    return mask.astype(np.uint8)


def segment(number, label):
    algorithm = AlgorithmIdentificationSequence(
        "by hand", codes.cid7162.ArtificialIntelligence, "1"
    )
    return SegmentDescription(
        number,
        label,
        codes.cid7150.Tissue,
        codes.cid7150.Tissue,
        "AUTOMATIC",
        algorithm,
    )


def write_seg(path, masks, kind="BINARY", turn="axial", images=None, **more) -> Path:
    """A DICOM-SEG written by highdicom, with a segment for each of `masks` (label -> mask)."""
    stacked = np.stack(list(masks.values()), axis=-1)
    made = Segmentation(
        images or sources(turn),
        stacked,
        kind,
        [segment(n, label) for n, label in enumerate(masks, start=1)],
        generate_uid(),
        1,
        generate_uid(),
        1,
        "maker",
        "model",
        "1",
        "serial",
        **more,
    )
    made.save_as(path)
    return path


def circle(middle, radius, slice_number, turn, count=400):
    """A circle in mm on a slice, as (count, 3) points; middle in mm from the slice's origin."""
    angles = np.arange(count) * 2 * np.pi / count
    across, down, through = TURNS[turn].T
    ring = ORIGIN + through * SPACING[2] * slice_number
    ring = ring + np.outer(middle[0] + radius * np.cos(angles), across)
    return ring + np.outer(middle[1] + radius * np.sin(angles), down)


def write_rtstruct(path, structures, uids=None, kind="CLOSED_PLANAR") -> Path:
    """An RTSTRUCT. structures: name -> list of (slice, points in mm)."""
    made = Dataset()
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    made.file_meta.MediaStorageSOPClassUID = made.SOPClassUID = RTStructureSetStorage
    made.file_meta.MediaStorageSOPInstanceUID = made.SOPInstanceUID = generate_uid()
    made.Modality, made.PatientName = "RTSTRUCT", "Doe^Jane"
    made.StructureSetROISequence, made.ROIContourSequence = [], []
    for number, (name, contours) in enumerate(structures.items(), start=1):
        roi, roi_contours = Dataset(), Dataset()
        roi.ROINumber, roi.ROIName = number, name
        roi_contours.ReferencedROINumber, roi_contours.ContourSequence = number, []
        for place, points in contours:
            contour, image = Dataset(), Dataset()
            contour.ContourGeometricType = kind
            contour.NumberOfContourPoints = len(points)
            contour.ContourData = [f"{value:.9g}" for value in np.ravel(points)]
            if uids:
                image.ReferencedSOPInstanceUID = uids[place]
                image.ReferencedSOPClassUID = CTImageStorage
                contour.ContourImageSequence = [image]
            roi_contours.ContourSequence.append(contour)
        made.StructureSetROISequence.append(roi)
        made.ROIContourSequence.append(roi_contours)
    made.save_as(path, enforce_file_format=True)
    return path


def selection(points, kind=ROI_TYPE.POLYGON, name="tumour"):
    roi = ImagejRoi.frompoints(np.array(points), name=name)
    roi.roitype = kind
    return roi


def box(kind, left, top, right, bottom, name="tumour"):
    roi = ImagejRoi(roitype=kind, name=name)
    roi.left, roi.top, roi.right, roi.bottom = left, top, right, bottom
    return roi


def composite(*rings):
    path = []
    for ring in rings:
        for number, (x, y) in enumerate(ring):
            path += [1 if number else 0, x, y]
        path.append(4)
    roi = box(ROI_TYPE.RECT, 0, 0, 30, 20)
    roi.multi_coordinates = np.array(path, np.float32)
    roi.shape_roi_size = len(path)
    return roi
