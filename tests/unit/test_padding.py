"""Padding measures nothing: it becomes the darkest measured value, and nothing else changes."""

from pathlib import Path

import cv2
import nibabel as nib
import numpy as np
import pydicom
import pytest
import scan_files as files
import SimpleITK as sitk  # noqa: N813
from hypothesis import given, settings
from hypothesis import strategies as st
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


def codes(scan):
    return [note.code for note in scan.notes]


def test_pictures_of_8_bit_are_never_changed(tmp_path):
    values = np.where(OUTSIDE, 255, UNITS[0] % 100).astype(np.uint8)
    scan = scans.read(files.png(tmp_path / "a.png", values))
    np.testing.assert_array_equal(scan.voxels, values)
    assert scan.notes == ()


# ---------------------------------------------------------------- constants above all else

TISSUE = (UNITS % 1500).astype(np.uint16)


@pytest.mark.parametrize("constant", [65535, 32767, 4095])
def test_a_constant_far_above_all_else_around_a_16_bit_picture_becomes_its_darkest_value(
    tmp_path, constant
):
    values = padded(constant, TISSUE)[0]
    scan = scans.read(files.png(tmp_path / "a.png", values))
    np.testing.assert_array_equal(scan.voxels, without(TISSUE[:1])[0])
    assert (scan.voxels.dtype, scan.offset, scan.scale) == (np.uint16, 0, 1)
    (note,) = scan.notes
    assert (note.code, note.severity) == ("padding_replaced", "warning")
    assert f"of the pixels are {constant}, all others 14" in note.value


@pytest.mark.parametrize("name", ["a.nii", "a.mha", "a.dcm"])
@pytest.mark.parametrize("constant", [32767, 8191, 4095])
def test_a_constant_far_above_all_else_around_a_ct_becomes_air(tmp_path, name, constant):
    scan = scans.read(written(tmp_path / name, padded(constant)))
    expected = without(UNITS[:1]) if name == "a.dcm" else without(UNITS).T
    np.testing.assert_array_equal(np.rint(measured(scan)), expected)
    assert "padding_replaced" in codes(scan)


def test_a_constant_above_all_else_of_an_inverted_image_is_shown_black(tmp_path):
    folder = files.series(tmp_path / "s", padded(32767), PhotometricInterpretation="MONOCHROME1")
    scan = scans.read(folder)
    assert (scan.voxels[:, OUTSIDE] == 0).all() and measured(scan).max() == pytest.approx(1500)


def test_a_background_far_below_a_stripped_brain_stretches_no_range(tmp_path):
    brain = np.where(OUTSIDE, -1024, UNITS % 80).astype(np.int16)
    scan = scans.read(written(tmp_path / "a.nii", brain))
    np.testing.assert_array_equal(np.rint(measured(scan)), without(UNITS % 80).T)


def test_two_constants_below_air_are_both_padding(tmp_path):
    values = padded(-3024)
    values[:, :3] = -2000
    scan = scans.read(written(tmp_path / "a.nii", values))
    expected = np.where(values < -1500, values[values > -1500].min(), values)
    np.testing.assert_array_equal(np.rint(measured(scan)), expected.T)
    assert "are -3024 or -2000, all others" in scan.notes[0].value


@pytest.mark.parametrize("constant", [-32768, -3024, 32767])
def test_padding_that_resampling_mixed_with_its_neighbours_is_replaced_with_its_edges(
    tmp_path, constant
):
    larger = cv2.resize(padded(constant)[1].astype(np.float32), (110, 110))
    scan = scans.read(written(tmp_path / "a.nii", np.stack([larger] * 3)))
    assert codes(scan) == ["padding_replaced"]
    assert "all others except at their edges" in scan.notes[0].value
    values = measured(scan)
    assert values.min() >= -1500 and values.max() <= 1600
    inside = cv2.erode((np.abs(larger) < 1500).astype(np.uint8), np.ones((9, 9))) > 0
    np.testing.assert_allclose(values[:, :, 1].T[inside], larger[inside], atol=0.05)


def smooth(seed, sigma=3.0, side=64):
    noise = np.random.default_rng(seed).normal(size=(side, side))
    field = cv2.GaussianBlur(noise, (0, 0), sigma)
    return (field - field.min()) / np.ptp(field)


