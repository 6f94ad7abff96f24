"""Tests of `predict`: mean of the members, geometry of each image, damaged models and images."""

import json
import shutil

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
from chromium import browser
from hypothesis import given
from hypothesis import strategies as st
from model_files import (
    NETWORK,
    SETTINGS,
    SIZE,
    changed,
    edit_facts,
    facts_of,
    made_slice,
    run,
    write_model,
)

from tumorseg.annotations import labelme
from tumorseg.core import places
from tumorseg.core.cases import Channel
from tumorseg.core.errors import UserError
from tumorseg.core.files import read_table
from tumorseg.core.images import read_image, read_mask, write_png
from tumorseg.core.problems import DataError
from tumorseg.imaging.placement import network_input
from tumorseg.imaging.scans import read
from tumorseg.imaging.volume_input import VolumePreparation, volume_input
from tumorseg.outlines.image_keys import ImageKey
from tumorseg.outlines.polygons import fill, fill_parts
from tumorseg.prediction import (
    exported_model,
    mean_of_members,
    native_files,
    new_images,
)
from tumorseg.workflow import code_digest

SQUARE = (1.0, 1.0)


def one_slice(image):
    return mean_of_members.Stack(image[None], SQUARE)


class Fixed:
    """Members of one class that return the same maps, (members, size, size), for every slice."""

    def __init__(self, maps):
        self.maps = np.asarray(maps, np.float32)

    def probabilities(self, images):
        return np.repeat(self.maps[:, None, ..., None], len(images), axis=1)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return write_model(tmp_path_factory.mktemp("exported") / "model")


# ---- the ensemble


@given(
    seed=st.integers(0, 10**6),
    members=st.integers(1, 5),
    threshold=st.sampled_from([0.0, 0.05, 0.3, 0.5, 0.85]),
)
def test_the_probability_is_the_mean_of_the_members_at_native_size(seed, members, threshold):
    random = np.random.default_rng(seed)
    maps = random.random((members, SIZE, SIZE)) ** random.integers(1, 6)
    image = made_slice(seed=seed)
    prediction = mean_of_members.predict(
        Fixed(maps), [one_slice(image)], facts_of(members, threshold)
    )[0]
    place = network_input(image, [image], SIZE, "robust", SQUARE)[1]
    natives = np.stack([place.back(square) for square in maps.astype(np.float32)])
    steps = prediction.quantised[0] - 65535 * natives.mean(axis=0, dtype=np.float64)
    assert (steps <= 1e-6).all()
    assert (steps > -1 - 1e-6).all()
    np.testing.assert_array_equal(prediction.mask[0], prediction.quantised[0] > 65535 * threshold)


@given(seed=st.integers(0, 10**6), members=st.integers(2, 5), slices=st.integers(1, 11))
def test_spread_and_agreement_equal_the_plain_formula(seed, members, slices):
    """They are computed slice by slice and from some pixels only; here from all pixels."""
    random = np.random.default_rng(seed)
    maps = random.random((members, SIZE, SIZE))
    stack = np.stack([made_slice(seed=index) for index in range(slices)])
    prediction = mean_of_members.predict(
        Fixed(maps), [mean_of_members.Stack(stack, SQUARE)], facts_of(members, 0.5)
    )[0]
    places = [network_input(image, [image], SIZE, "robust", SQUARE)[1] for image in stack]
    natives = np.stack([[p.back(m) for p in places] for m in maps.astype(np.float32)])
    inside = prediction.mask > 0
    assert prediction.spread == pytest.approx(natives[:, inside].std(axis=0).mean(), rel=1e-4)
    masks = natives > 0.5
    dice = [
        2 * (masks[a] & masks[b]).sum() / (masks[a].sum() + masks[b].sum())
        for a in range(members)
        for b in range(a)
    ]
    assert prediction.members_dice == pytest.approx(np.mean(dice), rel=1e-4)


