"""Tests of DICOM-SEG files: every frame lies on the slice that it was predicted from."""

import highdicom
import nibabel as nib
import numpy as np
import pydicom
import pytest
import SimpleITK as sitk  # noqa: N813
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import (
    EnhancedMRImageStorage,
    ExplicitVRLittleEndian,
    MRImageStorage,
    generate_uid,
)

from tumorseg.imaging.scans import read
from tumorseg.prediction import native_files, new_images

COUNT, ROWS, COLUMNS = 6, 12, 16
SAGITTAL = [0, 1, 0, 0, 0, -1]


def dataset(storage, series):
    """An anonymized MR image, without birth date, study date and the like."""
    image = Dataset()
    image.file_meta = FileMetaDataset()
    image.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    image.SOPClassUID = image.file_meta.MediaStorageSOPClassUID = storage
    image.SOPInstanceUID = image.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    image.StudyInstanceUID, image.SeriesInstanceUID, image.FrameOfReferenceUID = series
    image.Modality = "MR"
    image.Rows, image.Columns = ROWS, COLUMNS
    image.BitsAllocated = image.BitsStored = 16
    image.HighBit, image.PixelRepresentation, image.SamplesPerPixel = 15, 0, 1
    image.PhotometricInterpretation = "MONOCHROME2"
    return image


def pixels(index):
    """A slice whose values differ from those of all other slices."""
    return np.full((ROWS, COLUMNS), 100 * index, np.uint16) + np.arange(COLUMNS, dtype=np.uint16)


def write_series(folder, series=None):
    """A series whose file names and instance numbers do not follow the slices' positions."""
    series = series or [generate_uid() for _ in range(3)]
    folder.mkdir(parents=True, exist_ok=True)
    order = np.random.default_rng(0).permutation(COUNT)
    for name, index in enumerate(order):
        image = dataset(MRImageStorage, series)
        image.PixelSpacing, image.SliceThickness = [0.8, 0.5], 4
        image.ImageOrientationPatient = SAGITTAL
        image.ImagePositionPatient = [4.0 * int(index), -6, 9]
        image.InstanceNumber = name + 1
        image.PixelData = pixels(index).tobytes()
        image.save_as(folder / f"{name}.dcm", enforce_file_format=True)
    return folder


def write_frames(path):
    """An enhanced MR image whose frames are not stored in the order of their positions."""
    image = dataset(EnhancedMRImageStorage, [generate_uid() for _ in range(3)])
    order = np.random.default_rng(1).permutation(COUNT)
    image.NumberOfFrames = COUNT
    image.InstanceNumber = 1
    measures, orientation = Dataset(), Dataset()
    measures.PixelSpacing, measures.SliceThickness = [0.8, 0.5], 4
    orientation.ImageOrientationPatient = SAGITTAL
    shared = Dataset()
    shared.PixelMeasuresSequence, shared.PlaneOrientationSequence = [measures], [orientation]
    image.SharedFunctionalGroupsSequence = [shared]
    image.PerFrameFunctionalGroupsSequence = []
    for index in order:
        position, group = Dataset(), Dataset()
        position.ImagePositionPatient = [4.0 * int(index), -6, 9]
        group.PlanePositionSequence = [position]
        image.PerFrameFunctionalGroupsSequence.append(group)
    image.PixelData = b"".join(pixels(index).tobytes() for index in order)
    image.save_as(path, enforce_file_format=True)
    return path


def a_mask(shape):
    """A mask without symmetry, different in every slice and empty in one."""
    mask = (np.random.default_rng(2).random(shape) > 0.6).astype(np.uint8)
    mask[..., :3] = 0
    if len(shape) == 3 and shape[0] > 1:
        mask[1] = 0
    return mask


def measured(scan):
    return np.rint(scan.offset + scan.scale * scan.voxels).astype(int)


