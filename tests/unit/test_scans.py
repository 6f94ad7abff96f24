"""From a volume to displayed slices and back, for every order and direction of the axes."""

from itertools import permutations, product
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tumorseg.core.cases import PLANES
from tumorseg.core.problems import DataError
from tumorseg.imaging import planes, scans
from tumorseg.imaging.label_grids import placed as on_grid
from tumorseg.imaging.scans import Labels, Scan

SIGNED_AXES = [
    (order, signs) for order in permutations(range(3)) for signs in product((1, -1), repeat=3)
]
# RAS directions of increasing slice, row and column index in a displayed plane (DICOM).
DISPLAYED = {
    "axial": ((0, 0, 1), (0, -1, 0), (-1, 0, 0)),
    "coronal": ((0, -1, 0), (0, 0, -1), (-1, 0, 0)),
    "sagittal": ((-1, 0, 0), (0, 0, -1), (0, -1, 0)),
}


def affine_of(order, signs, sides=(1.0, 1.0, 1.0), origin=(0.0, 0.0, 0.0)):
    """Voxel axis a runs along RAS axis order[a] in direction signs[a], sides[a] mm per voxel."""
    affine = np.eye(4)
    affine[:3, :3] = 0
    for axis in range(3):
        affine[order[axis], axis] = signs[axis] * sides[axis]
    affine[:3, 3] = origin
    return affine


def saved(path, values, affine, *, code=1):
    image = nib.Nifti1Image(values, affine)
    image.set_sform(affine, code)
    image.set_qform(affine, code)
    nib.save(image, path)
    return path


def rejected_line(code, call, *args):
    with pytest.raises(DataError) as caught:
        call(*args)
    assert caught.value.problem.code == code
    return caught.value.problem.line()


@pytest.mark.parametrize("plane", PLANES)
@pytest.mark.parametrize(("order", "signs"), SIGNED_AXES)
def test_a_cut_runs_in_dicoms_directions_and_is_exactly_reversible(order, signs, plane):
    affine = affine_of(order, signs, sides=(2.0, 3.0, 5.0), origin=(-7, 11, 13))
    shape = (3, 4, 5)
    volume = np.arange(60).reshape(shape)
    stack = planes.cut(volume, affine, plane)
    for axis, direction in enumerate(DISPLAYED[plane]):
        there, here = (np.take(stack, [at], axis).ravel()[0] for at in (-1, 0))
        ends = [affine[:3, :3] @ np.unravel_index(value, shape) for value in (there, here)]
        moved = ends[0] - ends[1]
        assert moved @ direction == pytest.approx(np.linalg.norm(moved)) and moved.any()
    np.testing.assert_array_equal(planes.reassemble(stack, affine, plane, shape), volume)
    rows, columns = (np.abs(affine[:3, :3].T @ d).max() for d in DISPLAYED[plane][1:])
    assert planes.spacing_in(affine, plane) == (rows, columns)


@settings(max_examples=60, derandomize=True)
@given(
    st.sampled_from(SIGNED_AXES),
    st.tuples(*[st.integers(1, 5)] * 3),
    st.lists(st.floats(-0.12, 0.12), min_size=3, max_size=3),
    st.sampled_from(PLANES),
)
def test_reassemble_inverts_cut_for_tilted_volumes_of_any_size(axes, shape, tilt, plane):
    turned = np.eye(4)
    turned[:3, :3] += [[0, tilt[0], tilt[1]], [-tilt[0], 0, tilt[2]], [-tilt[1], -tilt[2], 0]]
    affine = turned @ affine_of(*axes, sides=(0.5, 1.0, 4.0))
    volume = np.arange(np.prod(shape), dtype=np.uint16).reshape(shape)
    stack = planes.cut(volume, affine, plane)
    np.testing.assert_array_equal(planes.reassemble(stack, affine, plane, shape), volume)


def test_slices_of_another_volume_are_not_reassembled():
    with pytest.raises(ValueError, match="expected"):
        planes.reassemble(np.zeros((2, 3, 4)), np.eye(4), "axial", (4, 3, 3))


def volume_scan(shape, affine, uids=()):
    return Scan(Path("v.nii"), np.zeros(shape, np.uint16), affine=affine, uids=uids)


@pytest.mark.parametrize(
    ("shape", "sides", "uids", "plane"),
    [
        ((9, 9, 9), (1, 1, 1), (), "axial"),
        ((9, 9, 9), (6, 1, 1), (), "sagittal"),
        ((9, 9, 9), (1, 6, 1), (), "coronal"),
        ((9, 9, 9), (1, 1.005, 1), (), "axial"),
        ((9, 1, 9), (6, 1, 1), (), "coronal"),
        ((9, 9, 9), (1, 6, 1), ("1.2",) * 9, "sagittal"),
    ],
)
def test_the_acquisition_plane_is_that_of_the_slices(shape, sides, uids, plane):
    scan = volume_scan(shape, affine_of((0, 1, 2), (1, 1, 1), sides), uids)
    assert scans.acquisition_plane(scan) == plane
    available = scans.planes_of(scan)
    assert available[0] == plane
    assert set(available) == ({plane} if 1 in shape else set(PLANES))


