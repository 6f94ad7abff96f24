"""Small valid files of every image format, written by the tests that need them."""

from pathlib import Path

import cv2
import h5py
import nibabel as nib
import numpy as np
import pydicom
import SimpleITK as sitk  # noqa: N813
from PIL import Image
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

PATIENT = "DOE^JANE"  # must not appear in any message or result
VOLUME = np.random.default_rng(3).integers(-300, 900, (5, 6, 7)).astype(np.int16)
PICTURE = np.random.default_rng(4).integers(0, 256, (9, 12), dtype=np.uint8)
PICTURE16 = np.random.default_rng(5).integers(0, 65536, (9, 12), dtype=np.uint16)
# Voxel axes along L, S, A with sides 0.5, 1.5 and 3 mm.
AFFINE = np.array([[-0.5, 0, 0, 20.0], [0, 0, 3, -30], [0, 1.5, 0, -40], [0, 0, 0, 1]])


def png(path, array):
    path.write_bytes(cv2.imencode(".png", array)[1].tobytes())
    return path


def with_pillow(path, image, **options):
    image.save(path, **options)
    return path


def nifti(path, values=VOLUME, affine=AFFINE, *, kind=nib.Nifti1Image):
    nib.save(kind(values, affine), path)
    return path


def itk(path, *, compressed=False):
    """The volume of nifti(), written by SimpleITK."""
    between = nifti(path.with_name("between.nii"))
    sitk.WriteImage(sitk.ReadImage(str(between)), str(path), compressed)
    between.unlink()
    return path


def slice_of(pixels, *, series, position=(0, 0, 0), orientation=(1, 0, 0, 0, 1, 0), **tags):
    """One MR slice with a patient's name; a tag set to None is left out."""
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data = FileDataset("", Dataset(), file_meta=meta, preamble=b"\0" * 128)
    data.SOPClassUID = meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.4"
    data.SOPInstanceUID = meta.MediaStorageSOPInstanceUID = generate_uid()
    data.SeriesInstanceUID = series
    data.PatientName, data.PatientID, data.StudyDescription = PATIENT, PATIENT, PATIENT
    data.SeriesDescription = data.ProtocolName = PATIENT
    data.Modality = "MR"
    data.Rows, data.Columns = pixels.shape[-2:]
    data.ImagePositionPatient, data.ImageOrientationPatient = list(position), list(orientation)
    data.PixelSpacing, data.SliceThickness = [0.5, 0.75], 4.0
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
    data.BitsAllocated = data.BitsStored = pixels.dtype.itemsize * 8
    data.HighBit, data.PixelRepresentation = data.BitsStored - 1, int(pixels.dtype.kind == "i")
    data.PixelData = pixels.tobytes()
    for name, value in tags.items():
        if value is None:
            delattr(data, name)
        else:
            setattr(data, name, value)
    return data


def series(folder, values=VOLUME, *, step=(0, 0, 3.0), order=None, **tags):
    """A folder of slices (slice, row, column) `step` mm apart, files named in `order`."""
    folder.mkdir(exist_ok=True)
    uid = generate_uid()
    for number, place in enumerate(order or range(len(values))):
        position = [10 + place * s for s in step]
        one = slice_of(values[place], series=uid, position=position, **tags)
        one.save_as(folder / f"IM{number:04d}.dcm", enforce_file_format=True)
    return folder


def compressed_series(folder, values, affine, *, number=4, first=0):
    """A series as a scanner exports it, oblique and in lossless JPEG, written by GDCM.

    affine: (slice, row, column) to LPS mm. number: of the series in its study. first: number of the
    first file.
    """
    folder.mkdir(parents=True, exist_ok=True)
    row, column, step = affine[:3, 2], affine[:3, 1], affine[:3, 0]
    spacing = [np.linalg.norm(side) for side in (row, column)]
    cosines = [*(row / spacing[0]), *(column / spacing[1])]
    writer = sitk.ImageFileWriter()
    writer.KeepOriginalImageUIDOn()
    writer.UseCompressionOn()
    writer.SetCompressor("JPEG")
    for index, pixels in enumerate(values):
        one = sitk.GetImageFromArray(pixels)
        one.SetSpacing(spacing)
        position = affine[:3, 3] + index * step
        for tag, value in {
            "0008|0060": "MR",
            "0020|000e": f"1.2.3.{number}",
            "0020|000d": "1.2.3",
            "0020|0052": "1.2.9",
            "0008|0018": f"1.2.3.{number}.{index + 1}",
            "0020|0013": str(index),
            "0020|0032": "\\".join(f"{x:.9g}" for x in position),
            "0020|0037": "\\".join(f"{x:.9g}" for x in cosines),
            "0018|0050": "5",
        }.items():
            one.SetMetaData(tag, value)
        # File names in another order than the slices.
        writer.SetFileName(str(folder / f"{first + (7 * index) % len(values):03d}.dcm"))
        writer.Execute(one)
    return folder