def assert_every_frame_lies_on_its_slice(path, scan, mask):
    """Compares frames with the mask by the positions in the segmentation and the scan's affine."""
    seg = highdicom.seg.segread(path)
    assert seg.SegmentSequence[0].SegmentLabel == "tumour"
    by_position = np.zeros_like(mask)
    stored = seg.pixel_array.reshape(-1, *mask.shape[-2:])
    for frame, group in zip(stored, seg.PerFrameFunctionalGroupsSequence, strict=True):
        x, y, z = map(float, group.PlanePositionSequence[0].ImagePositionPatient)
        voxel = np.linalg.solve(scan.affine, [-x, -y, z, 1])[:3]
        np.testing.assert_allclose(voxel, np.rint(voxel), atol=1e-3)
        assert tuple(np.rint(voxel[1:])) == (0, 0)
        by_position[round(voxel[0])] = frame
    np.testing.assert_array_equal(by_position, mask)


@pytest.mark.parametrize("kind", ["series", "frames"])
def test_every_frame_lies_on_its_slice(tmp_path, kind):
    write = {"series": write_series, "frames": write_frames}[kind]
    scan = read(write(tmp_path / "scan"))
    firsts = list(measured(scan)[:, 0, 0])
    assert firsts == [500, 400, 300, 200, 100, 0]  # sorted by place, the normal runs to the Right
    mask = a_mask(scan.voxels.shape)
    quantised = mask.astype(np.uint16) * 50000
    files, warnings = native_files.write(tmp_path / "out/scan", scan, mask, quantised)
    assert warnings == []
    assert [path.name for path in files] == ["scan_mask.dcm", "scan_probability.nii.gz"]
    assert_every_frame_lies_on_its_slice(files[0], scan, mask)
    probability = nib.load(files[1])
    np.testing.assert_allclose(probability.get_fdata(), quantised / 65535, atol=1e-6)
    np.testing.assert_allclose(probability.affine, scan.affine, atol=1e-5)


CLASSES = [{"name": "whole", "label": 1}, {"name": "core", "label": 2}]


@pytest.mark.parametrize("kind", ["series", "frames"])
@pytest.mark.parametrize("labelled", [False, True])
def test_each_class_is_a_segment_and_has_a_probability(tmp_path, kind, labelled):
    scan = read({"series": write_series, "frames": write_frames}[kind](tmp_path / "scan"))
    whole = a_mask(scan.voxels.shape)
    core = whole * (np.arange(COLUMNS) % 2 == 0)
    masks = np.stack([whole - labelled * core, core]).astype(np.uint8)
    files, warnings = native_files.write(
        tmp_path / "out", scan, masks, masks.astype(np.uint16) * 50000, CLASSES, labelled
    )
    assert warnings == []
    endings = ["mask.dcm", "probability_whole.nii.gz", "probability_core.nii.gz"]
    assert [path.name for path in files] == [f"out_{ending}" for ending in endings]
    seg = highdicom.seg.segread(files[0])
    assert [one.SegmentLabel for one in seg.SegmentSequence] == ["whole", "core"]
    found = seg.get_volume(combine_segments=False)
    place = np.linalg.inv(scan.affine) @ np.diag([-1, -1, 1, 1]) @ found.affine
    order = slice(None, None, int(np.sign(np.rint(place[0, 0]))))
    for number, own in enumerate(masks):
        np.testing.assert_array_equal(found.array[..., number][order], own)


def test_a_segmentation_refers_to_the_slices_it_was_predicted_from(tmp_path):
    scan = read(write_series(tmp_path / "scan"))
    mask = a_mask(scan.voxels.shape)
    files, _ = native_files.write(tmp_path / "scan", scan, mask, mask.astype(np.uint16))
    seg = highdicom.seg.segread(files[0])
    by_source = seg.get_pixels_by_source_instance(
        list(scan.uids), segment_numbers=[1], assert_missing_frames_are_empty=True
    )[..., 0]
    np.testing.assert_array_equal(by_source, mask)


@pytest.mark.parametrize("kind", ["series", "frames"])
def test_a_mask_with_an_empty_slice_between_others_keeps_its_place_in_itk(tmp_path, kind):
    """GDCM takes frames as evenly spaced: without the empty ones it moved them by centimetres."""
    scan = read({"series": write_series, "frames": write_frames}[kind](tmp_path / "scan"))
    mask = a_mask(scan.voxels.shape)
    assert not mask[1].any() and mask[[0, 2]].any(axis=(1, 2)).all()
    files, _ = native_files.write(tmp_path / "out", scan, mask, mask.astype(np.uint16))
    image = sitk.ReadImage(str(files[0]))
    assert image.GetSize() == (COLUMNS, ROWS, COUNT)
    seen = np.zeros_like(mask)
    for index, plane in enumerate(sitk.GetArrayFromImage(image)):
        x, y, z = image.TransformIndexToPhysicalPoint([0, 0, index])
        voxel = np.linalg.solve(scan.affine, [-x, -y, z, 1])[:3]
        np.testing.assert_allclose(voxel, [round(voxel[0]), 0, 0], atol=1e-4)
        seen[round(voxel[0])] = plane > 0
    np.testing.assert_array_equal(seen, mask)