def with_text(values, white):
    values = values.copy()
    picture = np.zeros(values.shape, np.uint8)
    cv2.putText(picture, "A. NN", (2, 18), cv2.FONT_HERSHEY_PLAIN, 1, 1, 2)
    values[picture > 0] = white
    return values


NO_PADDING = {
    "saturated vessels": np.minimum(smooth(1) * 9000, 4095),
    "saturated fat beside a coil": np.minimum(np.linspace(6000, 0, 64) * np.ones((64, 1)), 4095),
    "a vessel with sharp edges that leaves the picture": np.where(
        np.abs(np.arange(64) - 30) < 4, 4095, smooth(2) * 1500
    ),
    "black and white": np.where(smooth(3) > 0.5, 65535, 0),
    "ten labels": np.where(smooth(3) > 0.7, 65535, np.floor(smooth(4) * 10)),
    "a black frame": np.pad(smooth(5)[8:-8, 8:-8] * 900 + 100, 8),
    "a head on black": np.where(smooth(6) > 0.4, smooth(6) * 3000, 0),
    "one value": np.full((64, 64), 7),
}


@pytest.mark.parametrize("name", NO_PADDING)
@pytest.mark.parametrize("form", ["picture", "volume"])
def test_what_may_be_measured_is_never_replaced(tmp_path, name, form):
    values = NO_PADDING[name].astype(np.uint16)
    if form == "picture":
        scan = scans.read(files.png(tmp_path / "a.png", values))
    else:
        stack = np.stack([values] * 2).astype(np.int32)
        scan = scans.read(written(tmp_path / "a.nii", stack))
        values = stack.T
    np.testing.assert_array_equal(np.rint(measured(scan)), values)
    assert "padding_replaced" not in codes(scan)


@pytest.mark.parametrize("name", ["saturated vessels", "black and white", "ten labels"])
def test_these_give_no_warning_either(tmp_path, name):
    scan = scans.read(files.png(tmp_path / "a.png", NO_PADDING[name].astype(np.uint16)))
    assert scan.notes == ()


def test_white_text_stays_and_only_in_16_bit_gives_a_warning(tmp_path):
    values = with_text(smooth(7) * 1500, 65535).astype(np.uint16)
    scan = scans.read(files.png(tmp_path / "a.png", values))
    np.testing.assert_array_equal(scan.voxels, values)
    (note,) = scan.notes
    assert note.code == "values_apart" and "are 65535, all others 1" in note.value
    values = with_text(smooth(7) * 90, 255).astype(np.uint8)
    scan = scans.read(files.png(tmp_path / "b.png", values))
    np.testing.assert_array_equal(scan.voxels, values)
    assert scan.notes == ()


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 99),
    low=st.integers(-1400, 1000),
    span=st.integers(30, 5000),
    gap=st.floats(0.55, 30),
    top=st.booleans(),
    cut=st.integers(6, 20),
)
def test_any_far_constant_in_the_corners_is_replaced_and_nothing_else(
    seed, low, span, gap, top, cut
):
    values = np.rint(smooth(seed) * span + low).astype(np.int64)
    rows, columns = np.mgrid[:64, :64]
    outside = (rows + columns < cut) | (rows + columns > 126 - cut)
    constant = round(values.max() + gap * span) if top else round(values.min() - gap * span)
    notes = []
    found = padding.undeclared(np.where(outside, constant, values), notes)
    expected = np.where(outside, values[~outside].min(), values)
    if cut > 8:  # 1 % of the pixels
        np.testing.assert_array_equal(found, expected)
        assert f" {constant:g}, all others " in notes[0].value
    np.testing.assert_array_equal(found[~outside], values[~outside])


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 99), sigma=st.floats(1.5, 6), share=st.floats(0.01, 0.6), top=st.booleans()
)
def test_saturation_of_any_smooth_image_is_never_padding(seed, sigma, share, top):
    values = smooth(seed, sigma) * 4000
    limit = np.quantile(values, 1 - share if top else share)
    values = (np.minimum if top else np.maximum)(values, limit).astype(np.int16)
    notes = []
    np.testing.assert_array_equal(padding.undeclared(values, notes), values)
    assert notes == []


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