def frames(path, values=VOLUME):
    """An enhanced multi-frame file; each frame has its own position and slope."""
    data = slice_of(values, series=generate_uid(), NumberOfFrames=len(values))
    del data.ImagePositionPatient, data.ImageOrientationPatient, data.PixelSpacing
    orientation, measures = Dataset(), Dataset()
    orientation.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    measures.PixelSpacing, measures.SliceThickness = [0.5, 0.75], 3.0
    shared = Dataset()
    shared.PlaneOrientationSequence, shared.PixelMeasuresSequence = [orientation], [measures]
    data.SharedFunctionalGroupsSequence = [shared]
    groups = []
    for place in range(len(values)):
        position, rescale, group = Dataset(), Dataset(), Dataset()
        position.ImagePositionPatient = [10, 10, 10 + 3.0 * place]
        rescale.RescaleSlope, rescale.RescaleIntercept = place + 1, -place
        group.PlanePositionSequence = [position]
        group.PixelValueTransformationSequence = [rescale]
        groups.append(group)
    data.PerFrameFunctionalGroupsSequence = groups
    data.save_as(path, enforce_file_format=True)
    return path


def dicom(path, *, compressed=False):
    one = slice_of(VOLUME[0], series=generate_uid())
    if compressed:
        one.compress(pydicom.uid.RLELossless)
    one.save_as(path, enforce_file_format=True)
    return path


def mat(path, **others):
    """A file of the T1-CE set as MATLAB writes it; a member set to None is left out."""
    image = PICTURE.astype(np.int16) * 9
    members = {
        "image": image.T,
        "tumorMask": (image > image.mean()).astype(np.uint8).T,
        "tumorBorder": np.array([[3.0, 4, 8, 4, 8, 7.5]]).T,
        "PID": np.array([[ord(letter) for letter in "100360"]], np.uint16).T,
        "label": np.array([[2.0]]),
    } | others
    with h5py.File(path, "w", userblock_size=512) as file:
        for name, value in members.items():
            if value is not None:
                file[f"cjdata/{name}"] = value
    content = bytearray(path.read_bytes())
    content[:19] = b"MATLAB 7.3 MAT-file"
    path.write_bytes(content)
    return path


MAKERS = {
    "a.png": lambda path: png(path, PICTURE),
    "b.png": lambda path: png(path, PICTURE16),
    "c.png": lambda path: png(path, np.dstack([PICTURE16] * 3)),
    "a.jpg": lambda path: with_pillow(path, Image.fromarray(PICTURE)),
    "a.tif": lambda path: with_pillow(path, Image.fromarray(PICTURE16)),
    "b.tif": lambda path: with_pillow(path, Image.fromarray(PICTURE), compression="tiff_lzw"),
    "a.dcm": dicom,
    "b.dcm": lambda path: dicom(path, compressed=True),
    "c.dcm": frames,
    "a.nii": nifti,
    "a.nii.gz": nifti,
    "b.nii": lambda path: nifti(path, kind=nib.Nifti2Image),
    "a.mha": itk,
    "b.mha": lambda path: itk(path, compressed=True),
    "a.nrrd": itk,
    "b.nrrd": lambda path: itk(path, compressed=True),
    "a.mat": mat,
}


def made(name: str, folder: Path) -> Path:
    """A valid file of the format given by its suffix."""
    return MAKERS[name](folder / name)