def test_no_text_of_a_header_is_printed(tmp_path, recwarn, capfd):
    folder = write_series(tmp_path / "scan")
    for file in folder.iterdir():
        header = pydicom.dcmread(file)
        header.PatientName = "OKONJO"  # highdicom warns of names of one part, and quotes them
        header.save_as(file)
    scan = read(folder)
    mask = a_mask(scan.voxels.shape)
    for wrong in ("", "14:OKONJO"):
        if wrong:
            for file in folder.iterdir():
                header = pydicom.dcmread(file)
                with pydicom.config.disable_value_validation():
                    header.StudyDate = wrong
                    header.save_as(file)
        _, notes = native_files.write(tmp_path / "out", scan, mask, mask.astype(np.uint16))
        printed = [*map(str, capfd.readouterr()), *(str(w.message) for w in recwarn)]
        assert "OKONJO" not in " ".join([*printed, *(note.line() for note in notes)])


def test_an_empty_mask_can_be_written(tmp_path):
    scan = read(write_series(tmp_path / "scan"))
    mask = np.zeros(scan.voxels.shape, np.uint8)
    files, warnings = native_files.write(tmp_path / "scan", scan, mask, mask.astype(np.uint16))
    assert warnings == []
    assert not highdicom.seg.segread(files[0]).pixel_array.any()


@pytest.mark.parametrize("name", ["MR_small.dcm", "CT_small.dcm"])
def test_a_segmentation_of_a_real_dicom_file_has_its_patient_and_study(tmp_path, name):
    scan = read(get_testdata_file(name))
    mask = a_mask(scan.voxels.shape)
    files, warnings = native_files.write(tmp_path / "a", scan, mask, mask.astype(np.uint16))
    assert warnings == []
    source, seg = pydicom.dcmread(get_testdata_file(name)), highdicom.seg.segread(files[0])
    assert seg.PatientID == source.PatientID
    assert seg.StudyInstanceUID == source.StudyInstanceUID
    np.testing.assert_array_equal(seg.pixel_array, mask.reshape(seg.pixel_array.shape))


def test_if_no_segmentation_can_be_written_nifti_and_a_warning_replace_it(tmp_path):
    folder = write_series(tmp_path / "scan")
    scan = read(folder)
    for file in folder.iterdir():
        header = pydicom.dcmread(file)
        header.StudyTime = "14:04:38"  # as older archives write it
        del header.StudyInstanceUID
        header.save_as(file)
    mask = a_mask(scan.voxels.shape)
    files, (problem,) = native_files.write(tmp_path / "a", scan, mask, mask.astype(np.uint16))
    assert problem.code == "dicom_seg" and "'StudyInstanceUID'" in problem.line()
    assert [path.name for path in files] == ["a_mask.nii.gz", "a_probability.nii.gz"]
    np.testing.assert_array_equal(nib.load(files[0]).get_fdata(), mask)
    np.testing.assert_allclose(nib.load(files[0]).affine, scan.affine)


def test_a_series_is_one_image_and_slices_of_different_series_are_several(tmp_path):
    write_series(tmp_path / "one")
    (tmp_path / "several").mkdir()
    for index in range(3):
        image = sorted(write_series(tmp_path / f"x{index}").iterdir())[0]
        image.rename(tmp_path / f"several/{index}.dcm")
        for file in (tmp_path / f"x{index}").iterdir():
            file.unlink()
        (tmp_path / f"x{index}").rmdir()
    images, _ = new_images.find(tmp_path)
    assert [image.name for image in images] == [
        "one",
        "several/0.dcm",
        "several/1.dcm",
        "several/2.dcm",
    ]
    images, _ = new_images.find(tmp_path / "one")
    assert [(image.name, image.path) for image in images] == [("one", tmp_path / "one")]
