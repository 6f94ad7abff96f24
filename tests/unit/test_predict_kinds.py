"""What `predict` makes of images with channels, in other planes, or named in other ways."""

import json
import shutil

import layouts
import nibabel as nib
import numpy as np
import pytest
import scan_files
from model_files import changed, edit_facts, made_slice, run, write_model
from PIL import Image

from tumorseg.core.errors import UserError
from tumorseg.core.files import read_table
from tumorseg.core.images import read_image, read_mask, write_png
from tumorseg.imaging.scans import read
from tumorseg.prediction import native_files, new_images
from tumorseg.prediction.model_channels import Channels


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return write_model(tmp_path_factory.mktemp("exported") / "model")


def of_channel(model, tmp_path, channel):
    """The model as if it had been trained on one of several channels."""
    return changed(model, tmp_path, lambda folder: edit_facts(folder, channel=channel))


def grey(seed=0):
    return made_slice(60, 80, seed, np.uint8)


def save(path, array):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path)


def volume(path, array, affine=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(array.astype(np.int16), np.eye(4) if affine is None else affine), path)


def stack(seed=0, depth=4):
    """A volume (i, j, k) of heads, from the left to the right and from front to back."""
    return np.stack([made_slice(40, 50, seed + i).T // 8 for i in range(depth)], axis=-1)


def notes_of(folder):
    return read_table(folder / "predictions.tsv").set_index("image")["notes"]


def failures(capsys):
    return [line for line in capsys.readouterr().out.splitlines() if line.startswith("ERROR")]


# ---- channels of a picture


def test_grey_pictures_in_colour_modes_get_the_results_of_the_grey_picture(model, tmp_path):
    image = grey()
    opaque = np.full_like(image, 255)
    save(tmp_path / "images/grey.png", image)
    save(tmp_path / "images/rgb.png", np.dstack([image] * 3))
    save(tmp_path / "images/rgba.png", np.dstack([image] * 3 + [opaque]))
    save(tmp_path / "images/la.png", np.dstack([image, opaque]))
    save(tmp_path / "images/rgb.tif", np.dstack([image] * 3))
    folder = run(tmp_path / "images", model, tmp_path / "local")
    expected = read_image(folder / "grey_probability.png")
    for name in ("rgb_png", "rgba", "la", "rgb_tif"):
        np.testing.assert_array_equal(read_image(folder / f"{name}_probability.png"), expected)


def test_colours_and_transparency_are_one_line_each_and_stop_no_other(model, tmp_path, capsys):
    colours = np.dstack([grey(1), grey(2), grey(3)])
    save(tmp_path / "images/colour.png", colours)
    save(tmp_path / "images/glass.png", np.dstack([np.dstack([grey()] * 3), grey(4)]))
    save(tmp_path / "images/grey.png", grey())
    with pytest.raises(UserError, match="2 of 3 images could not be predicted"):
        run(tmp_path / "images", model, tmp_path / "local")
    first, second = failures(capsys)
    assert first.startswith("ERROR colour.png: a colour picture; ") and "image_colour" in first
    assert second.startswith("ERROR glass.png: a partly transparent picture; ")


def test_a_model_of_one_channel_takes_it_from_colour_pictures_and_reads_grey_ones(
    model, tmp_path, capsys
):
    """As one trained on the FLAIR of the three sequences in a TIFF of the set `lgg`."""
    layouts.lgg(tmp_path / "data")
    place = tmp_path / "images"
    place.mkdir()
    tiff = shutil.copy(next((tmp_path / "data").rglob("*_1.tif")), place / "slice.tif")
    flair = np.asarray(Image.open(tiff))[..., 1]
    assert (flair != np.asarray(Image.open(tiff))[..., 0]).any()
    save(place / "flair.png", flair)
    save(place / "flair_rgb.png", np.dstack([flair] * 3))
    folder = run(place, of_channel(model, tmp_path, 1), tmp_path / "local")
    expected = read_image(folder / "flair_probability.png")
    for name in ("slice", "flair_rgb"):
        np.testing.assert_array_equal(read_image(folder / f"{name}_probability.png"), expected)
    told = "Of 2 images with several channels channel 1 (from 0) was read"
    assert told in capsys.readouterr().out
    page = (folder / "overview.html").read_text(encoding="utf-8")
    assert told in page and "channel 1 (from 0) of images with several" in page


# ---- channels of a volume


def test_one_volume_in_four_dimensions_is_a_volume(model, tmp_path):
    affine = np.diag([-0.8, -0.9, 4.0, 1.0])
    affine[:3, 3] = (12, -7, 30)
    volume(tmp_path / "images/three.nii.gz", stack(), affine)
    volume(tmp_path / "images/four.nii.gz", stack()[..., None], affine)
    folder = run(tmp_path / "images", model, tmp_path / "local")
    three, four = (nib.load(folder / f"{name}_mask.nii.gz") for name in ("three", "four"))
    assert three.shape == four.shape == (50, 40, 4)
    np.testing.assert_array_equal(four.get_fdata(), three.get_fdata())
    np.testing.assert_array_equal(four.affine, three.affine)


def test_several_volumes_in_one_file_are_one_line_or_the_channel_of_the_model(
    model, tmp_path, capsys
):
    channels = np.stack([stack(seed) for seed in (10, 20, 30)], axis=-1)
    volume(tmp_path / "images/four.nii.gz", channels)
    volume(tmp_path / "images/second.nii.gz", channels[..., 1])
    with pytest.raises(UserError, match="1 of 2 images could not be predicted"):
        run(tmp_path / "images", model, tmp_path / "local")
    (line,) = failures(capsys)
    assert line.startswith("ERROR four.nii.gz: 4 dimensions (50 x 40 x 4 x 3); expected one volume")
    folder = run(tmp_path / "images", of_channel(model, tmp_path, 1), tmp_path / "local")
    four, second = (nib.load(folder / f"{name}_mask.nii.gz") for name in ("four", "second"))
    np.testing.assert_array_equal(four.get_fdata(), second.get_fdata())
    np.testing.assert_array_equal(four.affine, second.affine)
    few = changed(model, tmp_path / "b", lambda folder: edit_facts(folder, channel=3))
    with pytest.raises(UserError, match="1 of 2 images could not be predicted"):
        run(tmp_path / "images", few, tmp_path / "local")
    assert "volume_many" in failures(capsys)[0]


def test_nnunets_channels_are_one_line_or_the_channel_of_the_model(model, tmp_path):
    for case in ("a_01", "a_02"):
        for channel in range(4):
            volume(tmp_path / f"images/{case}_{channel:04d}.nii.gz", stack(channel))
    with pytest.raises(
        UserError, match=r"a_01_0000\.nii\.gz to a_01_0003.*channels_several"
    ) as caught:
        run(tmp_path / "images", model, tmp_path / "local")
    assert "\n" not in str(caught.value)
    folder = run(tmp_path / "images", of_channel(model, tmp_path, 2), tmp_path / "local")
    names = ["a_01_0002.nii.gz", "a_02_0002.nii.gz"]
    assert list(read_table(folder / "predictions.tsv")["image"]) == names
    assert "Ignored files: 6 other channel." in (folder / "overview.html").read_text("utf-8")
    few = changed(model, tmp_path / "b", lambda folder: edit_facts(folder, channel=4))
    with pytest.raises(UserError, match="expected channel 4, on which the model was trained"):
        run(tmp_path / "images", few, tmp_path / "local")
    table = tmp_path / "mine.tsv"
    table.write_text("image\nimages/a_01_0000.nii.gz\nimages/a_01_0001.nii.gz\n")
    assert len(new_images.find(table)[0]) == 2


@pytest.mark.parametrize(
    "names",
    [
        [f"case_{n:04d}.nii.gz" for n in (1, 2, 3)],
        [f"case_{n:04d}.nii.gz" for n in range(12)],
        [f"{case}_0000.nii.gz" for case in ("a", "b", "c")],
        [f"slice_{n:04d}.png" for n in range(4)],
        [f"case_{n:03d}.nii.gz" for n in range(4)],
    ],
)
def test_numbered_images_are_no_channels(tmp_path, names):
    for name in names:
        (tmp_path / name).write_bytes(b"")
    for numbers in ((), (0,)):
        images, left_out = new_images.find(tmp_path, Channels(numbers=numbers))
        assert [image.name for image in images] == names
        assert not left_out


# ---- planes


def test_a_volume_of_another_plane_is_cut_into_a_plane_of_the_training(model, tmp_path):
    """One head stored in two ways; of both, the same axial slices are predicted."""
    voxels = np.random.default_rng(4).integers(0, 900, (24, 26, 22))
    voxels[5:18, 6:20, 4:17] += 2000
    axial = np.diag([1.0, 1.0, 1.0, 1.0])  # the last axis runs up: axial slices
    volume(tmp_path / "images/axial.nii.gz", voxels, axial)
    swap = np.eye(4)[[2, 1, 0, 3]]  # the last axis runs right: sagittal slices
    volume(tmp_path / "images/sagittal.nii.gz", voxels.T, axial @ swap)
    planes = {"coronal": 1, "axial": 9}
    of_two = changed(model, tmp_path, lambda folder: edit_facts(folder, planes=planes))
    folder = run(tmp_path / "images", of_two, tmp_path / "local")
    table = read_table(folder / "predictions.tsv").set_index("image")
    assert list(table["plane"]) == ["axial", "axial"]
    assert table.loc["axial.nii.gz", "notes"] == ""
    note = table.loc["sagittal.nii.gz", "notes"]
    assert (
        "a sagittal image; expected a plane that the model was trained on (axial, coronal)" in note
    )
    assert "it was cut into axial slices" in note
    first, second = (nib.load(folder / f"{n}_mask.nii.gz") for n in ("axial", "sagittal"))
    assert first.get_fdata().any()
    np.testing.assert_array_equal(second.get_fdata(), first.get_fdata().T)
    np.testing.assert_array_equal(second.affine, axial @ swap)


def test_a_volume_without_a_plane_of_the_training_keeps_its_own(model, tmp_path):
    volume(tmp_path / "images/one.nii.gz", stack(depth=1))
    coronal = changed(model, tmp_path, lambda folder: edit_facts(folder, planes={"coronal": 4}))
    folder = run(tmp_path / "images", coronal, tmp_path / "local")
    table = read_table(folder / "predictions.tsv").set_index("image")
    assert table.loc["one.nii.gz", "plane"] == "axial"
    assert "do not rely on this prediction" in table.loc["one.nii.gz", "notes"]


# ---- headers that other programs refuse


@pytest.mark.parametrize(
    ("at", "value"),
    [(108, np.float32(0)), (76, np.float32(0)), (252, np.int16(9)), (280, np.float32([0] * 4))],
    ids=["vox_offset", "qfac", "qform_code", "sform row"],
)
def test_a_volume_with_a_repaired_header_gets_results_on_its_grid(tmp_path, at, value):
    affine = np.diag([-1.5, -2.0, 3.0, 1.0])
    image = nib.Nifti1Image(np.arange(60, dtype=np.int16).reshape(3, 4, 5), affine)
    image.set_qform(affine, 1)
    nib.save(image, tmp_path / "a.nii")
    content = bytearray((tmp_path / "a.nii").read_bytes())
    content[at : at + value.nbytes] = value.tobytes()
    (tmp_path / "a.nii").write_bytes(content)
    scan = read(tmp_path / "a.nii")
    mask = (scan.voxels % 3 == 0).astype(np.uint8)
    files, _ = native_files.write(tmp_path / "out/a", scan, mask, mask.astype(np.uint16))
    again = read(files[0])
    np.testing.assert_array_equal(again.voxels > 0, mask > 0)
    np.testing.assert_allclose(again.affine, scan.affine, atol=1e-5)


# ---- names


def test_results_of_all_images_have_different_names(tmp_path):
    for name in ("a.png", "a.tif", "a_png.bmp.png", "a_png.jpg", "a.b.png", "a_b.png", "a.b.tif"):
        (tmp_path / name).write_bytes(b"")
    scan_files.series(tmp_path / "deep")
    (tmp_path / "deep/deep").mkdir()
    scan_files.series(tmp_path / "deep/deep")
    for place in (tmp_path, tmp_path / "deep"):
        images, _ = new_images.find(place)
        stems = [image.stem.lower() for image in images]
        assert len(set(stems)) == len(stems) >= 2


# ---- earlier results


def test_results_that_someone_has_changed_are_kept_under_another_name(model, tmp_path, capsys):
    write_png(tmp_path / "images/a.png", made_slice())
    volume(tmp_path / "images/v.nii.gz", stack())
    folder = run(tmp_path / "images", model, tmp_path / "local")
    content = json.loads((folder / "a.json").read_text())
    content["shapes"] = []
    (folder / "a.json").write_text(json.dumps(content))
    corrected = nib.load(folder / "v_mask.nii.gz")
    ones = nib.Nifti1Image(np.ones(corrected.shape, np.uint8), corrected.affine)
    nib.save(ones, folder / "v_mask.nii.gz")
    run(tmp_path / "images", model, tmp_path / "local")  # nothing is predicted again
    assert json.loads((folder / "a.json").read_text())["shapes"] == []
    run(tmp_path / "images", model, tmp_path / "local", code="2")
    assert json.loads((folder / "a.json").read_text())["shapes"]
    assert json.loads((folder / "a_edited1.json").read_text())["shapes"] == []
    assert (nib.load(folder / "v_mask_edited1.nii.gz").get_fdata() == 1).all()
    assert "it is kept as a_edited1.json [result_edited]" in notes_of(folder)["a.png"]
    assert capsys.readouterr().out.count("[result_edited]") == 2
    (folder / "a.json").write_text("{}")
    run(tmp_path / "images", model, tmp_path / "local", code="3")
    assert (folder / "a_edited2.json").read_text() == "{}"


def test_an_image_that_can_no_longer_be_read_leaves_no_earlier_result(model, tmp_path):
    write_png(tmp_path / "images/a.png", made_slice())
    folder = run(tmp_path / "images", model, tmp_path / "local")
    assert read_mask(folder / "a_mask.png").any()
    (tmp_path / "images/a.png").write_bytes(b"")
    with pytest.raises(UserError, match="1 of 1 images could not be predicted"):
        run(tmp_path / "images", model, tmp_path / "local")
    assert list(folder.glob("a*")) == []
