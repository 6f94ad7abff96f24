"""Which slices of a volume become cases, with their values, position and spacing."""

from pathlib import Path

import cv2
import h5py
import nibabel as nib
import numpy as np
import pytest
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage, generate_uid

from tumorseg.core.cases import Entry
from tumorseg.data import reading
from tumorseg.data.slicing import chosen_slices
from tumorseg.imaging import scans

SHAPE = (20, 24, 9)  # R-L, A-P, I-S
MM = (0.5, 0.75, 4.0)


def volume(folder: Path, name: str, tumour_on=(), seed: int = 0) -> tuple[Path, Path]:
    """A NIfTI volume and its labels; on axial slice z the tumour has 2 x (z + 1) pixels."""
    affine = np.diag([*MM, 1.0])
    values = np.random.default_rng(seed).integers(0, 1000, SHAPE).astype(np.int16)
    labels = np.zeros(SHAPE, np.uint8)
    for z in tumour_on:
        labels[5:7, 6 : 7 + z, z] = 1
    image, mask = folder / f"{name}.nii.gz", folder / f"{name}_seg.nii.gz"
    nib.save(nib.Nifti1Image(values, affine), image)
    nib.save(nib.Nifti1Image(labels, affine), mask)
    return image, mask


def entry(image: Path, mask: Path | None, **more) -> Entry:
    return Entry("v", "p", image, mask, str(image), **more)


def read(item: Entry, **source):
    """The cases, and the codes of the problems."""
    cases, problems = reading.cases_of(item, source)
    return cases, [problem.code for problem in problems]


def test_slices_with_tumour_are_cases_of_the_acquisition_plane(tmp_path):
    cases, problems = read(entry(*volume(tmp_path, "a", (2, 5, 6))))
    assert problems == []
    assert [case.case for case in cases] == ["v-axial-002", "v-axial-005", "v-axial-006"]
    assert [int(case.mask.sum()) for case in cases] == [6, 12, 14]
    assert {case.plane for case in cases} == {"axial"}
    assert all(case.spacing_mm == (0.75, 0.5) for case in cases)
    assert all(case.image.shape == (24, 20) for case in cases)


def test_slices_of_every_plane_have_the_values_of_the_volume(tmp_path):
    image, mask = volume(tmp_path, "a", (2,))
    values = np.asarray(nib.load(image).dataobj)
    for plane, axis in (("axial", 2), ("coronal", 1), ("sagittal", 0)):
        cases, _ = read(entry(image, mask, plane=plane), slices="all")
        assert len(cases) == SHAPE[axis]
        measured = np.rint([case.offset + case.scale * case.image for case in cases])
        np.testing.assert_array_equal(np.sort(measured, axis=None), np.sort(values, axis=None))
        tumour = measured[np.stack([case.mask for case in cases]) > 0]
        inside = values[np.asarray(nib.load(mask).dataobj) > 0]
        np.testing.assert_array_equal(np.sort(tumour), np.sort(inside))


def test_all_takes_every_slice_and_largest_the_one_with_most_tumour(tmp_path):
    item = entry(*volume(tmp_path, "a", (2, 5, 6)))
    everything, _ = read(item, slices="all")
    assert [case.case[-3:] for case in everything] == [f"{z:03d}" for z in range(9)]
    (largest,), _ = read(item, slices="largest")
    assert largest.case == "v-axial-006"


def test_planes_are_those_of_the_config_unless_the_entry_gives_one(tmp_path):
    item = entry(*volume(tmp_path, "a", (2,)))
    cases, _ = read(item, planes=["coronal", "sagittal"])
    assert [case.case for case in cases] == [
        "v-coronal-015",
        "v-coronal-016",
        "v-coronal-017",
        "v-sagittal-013",
        "v-sagittal-014",
    ]
    assert {case.spacing_mm for case in cases} == {(4.0, 0.5), (4.0, 0.75)}
    cases, _ = read(entry(item.image, item.annotation, plane="axial"), planes=["coronal"])
    assert [case.case for case in cases] == ["v-axial-002"]


@pytest.mark.parametrize(
    ("limit", "expected"),
    [
        (0, [*range(10)]),
        (1, [5]),
        (2, [2, 7]),
        (3, [1, 5, 8]),
        (10, [*range(10)]),
        (99, [*range(10)]),
    ],
)
def test_at_most_the_limit_of_slices_is_taken_evenly(limit, expected):
    masks = np.ones((10, 2, 2), np.uint8)
    assert chosen_slices(masks, "tumour", limit) == expected
    assert chosen_slices(masks * 0, "all", limit) == expected
    assert chosen_slices(masks * 0, "tumour", limit) == []
    assert chosen_slices(masks * 0, "largest", limit) == []
    assert chosen_slices(masks, "largest", limit) == [0]