def test_equal_members_have_spread_0_and_agreement_1():
    square = np.zeros((SIZE, SIZE))
    square[10:20, 10:20] = 0.9
    members = Fixed([square, square])
    prediction = mean_of_members.predict(members, [one_slice(made_slice())], facts_of(2))[0]
    assert (prediction.spread, prediction.members_dice) == (0, 1)


UNDEFINED = {
    "three members without a tumour": np.zeros((3, SIZE, SIZE)),
    "a single member": np.full((1, SIZE, SIZE), 0.9),
}


@pytest.mark.parametrize("name", UNDEFINED)
def test_spread_and_agreement_are_undefined_with_nothing_to_compare(name):
    members = Fixed(UNDEFINED[name])
    facts = facts_of(len(members.maps))
    prediction = mean_of_members.predict(members, [one_slice(made_slice())], facts)[0]
    assert np.isnan([prediction.spread, prediction.members_dice]).all()


def test_pictures_predicted_together_or_one_by_one_get_the_same_results():
    maps = np.random.default_rng(0).random((2, SIZE, SIZE))
    stacks = [one_slice(made_slice(40 + 3 * i, 90 - 2 * i, seed=i)) for i in range(11)]
    together = mean_of_members.predict(Fixed(maps), stacks, facts_of(2))
    for stack, prediction in zip(stacks, together, strict=True):
        alone = mean_of_members.predict(Fixed(maps), [stack], facts_of(2))[0]
        np.testing.assert_array_equal(prediction.quantised, alone.quantised)
        np.testing.assert_array_equal(prediction.mask, alone.mask)
        assert (prediction.spread, prediction.members_dice) == (alone.spread, alone.members_dice)


def test_images_with_oblong_pixels_are_prepared_by_millimetres():
    image, spacing_mm = made_slice(60, 80), (2.0, 0.5)
    place = network_input(image, [image], SIZE, "robust", spacing_mm)[1]
    assert place.inner_height == SIZE > place.inner_width
    maps = np.random.default_rng(0).random((1, SIZE, SIZE)).astype(np.float32)
    prediction = mean_of_members.predict(
        Fixed(maps), [mean_of_members.Stack(image[None], spacing_mm)], facts_of(1)
    )[0]
    np.testing.assert_allclose(prediction.quantised[0] / 65535, place.back(maps[0]), atol=2e-5)


def test_a_volume_is_predicted_whole_and_its_members_averaged_on_its_own_voxels():
    random = np.random.default_rng(1)
    volume = np.stack([made_slice(20, 24, seed=index) for index in range(9)])
    volumes = {"crop": "nonzero", "spacing_mm": [3, 2, 2], "intensities": ["zscore"]}
    settings = SETTINGS | {"volumes": volumes}
    facts = facts_of(3, 0.5, settings=settings)
    facts["network"] = NETWORK | {"patch": [8, 16, 16]}
    spacing_mm = (4.0, 1.0, 1.5)
    preparation = VolumePreparation.of(volumes, [8, 16, 16], 1)
    packed, place = volume_input(volume, [Channel(volume)], preparation, spacing_mm)
    maps = random.random((3, *packed.shape[:-1])).astype(np.float32)
    stack = mean_of_members.Stack(volume, spacing_mm)
    prediction = mean_of_members.predict(Fixed(maps), [stack], facts)[0]
    natives = np.stack([place.back(one) for one in maps]).astype(np.float64)
    np.testing.assert_allclose(prediction.quantised, 65535 * natives.mean(axis=0), atol=1.001)
    inside = prediction.mask > 0
    np.testing.assert_array_equal(inside, prediction.quantised > 32767)
    assert prediction.spread == pytest.approx(natives[:, inside].std(axis=0).mean(), rel=1e-4)
    facts["recipe"]["settings"] = settings | {"volumes": volumes | {"spacing_mm": [1e-3] * 3}}
    with pytest.raises(DataError, match=r"choose a coarser spacing.*volume_preparation"):
        mean_of_members.predict(Fixed(maps), [stack], facts)


# ---- the exported model


