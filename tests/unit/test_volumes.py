"""Stored volumes: exact, compressed, in their case's geometry, never half written."""

import nibabel as nib
import numpy as np
import pytest

from tumorseg.core.errors import UserError
from tumorseg.core.volumes import read_volume, write_volume
from tumorseg.evaluation import volume_probabilities
from tumorseg.evaluation.probabilities import quantised
from tumorseg.imaging import planes

AFFINE = np.array([[0, -0.7, 0.1, 12], [0.9, 0, 0, -30.5], [0, 0.1, 3, 7], [0, 0, 0, 1]])


def probabilities(classes):
    return quantised(np.random.default_rng(0).random((9, 10, 5, classes)))


@pytest.mark.parametrize("classes", [1, 3])
def test_probabilities_of_a_volume_come_back_exactly(tmp_path, classes):
    stored = probabilities(classes)
    path = tmp_path / "fold-1" / "case.1.nii.gz"
    volume_probabilities.write(path, stored, AFFINE)
    found = volume_probabilities.read(path, (9, 10, 5, classes))
    assert found.dtype == np.uint16
    np.testing.assert_array_equal(found, stored)
    assert [file.name for file in path.parent.iterdir()] == ["case.1.nii.gz"]


def test_other_programs_see_probabilities_at_the_place_of_the_image(tmp_path):
    stored = probabilities(1)
    volume_probabilities.write(tmp_path / "a.nii.gz", stored, AFFINE)
    image = nib.load(tmp_path / "a.nii.gz")
    assert image.shape == (9, 10, 5)
    np.testing.assert_allclose(image.get_fdata(), stored[..., 0] / 65535, atol=1e-7)
    np.testing.assert_allclose(image.affine, AFFINE, atol=1e-6)
    assert image.header.get_xyzt_units()[0] == "mm"


def test_slices_of_several_classes_go_to_the_file_and_back(tmp_path):
    stack = planes.cut(probabilities(2), AFFINE, "axial")
    assert stack.shape == (5, 9, 10, 2)  # rows run along the file's first axis
    stored = planes.reassemble(stack, AFFINE, "axial", (9, 10, 5, 2))
    volume_probabilities.write(tmp_path / "a.nii.gz", stored, AFFINE)
    read, affine = read_volume(tmp_path / "a.nii.gz")
    np.testing.assert_array_equal(planes.cut(read, affine, "axial"), stack)


def test_the_same_volume_gives_the_same_bytes(tmp_path):
    for name in ("a", "b"):
        volume_probabilities.write(tmp_path / f"{name}.nii.gz", probabilities(2), AFFINE)
    assert (tmp_path / "a.nii.gz").read_bytes() == (tmp_path / "b.nii.gz").read_bytes()


def test_certain_probabilities_take_little_room(tmp_path):
    stored = np.zeros((60, 60, 40, 1), np.uint16)
    stored[20:40, 20:40, 10:30] = 65535
    volume_probabilities.write(tmp_path / "a.nii.gz", stored, AFFINE)
    assert (tmp_path / "a.nii.gz").stat().st_size < stored.nbytes / 50


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
        volume_probabilities.read(path)
    volume_probabilities.write(path, probabilities(2), AFFINE)
    with pytest.raises(UserError, match=r"uint16 of \(9, 10, 5, 2\), expected uint16 of \(9, 10"):
        volume_probabilities.read(path, (9, 10, 5, 3))
    whole = path.read_bytes()
    for content in (b"", whole[:40], whole[:-30], b"x" + whole, whole[:200] + whole[300:]):
        path.write_bytes(content)
        with pytest.raises(UserError, match=r"a\.nii\.gz: volume is truncated or damaged"):
            volume_probabilities.read(path)
    write_volume(path, np.zeros((9, 10, 5), np.uint8), AFFINE)
    with pytest.raises(UserError, match=r"uint8 of .*; delete the folder and run the prediction"):
        volume_probabilities.read(path)


def test_a_failed_write_leaves_what_was_there(tmp_path, monkeypatch):
    path = tmp_path / "a.nii.gz"
    volume_probabilities.write(path, probabilities(1), AFFINE)
    before = path.read_bytes()

    def fails(image, file):
        file.write_bytes(b"half")
        raise RuntimeError("stopped")

    monkeypatch.setattr(nib, "save", fails)
    with pytest.raises(RuntimeError, match="stopped"):
        volume_probabilities.write(path, probabilities(2), AFFINE)
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["a.nii.gz"]