def test_a_volume_without_tumour_is_an_error_a_warning_or_cases_by_the_settings(tmp_path):
    image, mask = volume(tmp_path, "a")
    assert read(entry(image, mask)) == ([], ["annotation_empty"])
    assert read(entry(image, None)) == ([], ["volume_without_tumour"])
    assert read(entry(image, mask), negatives=True) == ([], ["volume_without_tumour"])
    cases, problems = read(entry(image, None), slices="all", slices_per_volume=2)
    assert problems == []
    assert [case.mask.any() for case in cases] == [False, False]


def test_a_slice_full_of_tumour_is_rejected(tmp_path):
    image, mask = volume(tmp_path, "a", (2,))
    labels = nib.load(mask)
    full = np.asarray(labels.dataobj).copy()
    full[..., 4] = 1
    nib.save(nib.Nifti1Image(full, labels.affine), mask)
    assert read(entry(image, mask)) == ([], ["annotation_all"])


def test_labels_define_which_numbers_are_tumour(tmp_path):
    image, mask = volume(tmp_path, "a", (2, 5))
    labels = nib.load(mask)
    two = np.asarray(labels.dataobj).copy()
    two[..., 5] *= 2
    nib.save(nib.Nifti1Image(two, labels.affine), mask)
    assert read(entry(image, mask))[1] == ["label_unknown"]
    cases, _ = read(entry(image, mask), labels={"1": "background", "2": "tumour"})
    assert [case.case for case in cases] == ["v-axial-005"]
    cases, _ = read(entry(image, mask, labels={"1": "tumour", "2": "background"}))
    assert [case.case for case in cases] == ["v-axial-002"]


def test_the_tables_spacing_is_used_with_a_warning_if_the_image_has_another(tmp_path):
    image, mask = volume(tmp_path, "a", (2,))
    (case,), problems = read(entry(image, mask, spacing_mm=(1.0, 1.0)))
    assert case.spacing_mm == (1.0, 1.0)
    assert problems == ["spacing_differs"]
    assert read(entry(image, mask, spacing_mm=(0.7501, 0.5)))[1] == []


def dicom(path: Path, rows: int = 24, columns: int = 20, orientation=(1, 0, 0, 0, 1, 0)) -> Path:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = MRImageStorage
    meta.MediaStorageSOPInstanceUID = generate_uid()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data = FileDataset(str(path), {}, file_meta=meta, preamble=b"\0" * 128)
    data.SOPClassUID, data.SOPInstanceUID = MRImageStorage, meta.MediaStorageSOPInstanceUID
    data.PatientName, data.Modality, data.SeriesInstanceUID = "Loud^Name", "MR", generate_uid()
    data.Rows, data.Columns, data.SamplesPerPixel = rows, columns, 1
    data.PhotometricInterpretation = "MONOCHROME2"
    data.BitsAllocated = data.BitsStored = 16
    data.HighBit, data.PixelRepresentation = 15, 0
    data.PixelSpacing, data.SliceThickness = [0.75, 0.5], 5
    data.ImagePositionPatient, data.ImageOrientationPatient = [0, 0, 0], list(orientation)
    values = np.arange(rows * columns, dtype=np.uint16).reshape(rows, columns)
    data.PixelData = values.tobytes()
    data.save_as(path, enforce_file_format=True)
    return path


def test_a_single_dicom_slice_has_its_plane_and_takes_a_mask_picture_or_polygons(tmp_path):
    image = dicom(tmp_path / "one.dcm")
    mask = np.zeros((24, 20), np.uint8)
    mask[3:9, 4:7] = 1
    cv2.imwrite(str(tmp_path / "one.png"), mask * 255)
    (tmp_path / "one.json").write_text("[[4.5, 3.5], [7.5, 3.5], [7.5, 9.5], [4.5, 9.5]]")
    for drawn in ("one.png", "one.json"):
        (case,), problems = read(entry(image, tmp_path / drawn))
        assert problems == []
        assert (case.case, case.plane, case.spacing_mm) == ("v", "axial", (0.75, 0.5))
        np.testing.assert_array_equal(case.mask, mask)
    _, problems = read(entry(image, tmp_path / "one.png", plane="coronal"))
    assert problems == ["plane_absent"]