def test_the_readme_describes_the_training_data_and_warns_against_diagnosis(model):
    text = (model / "README.txt").read_text()
    assert "not for diagnosis" in text
    assert "3 slices (3 axial) of 2 patients" in text
    assert exported_model.read(model)["threshold"] == 0.3


def damage(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


UNUSABLE = {
    "a changed bit": (lambda f: damage(f / "fold-2.weights.h5"), "not those that were exported"),
    "missing weights": (lambda f: (f / "fold-1.weights.h5").unlink(), "weights are missing"),
    "no facts": (lambda f: (f / "model.yaml").unlink(), "no exported model"),
    "broken facts": (lambda f: (f / "model.yaml").write_text("a: [1"), "not readable as YAML"),
    "no list": (lambda f: edit_facts(f, members=None), "`members` is missing"),
    "a recipe without settings": (
        lambda f: edit_facts(f, recipe={"name": "robust"}),
        "`recipe.settings` is missing",
    ),
    "a network without a size": (
        lambda f: edit_facts(f, network={"name": "unet", "base_width": 2}),
        "`network.size_px` is missing",
    ),
    "a threshold that is no number": (
        lambda f: edit_facts(f, threshold=float("nan")),
        "threshold nan, expected 0 to 1",
    ),
    "an unknown skull stripping": (lambda f: edit_facts(f, skull_strip="saw"), "no method 'saw'"),
    "an empty list": (lambda f: edit_facts(f, members=[]), "lists no weights"),
    "a path that leaves the folder": (
        lambda f: edit_facts(f, members=[{"file": "../model/fold-1.weights.h5"}]),
        "not a file's name",
    ),
    "another network": (
        lambda f: edit_facts(f, network=NETWORK | {"base_width": 4}),
        "do not fit the network",
    ),
    "a network that is not here": (
        lambda f: edit_facts(f, network=NETWORK | {"name": "unet9"}),
        "no 'unet9'",
    ),
}


@pytest.mark.parametrize("name", UNUSABLE)
def test_a_changed_model_folder_is_rejected_in_one_line(model, tmp_path, name):
    change, words = UNUSABLE[name]
    write_png(tmp_path / "images/a.png", made_slice())
    folder = changed(model, tmp_path, change)
    with pytest.raises(UserError, match=words) as caught:
        run(tmp_path / "images", folder, tmp_path / "local")
    assert "\n" not in str(caught.value)


def test_predictions_do_not_depend_on_figures_or_on_the_readme():
    """The code digest decides what is predicted again: no figure may be part of it."""
    reached, waiting = set(), [places.SCRIPTS / "predict.py"]
    while waiting:
        path = waiting.pop()
        if path not in reached:
            reached.add(path)
            waiting += code_digest._parsed(path)[1]
    modules = {path.relative_to(places.SCRIPTS).as_posix() for path in reached}
    reporting = {name for name in modules if name.startswith("tumorseg/reporting/")}
    assert reporting == {"tumorseg/reporting/page_parts.py"}
    assert "tumorseg/prediction/exporting.py" not in modules


# ---- finding the images


def names(folder):
    images, left_out = new_images.find(folder)
    return [image.name for image in images], dict(left_out)


def test_all_subfolders_are_searched_and_other_files_are_counted(tmp_path):
    write_png(tmp_path / "b/c/one.png", made_slice())
    write_png(tmp_path / "two.PNG.png", made_slice())
    shutil.copy(tmp_path / "b/c/one.png", tmp_path / "nameless")
    write_png(tmp_path / ".hidden/three.png", made_slice())
    (tmp_path / "table.csv").write_text("a,b\n")
    (tmp_path / "damaged.nii.gz").write_bytes(b"")
    expected = ["b/c/one.png", "damaged.nii.gz", "nameless", "two.PNG.png"]
    assert names(tmp_path) == (expected, {".csv": 1})


def test_images_that_differ_only_in_their_suffix_get_different_results(tmp_path):
    for name in ("a.png", "a.tif", "b.png"):
        write_png(tmp_path / f"{name}.png", made_slice())
        (tmp_path / f"{name}.png").rename(tmp_path / name)
    assert [image.stem for image in new_images.find(tmp_path)[0]] == ["a_png", "a_tif", "b"]


def test_no_two_images_get_the_same_results(tmp_path):
    for name in ("a.b.png", "a.b.tif", "a_b_png.tif", "C.png", "c.png"):
        write_png(tmp_path / "made.png", made_slice())
        (tmp_path / "made.png").rename(tmp_path / name)
    stems = {image.name: image.stem for image in new_images.find(tmp_path)[0]}
    assert len({stem.casefold() for stem in stems.values()}) == 5
    assert stems["a_b_png.tif"] == "a_b_png"


def test_a_table_of_a_windows_program_finds_its_images(tmp_path):
    write_png(tmp_path / "x/One.png", made_slice())
    table = tmp_path / "mine.csv"
    table.write_text("image\nX\\one.PNG\nx/One.png\n")
    assert names(table) == (["x/One.png"], {})
    table.write_text("image\n..\\one.png\n")
    with pytest.raises(UserError, match="row 1: image"):
        new_images.find(table)


def test_a_table_may_be_the_csv_of_a_spreadsheet(tmp_path):
    write_png(tmp_path / "x/one.png", made_slice())
    table = tmp_path / "mine.csv"
    for text in ("\ufeffImage;age\r\nx/one.png;3\r\n;\r\n", "image\nx/one.png\n\n"):
        table.write_bytes(text.encode())
        assert names(table) == (["x/one.png"], {})


def test_a_table_may_only_name_images_inside_its_folder(tmp_path):
    write_png(tmp_path / "x/one.png", made_slice())
    table = tmp_path / "mine.tsv"
    table.write_text("image\tage\nx/one.png\t3\n")
    assert names(table) == (["x/one.png"], {})
    for name in ("../one.png", "/one.png", ""):
        table.write_text(f"image\tage\nx/one.png\t3\n{name}\t3\n")
        with pytest.raises(UserError, match="row 2: image"):
            new_images.find(table)
    table.write_text("picture\nx/one.png\n")
    with pytest.raises(UserError, match="no column `image`"):
        new_images.find(table)


def test_a_missing_or_empty_folder_raises(tmp_path):
    with pytest.raises(UserError, match="no such file or folder"):
        new_images.find(tmp_path / "gone")
    with pytest.raises(UserError, match="no image in it"):
        new_images.find(tmp_path)


# ---- files in the format of the image


def mask_and_probability(shape, seed=5):
    """A mask and a quantised probability without symmetry."""
    quantised = np.random.default_rng(seed).integers(0, 65536, shape).astype(np.uint16)
    quantised[..., : shape[-1] // 3] = 0
    return (quantised > 40000).astype(np.uint8), quantised


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
@pytest.mark.parametrize("axes", ["RAS", "LPS", "ASL"])
def test_the_results_of_a_nifti_volume_have_its_header(tmp_path, suffix, axes):
    affine = nib.orientations.inv_ornt_aff(
        nib.orientations.axcodes2ornt(axes), (7, 9, 11)
    ) @ np.diag([1.5, 0.7, 3.0, 1])
    affine[:3, 3] += (3, -20, 8)
    source = nib.Nifti1Image(np.arange(693, dtype=np.int16).reshape(7, 9, 11), affine)
    source.set_qform(affine, 1)
    source.set_sform(affine, 4)
    source.header.set_xyzt_units("mm")
    nib.save(source, tmp_path / f"scan{suffix}")
    mask, quantised = mask_and_probability((7, 9, 11))
    files, warnings = native_files.write(
        tmp_path / "out/scan", read(tmp_path / f"scan{suffix}"), mask, quantised
    )
    assert warnings == []
    assert [path.name for path in files] == ["scan_mask.nii.gz", "scan_probability.nii.gz"]
    for path, expected in zip(files, (mask, quantised / 65535), strict=True):
        result = nib.load(path)
        np.testing.assert_allclose(result.get_fdata(), expected, atol=1e-7)
        np.testing.assert_allclose(result.affine, affine, atol=1e-5)
        for code in ("qform_code", "sform_code", "xyzt_units", "pixdim"):
            np.testing.assert_array_equal(result.header[code], source.header[code])
    assert nib.load(files[0]).get_data_dtype() == np.uint8


@pytest.mark.parametrize(("suffix", "written"), [("mha", "mha"), ("mhd", "mha"), ("nrrd", "nrrd")])
def test_the_results_of_an_mha_or_nrrd_volume_have_its_geometry(tmp_path, suffix, written):
    source = sitk.GetImageFromArray(np.arange(693, dtype=np.int16).reshape(11, 9, 7))
    source.SetSpacing((1.5, 0.7, 3.0))
    source.SetOrigin((3, -20, 8))
    source.SetDirection((0, -1, 0, 1, 0, 0, 0, 0, 1))
    sitk.WriteImage(source, str(tmp_path / f"scan.{suffix}"))
    scan = read(tmp_path / f"scan.{suffix}")
    mask, quantised = mask_and_probability(scan.voxels.shape)
    files, warnings = native_files.write(tmp_path / "out/scan", scan, mask, quantised)
    assert warnings == []
    assert [path.suffix for path in files] == [f".{written}"] * 2
    for path, expected in zip(files, (mask, quantised / 65535), strict=True):
        result = sitk.ReadImage(str(path))
        np.testing.assert_allclose(sitk.GetArrayFromImage(result).T, expected, atol=1e-7)
        assert result.GetSpacing() == source.GetSpacing()
        assert result.GetOrigin() == source.GetOrigin()
        assert result.GetDirection() == source.GetDirection()


CLASSES = [{"name": "rim", "label": 4}, {"name": "core", "label": 9}]


def two_classes(shape):
    """Masks of two classes that do not overlap, their maps, and the label map."""
    first, quantised = mask_and_probability(shape)
    second = (1 - first) * (quantised % 3 == 0)
    masks = np.stack([first, second]).astype(np.uint8)
    return masks, np.stack([quantised, 65535 - quantised]), 4 * first + 9 * second


@pytest.mark.parametrize("suffix", [".nii.gz", ".mha"])
@pytest.mark.parametrize("labelled", [True, False])
def test_several_classes_of_a_volume_are_a_label_map_or_masks(tmp_path, suffix, labelled):
    array = np.arange(693, dtype=np.int16).reshape(11, 9, 7)
    sitk.WriteImage(sitk.GetImageFromArray(array), str(tmp_path / f"a{suffix}"))
    scan = read(tmp_path / f"a{suffix}")
    masks, maps, labels = two_classes(scan.voxels.shape)
    files, _ = native_files.write(tmp_path / "out", scan, masks, maps, CLASSES, labelled)
    expected = {"mask": labels} if labelled else {"mask_rim": masks[0], "mask_core": masks[1]}
    expected |= dict(zip(("probability_rim", "probability_core"), maps / 65535, strict=True))
    assert [path.name for path in files] == [f"out_{ending}{suffix}" for ending in expected]
    for path, own in zip(files, expected.values(), strict=True):
        found = sitk.GetArrayFromImage(sitk.ReadImage(str(path))).T
        np.testing.assert_allclose(found, own, atol=1e-6)


@pytest.mark.parametrize("labelled", [True, False])
def test_several_classes_of_a_picture_have_outlines_with_their_names(tmp_path, labelled):
    write_png(tmp_path / "a.png", made_slice())
    masks, maps, labels = two_classes((60, 80))
    scan = read(tmp_path / "a.png")
    *pictures, outlines = native_files.write(
        tmp_path / "out", scan, masks, maps, CLASSES, labelled
    )[0]
    found = {path.stem: read_image(path) for path in pictures}
    shown = {"out_mask": labels}
    if not labelled:
        shown = {"out_mask_rim": 255 * masks[0], "out_mask_core": 255 * masks[1]}
    shown |= {"out_probability_rim": maps[0], "out_probability_core": maps[1]}
    assert list(found) == list(shown)
    for name, own in shown.items():
        np.testing.assert_array_equal(found[name], own)
    for name, mask in zip(("rim", "core"), masks, strict=True):
        meaning = {"rim": "background", "core": "background"} | {name: "tumour"}
        drawn = labelme.read(outlines, scan, key=ImageKey("a.png"), labels=meaning)
        np.testing.assert_array_equal(fill_parts(drawn.parts, *mask.shape), mask)


def test_a_volume_with_a_wrong_suffix_gets_nifti_with_the_right_affine(tmp_path):
    affine = np.diag([1.0, 2.0, 3.0, 1.0])
    nib.save(nib.Nifti1Image(np.arange(60.0).reshape(3, 4, 5), affine), tmp_path / "a.nii")
    (tmp_path / "a.nii").rename(tmp_path / "a.mha")
    files, _ = native_files.write(
        tmp_path / "a", read(tmp_path / "a.mha"), *mask_and_probability((3, 4, 5))
    )
    np.testing.assert_array_equal(nib.load(files[0]).affine, affine)


def test_a_picture_gets_png_files_and_an_outline_that_reproduces_the_mask(tmp_path):
    write_png(tmp_path / "images/a.png", made_slice())
    mask, quantised = mask_and_probability((60, 80))
    base = tmp_path / "out/x/a"
    files, _ = native_files.write(base, read(tmp_path / "images/a.png"), mask, quantised)
    np.testing.assert_array_equal(read_mask(files[0]), mask)
    np.testing.assert_array_equal(read_image(files[1]), quantised)
    content = json.loads(files[2].read_text())
    assert (base.parent / content["imagePath"]).resolve() == tmp_path / "images/a.png"
    filled = np.zeros_like(mask)
    for shape in content["shapes"]:
        filled |= fill(np.array(shape["points"]), *mask.shape)
    np.testing.assert_array_equal(filled, mask)


# ---- predict.main


@pytest.fixture
def images(tmp_path):
    """Two pictures, a volume, and a file that cannot be read."""
    folder = tmp_path / "images"
    write_png(folder / "a.png", made_slice())
    write_png(folder / "deep/b.png", made_slice(seed=1, dtype=np.uint8))
    stack = np.stack([made_slice(40, 50, seed=i) // 8 for i in range(10)], axis=-1)
    volume = nib.Nifti1Image(stack.astype(np.int16), np.diag([-0.8, -0.8, 4.0, 1.0]))
    nib.save(volume, folder / "v.nii.gz")
    return folder


def test_every_image_is_predicted_and_only_changed_ones_again(images, model, tmp_path):
    folder = run(images, model, tmp_path / "local")
    table = read_table(folder / "predictions.tsv").set_index("image")
    assert list(table.index) == ["a.png", "deep/b.png", "v.nii.gz"]
    assert set(table["status"]) == {"ok"}
    for name in ("a", "deep/b"):
        mask = read_mask(folder / f"{name}_mask.png")
        assert table.loc[f"{name}.png", "tumour_px"] == mask.sum()
        np.testing.assert_array_equal(
            mask, read_image(folder / f"{name}_probability.png") > 0.3 * 65535
        )
    mask = nib.load(folder / "v_mask.nii.gz").get_fdata()
    assert mask.shape == (40, 50, 10)
    assert table.loc["v.nii.gz", "plane"] == "axial"
    assert table.loc["v.nii.gz", "tumour_ml"] == pytest.approx(mask.sum() * 0.64 * 4 / 1000)
    assert mask.any()
    assert (tmp_path / "local/LOCAL_ONLY.txt").is_file()
    page = (folder / "overview.html").read_text(encoding="utf-8")
    assert "not for diagnosis" in page
    assert "https:" not in page.replace("http://www.w3.org/2000/svg", "")
    times = {path: path.stat().st_mtime_ns for path in folder.rglob("*_*.*")}
    run(images, model, tmp_path / "local")
    assert times == {path: path.stat().st_mtime_ns for path in times}
    write_png(images / "a.png", made_slice(seed=7))
    (folder / "deep/b_mask.png").unlink()
    run(images, model, tmp_path / "local")
    rewritten = {path for path, time in times.items() if path.stat().st_mtime_ns != time}
    expected = {"a_mask.png", "a_probability.png", "b_mask.png", "b_probability.png"}
    assert {path.name for path in rewritten} == expected


@pytest.mark.slow
def test_a_volume_gets_the_same_results_as_pictures_of_its_slices(images, model, tmp_path):
    """The volume is cut into slices and reassembled; each slice is also predicted as a picture."""
    scan = read(images / "v.nii.gz")
    slices = tmp_path / "slices"
    for index in range(10):
        # Displayed with rows to posterior and columns to left; the axes of this file are L, P, S.
        write_png(slices / f"{index}.png", np.ascontiguousarray(scan.voxels[:, :, index].T))
    pictures = run(slices, model, tmp_path / "local")
    volume = run(images, model, tmp_path / "local")
    of_volume = nib.load(volume / "v_probability.nii.gz").get_fdata()
    for index in range(10):
        of_picture = read_image(pictures / f"{index}_probability.png")
        np.testing.assert_allclose(of_volume[:, :, index].T * 65535, of_picture, atol=1.01)


def test_an_unreadable_image_is_reported_at_the_end_and_the_others_are_predicted(
    images, model, tmp_path, capsys
):
    (images / "0.png").write_bytes(b"\x89PNG\r\n\x1a\nnot really")
    with pytest.raises(UserError, match="1 of 4 images could not be predicted"):
        run(images, model, tmp_path / "local")
    folder = tmp_path / "local/predictions/images"
    table = read_table(folder / "predictions.tsv").set_index("image")
    assert list(table["status"]) == ["failed", "ok", "ok", "ok"]
    assert "ERROR 0.png: " in capsys.readouterr().out
    assert "0.png" in (folder / "overview.html").read_text(encoding="utf-8")


def test_an_image_in_a_plane_outside_the_training_gets_a_warning(images, model, tmp_path):
    folder = changed(model, tmp_path, lambda f: edit_facts(f, planes={"coronal": 4}))
    predictions = run(images, folder, tmp_path / "local")
    notes = read_table(predictions / "predictions.tsv").set_index("image")["notes"]
    assert "[plane_not_trained]" in notes["v.nii.gz"]
    assert not isinstance(notes["a.png"], str) or "plane" not in notes["a.png"]


def test_results_of_two_folders_with_one_name_are_not_mixed(images, model, tmp_path):
    run(images, model, tmp_path / "local")
    other = tmp_path / "elsewhere/images"
    write_png(other / "a.png", made_slice())
    with pytest.raises(UserError, match="other images of the same name"):
        run(other, model, tmp_path / "local")


def test_the_page_sorts_and_filters_and_loads_nothing_from_outside(images, model, tmp_path):
    (images / "deep/b.png").rename(images / "deep/<b>worst & best.png")
    (images / "0.png").write_bytes(b"")
    with pytest.raises(UserError, match="1 of 4"):
        run(images, model, tmp_path / "local")
    folder = tmp_path / "local/predictions/images"
    table = read_table(folder / "predictions.tsv").set_index("image")
    with browser(folder / "overview.html") as tab:

        def shown():
            rows = tab.query_selector_all("tbody tr:not([hidden]) td.image")
            return [cell.inner_text() for cell in rows]

        assert shown() == ["0.png", "a.png", "deep/<b>worst & best.png", "v.nii.gz"]
        for direction in ("ascending", "descending"):
            tab.click("text=Tumour, px")
            sizes = table["tumour_px"].sort_values(ascending=direction == "ascending")
            assert shown() == list(sizes.index)  # the failed one is last both times
            assert tab.get_attribute("th:has-text('Tumour, px')", "aria-sort") == direction
        tab.fill("input", "<b>worst OK")
        assert shown() == ["deep/<b>worst & best.png"]
        assert tab.inner_text("#count") == "1 of 4 images"
        assert len(tab.query_selector_all("tbody svg path")) == 3
        assert tab.complaints == []