def test_a_picture_has_no_plane():
    assert scans.planes_of(Scan(Path("a.png"), np.zeros((3, 4), np.uint8))) == ()


@pytest.mark.parametrize(("order", "signs"), SIGNED_AXES)
def test_labels_saved_with_other_axes_stay_in_place(order, signs):
    affine = affine_of((1, 2, 0), (1, -1, 1), sides=(2.0, 3.0, 5.0), origin=(4, 5, 6))
    values = np.arange(24).reshape(2, 3, 4)
    image = nib.Nifti1Image(values.astype(np.int16), affine)
    there = image.as_reoriented(np.array([order, signs]).T)
    placed = on_grid(
        Labels(np.asarray(there.dataobj), there.affine), volume_scan((2, 3, 4), affine)
    )
    np.testing.assert_array_equal(placed.values, values)


def changed(row, column, value):
    affine = np.eye(4)
    affine[row, column] = value
    return affine


@pytest.mark.parametrize(
    "affine", [changed(0, 3, 0.6), changed(1, 1, 1.1), changed(0, 2, 0.3), changed(2, 3, -5.0)]
)
def test_labels_shifted_stretched_or_sheared_are_rejected(affine):
    scan = volume_scan((5, 5, 5), np.eye(4))
    line = rejected_line("grid_mismatch", on_grid, Labels(np.zeros((5, 5, 5), int), affine), scan)
    assert "\n" not in line and "resample" in line


def test_labels_of_another_size_are_rejected():
    picture = Scan(Path("a.png"), np.zeros((4, 5), np.uint8))
    rejected_line("grid_mismatch", on_grid, Labels(np.zeros((5, 4), int)), picture)
    volume = volume_scan((4, 5, 1), np.eye(4))
    rejected_line("grid_mismatch", on_grid, Labels(np.zeros((4, 5), int)), volume)
    rejected_line(
        "grid_mismatch",
        on_grid,
        Labels(np.zeros((4, 5, 2), int), np.eye(4)),
        volume,
    )


def test_a_label_picture_fits_a_picture_and_a_single_dicom_slice():
    values = np.arange(20).reshape(4, 5)
    picture = Scan(Path("a.png"), np.zeros((4, 5), np.uint8))
    np.testing.assert_array_equal(on_grid(Labels(values), picture).values, values)
    slice_ = volume_scan((1, 4, 5), np.eye(4), uids=("1.2.3",))
    np.testing.assert_array_equal(on_grid(Labels(values), slice_).values, values[None])


@pytest.mark.parametrize("degrees", [0, 14, 16, 40])
def test_a_tilt_above_15_degrees_gives_a_warning(tmp_path, degrees):
    angle = np.radians(degrees)
    affine = np.eye(4)
    affine[1:3, 1:3] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    values = np.arange(60, dtype=np.int16).reshape(3, 4, 5)
    notes = scans.read(saved(tmp_path / "a.nii", values, affine)).notes
    assert [note.code for note in notes] == (["plane_oblique"] if degrees > 15 else [])
    assert all(f"{degrees} degrees" in note.line() for note in notes)


@settings(max_examples=100, derandomize=True)
@given(st.integers(-(2**31), 2**31 - 65536), st.integers(0, 65535), st.data())
def test_whole_numbers_that_span_at_most_65535_are_restored_exactly(low, span, data):
    inner = data.draw(st.lists(st.integers(0, span), min_size=10, max_size=10))
    values = np.array([low, low + span, *(low + i for i in inner)], np.int64).reshape(3, 2, 2)
    for inverted in (False, True):
        voxels, offset, scale = scans._to_uint16(values, inverted)
        assert voxels.dtype == np.uint16
        np.testing.assert_array_equal(np.rint(offset + scale * voxels.astype(float)), values)
        if span:
            assert (voxels.min(), voxels.max()) == (0, 65535)


def test_a_constant_volume_is_read_and_keeps_its_value(tmp_path):
    scan = scans.read(saved(tmp_path / "a.nii", np.full((2, 3, 4), -7, np.int16), np.eye(4)))
    assert (scan.offset + scan.scale * scan.voxels == -7).all()


def test_fractions_are_rejected_as_labels_and_whole_floats_accepted(tmp_path):
    values = np.arange(24, dtype=np.float64).reshape(2, 3, 4)
    labels = scans.read_labels(saved(tmp_path / "a.nii", values, np.eye(4)))
    assert labels.values.dtype.kind == "i"
    np.testing.assert_array_equal(labels.values, values)
    line = rejected_line(
        "label_fraction", scans.read_labels, saved(tmp_path / "b.nii", values / 2, np.eye(4))
    )
    assert "threshold" in line