def test_polygons_on_a_slice_stored_upside_down_stay_on_their_pixels(tmp_path):
    """The case is flipped for display, and its annotation with it."""
    image = dicom(tmp_path / "one.dcm", orientation=(1, 0, 0, 0, -1, 0))
    (tmp_path / "one.json").write_text("[[4.5, 3.5], [7.5, 3.5], [7.5, 9.5], [4.5, 9.5]]")
    (case,), _ = read(entry(image, tmp_path / "one.json"))
    stored = scans.read(image).voxels[0]
    np.testing.assert_array_equal(
        np.sort(case.image[case.mask > 0]), np.sort(stored[3:9, 4:7], axis=None)
    )


def test_polygons_on_a_volume_are_rejected(tmp_path):
    image, _ = volume(tmp_path, "a")
    (tmp_path / "one.json").write_text("[[4.5, 3.5], [7.5, 3.5], [7.5, 9.5], [4.5, 9.5]]")
    cases, problems = read(entry(image, tmp_path / "one.json"))
    assert cases == []
    assert len(problems) == 1


def matlab(path: Path, mask: np.ndarray) -> Path:
    with h5py.File(path, "w", userblock_size=512) as file:
        data = file.create_group("cjdata")
        grey = np.random.default_rng(3).integers(0, 4000, mask.shape).astype(np.int16)
        data["image"], data["tumorMask"] = grey.T, mask.T
        data["label"] = np.array([[2.0]])
        data["PID"] = np.array([[ord(letter)] for letter in "MR1"], np.uint16)
        data["tumorBorder"] = np.array([[1.0], [1], [5], [1], [5], [5]]).T
    content = bytearray(path.read_bytes())
    content[:19] = b"MATLAB 7.3 MAT-file"
    path.write_bytes(content)
    return path


def test_one_table_can_mix_pictures_dicom_volumes_and_matlab_files(tmp_path):
    mask = np.zeros((24, 20), np.uint8)
    mask[3:9, 4:7] = 1
    cv2.imwrite(str(tmp_path / "a.png"), np.arange(480, dtype=np.uint16).reshape(24, 20) * 9)
    cv2.imwrite(str(tmp_path / "mask.png"), mask * 255)
    dicom(tmp_path / "b.dcm")
    volume(tmp_path, "c", (2, 5))
    matlab(tmp_path / "d.mat", mask)
    (tmp_path / "cases.tsv").write_text(
        "case\timage\tannotation\tpatient\tplane\n"
        "d\td.mat\td.mat\t4\tsagittal\n"
        "a\ta.png\tmask.png\t1\taxial\n"
        "c\tc.nii.gz\tc_seg.nii.gz\t3\t\n"
        "b\tb.dcm\tmask.png\t2\tNA\n"
    )
    items = list(reading.read({"kind": "table"}, str(tmp_path), 1, cores=2))
    assert [problem.line() for item in items for problem in item.problems] == []
    cases = [case for item in items for case in item.cases]
    names = ["a", "b", "c-axial-002", "c-axial-005", "d"]
    assert [case.case for case in cases] == names  # by name, not in the table's order
    assert [case.patient for case in cases] == ["1", "2", "3", "3", "4"]
    for name in (0, 1, 4):
        np.testing.assert_array_equal(cases[name].mask, mask)


def test_any_number_of_threads_gives_the_same_cases_in_the_same_order(tmp_path):
    lines = ["case\timage\tannotation\tpatient\tplane"]
    mask = np.zeros((24, 20), np.uint8)
    mask[3:9, 4:7] = 255
    cv2.imwrite(str(tmp_path / "mask.png"), mask)
    for number in range(30):
        size = (24, 20)
        grey = np.random.default_rng(number).integers(0, 255, size, np.uint8)
        cv2.imwrite(str(tmp_path / f"{number}.png"), grey)
        lines.append(f"{number:02d}\t{number}.png\tmask.png\t{number}\taxial")
    (tmp_path / "cases.tsv").write_text("\n".join(lines))
    one, many = (
        [
            (item.cases[0].case, item.cases[0].image.tobytes())
            for item in reading.read({"kind": "table"}, str(tmp_path), 1, cores=cores)
            if item.cases
        ]
        for cores in (1, 8)
    )
    assert one == many
    assert len(one) == 30
