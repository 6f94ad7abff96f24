"""Stored volumes: exact, compressed, in their case's geometry, never half written."""

import gzip

import nibabel as nib
import numpy as np
import pytest

from tumorseg.core.errors import UserError
from tumorseg.core.images import (
    affine_of,
    case_file,
    read_image,
    read_mask,
    write_case,
    write_case_mask,
)
from tumorseg.core.volumes import read_affine, read_volume, write_volume
from tumorseg.evaluation import probabilities
from tumorseg.evaluation.probabilities import STORED_ONE, quantised
from tumorseg.imaging import planes

AFFINE = np.array([[0, -0.7, 0.1, 12], [0.9, 0, 0, -30.5], [0, 0.1, 3, 7], [0, 0, 0, 1]])


def made(seed=0):
    return quantised(np.random.default_rng(seed).random((9, 10, 5)))


def written(folder, stored, name="case.1"):
    return write_case(folder, name, stored, AFFINE, 1 / STORED_ONE)


def test_probabilities_of_a_volume_come_back_exactly(tmp_path):
    stored = made()
    path = written(tmp_path / "fold-1", stored)
    found = probabilities.read(path, (9, 10, 5))
    assert found.dtype == np.uint16
    np.testing.assert_array_equal(found, stored)
    assert [file.name for file in path.parent.iterdir()] == ["case.1.nii.gz"]
    assert case_file(tmp_path / "fold-1", "case.1") == path


def test_other_programs_see_probabilities_at_the_place_of_the_image(tmp_path):
    stored = made()
    image = nib.load(written(tmp_path, stored))
    assert image.shape == (9, 10, 5)
    np.testing.assert_allclose(image.get_fdata(), stored / 65535, atol=1e-7)
    np.testing.assert_allclose(image.affine, AFFINE, atol=1e-6)
    assert image.header.get_xyzt_units()[0] == "mm"


@pytest.mark.parametrize("plane", ["axial", "coronal", "sagittal"])
def test_a_stack_of_slices_has_an_affine_that_puts_every_voxel_in_its_place(plane):
    shape = (9, 10, 5)
    places = np.stack([*np.indices(shape), np.ones(shape)], axis=-1) @ AFFINE.T
    stack = planes.cut(places[..., :3], AFFINE, plane)
    affine = planes.stack_affine(AFFINE, plane, shape)
    own = np.stack([*np.indices(stack.shape[:3]), np.ones(stack.shape[:3])], axis=-1) @ affine.T
    np.testing.assert_allclose(own[..., :3], stack, atol=1e-9)


def test_the_same_volume_gives_the_same_bytes(tmp_path):
    first, second = (written(tmp_path, made(), name).read_bytes() for name in ("a", "b"))
    assert first == second


def test_certain_probabilities_take_little_room(tmp_path):
    stored = np.zeros((60, 60, 40), np.uint16)
    stored[20:40, 20:40, 10:30] = 65535
    assert written(tmp_path, stored).stat().st_size < stored.nbytes / 50


def test_masks_of_volumes_hold_0_and_1_and_slices_stay_pictures(tmp_path):
    mask = (made() > 40000).astype(np.uint8)
    path = write_case_mask(tmp_path, "v", mask, AFFINE)
    assert set(np.unique(read_image(path))) == {0, 1}
    np.testing.assert_array_equal(read_mask(path), mask)
    np.testing.assert_allclose(affine_of(path), AFFINE, atol=1e-6)
    flat = write_case_mask(tmp_path, "s", mask[0])
    assert flat.name == "s.png" and affine_of(flat) is None


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.int16, np.float32])
def test_label_maps_and_images_keep_their_type_and_values(tmp_path, kind):
    values = np.random.default_rng(1).integers(0, 100, (4, 5, 6)).astype(kind)
    write_volume(tmp_path / "a.nii.gz", values, AFFINE)
    found, affine = read_volume(tmp_path / "a.nii.gz")
    assert found.dtype == kind
    np.testing.assert_array_equal(found, values)
    np.testing.assert_allclose(affine, AFFINE, atol=1e-6)


def test_a_volume_that_cannot_be_used_is_one_line(tmp_path):
    path = tmp_path / "a.nii.gz"
    with pytest.raises(UserError, match=r"a\.nii\.gz: no such volume"):
        probabilities.read(path)
    with pytest.raises(UserError, match=r"a\.nii\.gz: no such volume"):
        read_affine(path)
    written(tmp_path, made(), "a")
    with pytest.raises(UserError, match=r"uint16 of \(9, 10, 5\), expected uint16 of \(9, 10, 6"):
        probabilities.read(path, (9, 10, 6))
    whole = path.read_bytes()
    for content in (b"", whole[:40], whole[:-30], b"x" + whole, whole[:200] + whole[300:]):
        path.write_bytes(content)
        with pytest.raises(UserError, match=r"a\.nii\.gz: volume is truncated or damaged"):
            probabilities.read(path)
    header = bytearray(gzip.decompress(whole))
    header[70:72] = b"\xff\x7f"  # a type of number that there is not
    for content in (whole[:40], gzip.compress(header)):
        path.write_bytes(content)
        for read in (read_affine, probabilities.read):
            with pytest.raises(UserError, match=r"a\.nii\.gz: volume is truncated or damaged"):
                read(path)
    write_volume(path, np.zeros((9, 10, 5), np.uint8), AFFINE)
    with pytest.raises(UserError, match=r"uint8 of .*; delete the folder and run the prediction"):
        probabilities.read(path)


def test_a_failed_write_leaves_what_was_there(tmp_path, monkeypatch):
    path = written(tmp_path, made(), "a")
    before = path.read_bytes()

    def fails(image, file):
        file.write_bytes(b"half")
        raise RuntimeError("stopped")

    monkeypatch.setattr(nib, "save", fails)
    with pytest.raises(RuntimeError, match="stopped"):
        written(tmp_path, made(1), "a")
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["a.nii.gz"]
