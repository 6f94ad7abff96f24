"""Padding measures nothing: it becomes the darkest measured value, and nothing else changes."""

from pathlib import Path

import cv2
import nibabel as nib
import numpy as np
import pydicom
import pytest
import scan_files as files
import SimpleITK as sitk  # noqa: N813
from pydicom.dataelem import DataElement

from tumorseg.imaging import padding, scans
from tumorseg.imaging.placement import network_input

ODD = Path(__file__).parents[2].parent / "shared" / "data" / "odd_files"
# A circle of Hounsfield units, as a CT stores them: signed, from -1024.
ROWS, COLUMNS = np.mgrid[:40, :40] - 20
OUTSIDE = np.hypot(ROWS, COLUMNS) > 18
UNITS = np.random.default_rng(2).integers(-1024, 1500, (3, 40, 40)).astype(np.int16)
UNITS[:, 20, 20:22] = -1024, 1500


def measured(scan):
    return scan.offset + scan.scale * scan.voxels.astype(float)


def padded(value, values=UNITS):
    return np.where(OUTSIDE, np.array(value, values.dtype), values)


def without(values):
    """The expected values: the lowest measured one outside the circle."""
    return np.where(OUTSIDE, values[:, ~OUTSIDE].min(), values)


def element(path, tag, kind, value):
    """Writes a padding element of any type into every slice of a folder."""
    for file in path.iterdir():
        data = pydicom.dcmread(file)
        data[tag] = DataElement(tag, kind, value)
        data.save_as(file)
    return path


PADDING, LIMIT = 0x00280120, 0x00280121


@pytest.mark.parametrize(("kind", "written"), [("SS", -2000), ("US", 63536)])
def test_declared_padding_is_the_lowest_measured_value(tmp_path, kind, written):
    folder = files.series(tmp_path / "s", padded(-2000), RescaleSlope=2, RescaleIntercept=-5)
    scan = scans.read(element(folder, PADDING, kind, written))
    np.testing.assert_array_equal(np.rint(measured(scan)), without(UNITS.astype(int) * 2 - 5))
    assert scan.notes == ()


def test_a_padding_value_of_unknown_type_is_understood():
    header = {"PixelPaddingValue": (63536).to_bytes(2, "little")}
    np.testing.assert_array_equal(padding.declared(padded(-2000)[0], header), OUTSIDE)


def test_an_unsigned_image_can_declare_its_padding_as_a_signed_number(tmp_path):
    shifted = (UNITS.astype(int) + 1100).astype(np.uint16)
    folder = files.series(tmp_path / "s", padded(65535, shifted), RescaleIntercept=-1100)
    scan = scans.read(element(folder, PADDING, "SS", -1))
    np.testing.assert_array_equal(np.rint(measured(scan)), without(UNITS))


def test_a_range_of_padding_is_replaced_whole(tmp_path):
    values = padded(-3000)
    values[:, 0, :] = -2990
    folder = files.series(tmp_path / "s", values)
    element(folder, PADDING, "SS", -3000)
    scan = scans.read(element(folder, LIMIT, "SS", -2900))
    np.testing.assert_array_equal(np.rint(measured(scan)), without(UNITS))


def test_padding_of_an_inverted_image_is_shown_black(tmp_path):
    folder = files.series(tmp_path / "s", padded(-2000), PhotometricInterpretation="MONOCHROME1")
    scan = scans.read(element(folder, PADDING, "SS", -2000))
    assert (scan.voxels[:, OUTSIDE] == 0).all()
    assert measured(scan).max() == pytest.approx(1500)


def test_labels_keep_their_numbers_whatever_padding_is_declared(tmp_path):
    values = np.arange(30, dtype=np.int16).reshape(2, 3, 5)
    folder = element(files.series(tmp_path / "s", values), PADDING, "SS", 0)
    np.testing.assert_array_equal(scans.read_labels(folder).values, values)


def test_padding_declared_amid_measured_values_stays_with_a_warning(tmp_path):
    folder = element(files.series(tmp_path / "s", UNITS), PADDING, "SS", 40)
    scan = scans.read(folder)
    np.testing.assert_array_equal(np.rint(measured(scan)), UNITS)
    assert [note.code for note in scan.notes] == ["padding_inside"]


def written(path, values):
    if path.suffix == ".dcm":
        files.slice_of(values[0], series="1.2").save_as(path, enforce_file_format=True)
    elif path.suffix == ".tif":
        path.write_bytes(cv2.imencode(".tif", values[0])[1].tobytes())
    elif path.suffix == ".nii":
        nib.save(nib.Nifti1Image(values.T, np.eye(4)), path)
    else:
        sitk.WriteImage(sitk.GetImageFromArray(values), str(path))
    return path


@pytest.mark.parametrize("lone", [-2000, -3024, -32768])
@pytest.mark.parametrize("name", ["a.nii", "a.mha", "a.nrrd", "a.dcm", "a.tif"])
def test_padding_that_no_header_declares_is_replaced_where_it_is_certain(tmp_path, name, lone):
    dtype = np.int16 if name == "a.dcm" else np.float32
    scan = scans.read(written(tmp_path / name, padded(lone).astype(dtype)))
    one_slice = name in ("a.dcm", "a.tif")
    expected = without(UNITS[:1]) if one_slice else without(UNITS).T
    np.testing.assert_allclose(measured(scan), expected.reshape(scan.voxels.shape), atol=0.05)
    assert "padding_replaced" in [note.code for note in scan.notes]


@pytest.mark.parametrize(
    "values",
    [
        padded(-1024),  # air
        padded(-1400),  # not far enough below air
        np.where(UNITS < 0, UNITS * 3, UNITS),  # phases, say: no gap
        np.where(np.arange(UNITS.size).reshape(UNITS.shape) < 40, -32768, UNITS),  # below 1 %
        UNITS,
    ],
)
def test_other_images_are_read_as_before(tmp_path, values):
    values = values.astype(np.int16)
    scan = scans.read(written(tmp_path / "a.nii", values))
    voxels, offset, scale = scans._to_uint16(np.ascontiguousarray(values.T), False)
    np.testing.assert_array_equal(scan.voxels, voxels)
    assert (scan.offset, scan.scale) == (offset, scale)
    assert "padding_replaced" not in [note.code for note in scan.notes]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_pictures_of_8_and_16_bit_are_never_changed(tmp_path, dtype):
    values = np.where(OUTSIDE, np.iinfo(dtype).max, UNITS[0] % 200).astype(dtype)
    scan = scans.read(files.png(tmp_path / "a.png", values))
    np.testing.assert_array_equal(scan.voxels, values)


def test_a_brain_keeps_its_spread_in_the_networks_input(tmp_path):
    """What padding did: of a whole head in 0..80 units, hardly a level was left."""
    head = UNITS.copy()
    head[0][np.hypot(ROWS, COLUMNS) < 12] = np.random.default_rng(3).integers(
        0, 80, int((np.hypot(ROWS, COLUMNS) < 12).sum())
    )
    plain = scans.read(written(tmp_path / "a.nii", head)).voxels[:, :, 0].T
    path = written(tmp_path / "b.nii", padded(-32768, head))
    other = scans.read(path).voxels[:, :, 0].T
    inside = np.hypot(ROWS, COLUMNS) < 12
    images = map(np.ascontiguousarray, (plain, other))
    spread = [network_input(i, [i], 40, "paper", (1, 1))[0][inside].std() for i in images]
    assert spread[1] == pytest.approx(spread[0], rel=0.05)


def test_the_odd_ct_slices_are_stretched_over_their_measured_values():
    folder = ODD / "32_ct_padding_value" / "data" / "images"
    if not folder.exists():
        pytest.skip(f"ODD FILES NOT FOUND ({folder}): this is not tested")
    for path in folder.iterdir():
        scan = scans.read(path)
        stored = pydicom.dcmread(path).pixel_array
        lowest = stored[stored != -32768].min()
        assert scan.offset == lowest and (scan.voxels[0][stored == -32768] == 0).all()
        np.testing.assert_array_equal(
            np.rint(measured(scan)[0]), np.where(stored == -32768, lowest, stored)
        )
        assert padding.declared(stored, pydicom.dcmread(path)).sum() == (stored == -32768).sum()
