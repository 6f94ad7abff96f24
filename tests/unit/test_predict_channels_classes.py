"""`predict` with volumes, several channels and several classes: as the experiment's own steps."""

import json
import re
import shutil

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
import scan_files
import yaml
from chromium import browser
from model_files import changed, edit_facts, run
from PIL import Image
from whole_way import AFFINE, SECOND, THRESHOLDS, head, run_experiment

from tumorseg.core.cases import Channel
from tumorseg.core.errors import UserError
from tumorseg.core.files import read_table
from tumorseg.core.images import case_file, of_class, read_image
from tumorseg.evaluation import member_masks
from tumorseg.imaging import planes
from tumorseg.prediction import exporting, new_images
from tumorseg.prediction.mean_of_members import Stack, _prepared
from tumorseg.prediction.model_channels import Channels

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def volumes(tmp_path_factory):
    return run_experiment(tmp_path_factory.mktemp("volumes"), "volumes")


@pytest.fixture(scope="module")
def slices(tmp_path_factory):
    return run_experiment(tmp_path_factory.mktemp("slices"), "slices")


@pytest.fixture(scope="module")
def of_volumes(volumes, tmp_path_factory):
    """The predictions of the raw volumes as new images."""
    folder = tmp_path_factory.mktemp("predicted")
    return run(volumes.parent / "raw/imagesTr", volumes / "model", folder)


@pytest.fixture(scope="module")
def of_slices(slices, tmp_path_factory):
    folder = tmp_path_factory.mktemp("predicted")
    return run(slices.parent / "raw/imagesTr", slices / "model", folder)


def mean_of_own(results, case, position):
    """The mean of what the experiment's two trainings predicted of a case, value * 65535."""
    places = (of_class(results / f"predictions/fold-{n}", position) for n in (1, 2))
    return np.mean([read_image(case_file(place, case)) for place in places], axis=0)


@pytest.mark.parametrize("name", ["volumes", "slices"])
def test_outside_cases_get_the_mean_of_all_trainings_of_each_class(name, request):
    results = request.getfixturevalue(name)
    for case in read_table(results / "cases.tsv")["case"]:
        for position in (1, 2):
            expected = mean_of_own(results, case, position)
            maps = read_image(case_file(of_class(results / "external", position), case))
            assert expected.std() > 500
            assert np.abs(maps - expected).max() <= 1.01


def test_outside_cases_keep_the_mask_of_every_training(volumes):
    limit = THRESHOLDS[1] * 65535
    for case in read_table(volumes / "cases.tsv")["case"]:
        places = (volumes / f"predictions/fold-{fold}" for fold in (1, 2))
        first, second = (read_image(case_file(place, case)) > limit for place in places)
        assert 0 < first.mean() < 1
        dices = member_masks.dice(volumes / "external/members", case, first)
        both = 2 * (first & second).sum() / (first.sum() + second.sum())
        expected = {"seed-1_fold-1": 1, "seed-1_fold-2": both}
        assert dices == pytest.approx(expected, abs=0.005)


def stacked(path, plane="axial"):
    """A volume's values in the order of its slices."""
    image = nib.load(path)
    return planes.cut(np.asarray(image.dataobj), image.affine, plane)


def test_raw_volumes_get_the_mean_of_the_experiments_own_predictions(volumes, of_volumes):
    facts = yaml.safe_load((volumes / "model/model.yaml").read_text())
    thresholds = [np.mean(THRESHOLDS), np.mean(SECOND)]
    assert [one["threshold"] for one in facts["classes"]] == pytest.approx(thresholds)
    assert facts["channel_numbers"] == [2, 0] and facts["overlap"] == 0.5
    for case in read_table(volumes / "cases.tsv")["case"]:
        for position, one in enumerate(facts["classes"], 1):
            expected = mean_of_own(volumes, case, position)
            found = stacked(of_volumes / f"{case}_probability_{one['name']}.nii.gz") * 65535
            assert expected.std() > 500
            assert np.abs(found - expected).max() <= 1.01
            mask = stacked(of_volumes / f"{case}_mask_{one['name']}.nii.gz")
            np.testing.assert_array_equal(mask, found > one["threshold"] * 65535 + 0.01)
            assert 0 < mask.mean() < 1
        whole, core = (stacked(of_volumes / f"{case}_mask_{n}.nii.gz") for n in ("whole", "core"))
        labels = stacked(of_volumes / f"{case}_mask.nii.gz")
        np.testing.assert_array_equal(labels, np.where(core, 2, whole))  # {whole: [1, 2]}
    image = nib.load(of_volumes / "case0_mask_core.nii.gz")
    np.testing.assert_allclose(image.affine, AFFINE, atol=1e-5)


def test_raw_slices_get_the_mean_and_the_likeliest_class(slices, of_slices):
    for case in read_table(slices / "cases.tsv")["case"]:
        maps = [mean_of_own(slices, case, position) for position in (1, 2)]
        found = [read_image(of_slices / f"{case}_probability_{c}.png") for c in ("rim", "core")]
        assert all(np.abs(a - b).max() <= 1 for a, b in zip(maps, found, strict=True))
        background = 65535 - np.sum(found, axis=0, dtype=int)
        likeliest = np.argmax([background, *found], axis=0)
        labels = read_image(of_slices / f"{case}_mask.png")
        np.testing.assert_array_equal(labels, likeliest)
        assert len(np.unique(labels)) > 1


def test_a_model_exported_before_there_were_label_maps_still_predicts(volumes, tmp_path):
    def older(folder):
        facts = yaml.safe_load((folder / "model.yaml").read_text())
        del facts["label_order"]
        (folder / "model.yaml").write_text(yaml.safe_dump(facts))

    (tmp_path / "images").mkdir()
    for number in (0, 2):
        shutil.copy(volumes.parent / f"raw/imagesTr/case0_{number:04d}.nii.gz", tmp_path / "images")
    folder = run(tmp_path / "images", changed(volumes / "model", tmp_path, older), tmp_path / "l")
    names = {path.name for path in folder.glob("case0_mask*")}
    assert names == {"case0_mask_whole.nii.gz", "case0_mask_core.nii.gz"}


def test_tables_page_and_outlines_know_the_classes(slices, of_slices, of_volumes):
    table = read_table(of_volumes / "predictions.tsv").set_index(["image", "class"])
    mask = nib.load(of_volumes / "case1_mask_core.nii.gz").get_fdata()
    volume = abs(np.linalg.det(AFFINE[:3, :3])) / 1000
    assert table.loc[("case1", "core"), "tumour_px"] == mask.sum()
    assert table.loc[("case1", "core"), "tumour_ml"] == pytest.approx(mask.sum() * volume)
    assert 0 < table.loc[("case1", "whole"), "members_dice"] <= 1
    assert "flair" not in (notes := table.loc[("case1", "whole"), "notes"])
    assert "t1: a channel of 11 x 26 x 18" in notes and "[channel_resampled]" in notes
    page = (of_volumes / "overview.html").read_text(encoding="utf-8")
    assert "#D55E00" in page and "Ignored files: 4 other channel." in page
    shapes = json.loads((of_slices / "case2.json").read_text())["shapes"]
    assert {shape["label"] for shape in shapes} <= {"rim", "core"} and shapes
    readme = (slices / "model/README.txt").read_text()
    assert "exclusive classes rim, core" in readme and "1 rim, 2 core" in readme
    assert "t1 (0), flair (2)" in readme


def test_the_page_shows_each_class_in_its_colour(of_volumes):
    with browser(of_volumes / "overview.html") as tab:
        assert tab.inner_text("#count") == "4 of 4 images"
        assert len(tab.query_selector_all("tbody tr")) == 8
        tab.fill("input", "core case2")
        assert tab.inner_text("#count") == "1 of 4 images"
        assert tab.inner_text("tbody tr:not([hidden]) td.class") == "core"
        drawn = tab.query_selector_all("tbody tr:not([hidden]) path")
        colours = [tab.evaluate("p => getComputedStyle(p).stroke", path) for path in drawn]
        assert colours == ["rgb(86, 180, 233)", "rgb(213, 94, 0)"]  # the primary class on top
        assert tab.complaints == []


def test_a_volume_is_cut_for_a_model_of_slices_with_all_its_channels(slices, volumes, tmp_path):
    (tmp_path / "images").mkdir()
    for number in (0, 2):
        path = volumes.parent / f"raw/imagesTr/case3_{number:04d}.nii.gz"
        shutil.copy(path, tmp_path / "images")
    folder = run(tmp_path / "images", slices / "model", tmp_path / "local")
    labels, maps = nib.load(folder / "case3_mask.nii.gz"), []
    for name in ("rim", "core"):
        image = nib.load(folder / f"case3_probability_{name}.nii.gz")
        maps.append(np.rint(image.get_fdata() * 65535).astype(int))
    np.testing.assert_allclose(labels.affine, AFFINE @ np.diag([2, 1, 1, 1]), atol=1e-5)
    likeliest = np.argmax([65535 - sum(maps), *maps], axis=0)
    np.testing.assert_array_equal(labels.get_fdata(), likeliest)
    assert len(np.unique(likeliest)) > 1
    table = read_table(folder / "predictions.tsv").query("image == 'case3'")
    assert list(table["slices"]) == [18, 18] and list(table["class"]) == ["rim", "core"]


@pytest.mark.parametrize("axes", ["PIR", "SLA"])
def test_a_volume_stored_in_another_way_gets_the_same_result(volumes, of_volumes, tmp_path, axes):
    from_, to = nib.orientations.io_orientation(AFFINE), nib.orientations.axcodes2ornt(axes)
    (tmp_path / "images").mkdir()
    for number in (0, 2):
        path = volumes.parent / f"raw/imagesTr/case0_{number:04d}.nii.gz"
        turned = nib.load(path).as_reoriented(nib.orientations.ornt_transform(from_, to))
        nib.save(turned, tmp_path / "images" / path.name)
    folder = run(tmp_path / "images", volumes / "model", tmp_path / "local")
    for kind in ("probability", "mask"):
        first, second = (place / f"case0_{kind}_core.nii.gz" for place in (of_volumes, folder))
        assert nib.aff2axcodes(nib.load(second).affine) == tuple(axes)
        # t1 is resampled in another order of axes, so its last digit may be rounded otherwise.
        np.testing.assert_allclose(stacked(first), stacked(second), atol=1.6e-5)


# ---- ways to name the channels of an image


def predicted(folder, name="case0"):
    return nib.load(folder / f"{name}_probability_core.nii.gz").get_fdata()


@pytest.mark.parametrize("way", ["ending", "folder", "table", "four"])
def test_the_channels_of_an_image_may_be_given_in_several_ways(volumes, of_volumes, tmp_path, way):
    raw, place = volumes.parent / "raw/imagesTr", tmp_path / "images"
    (place / "deep/case0").mkdir(parents=True)
    names = {"flair": 2, "t1": 0}
    given, name = place, "deep/case0"
    if way == "four":
        first = nib.load(raw / "case0_0002.nii.gz")
        values = np.stack([np.full(first.shape, 7), np.zeros(first.shape), first.get_fdata()], -1)
        nib.save(nib.Nifti1Image(values.astype(np.int16), AFFINE), place / "deep/case0.nii.gz")
        values[..., 1] = 3  # a channel that the model does not see
        nib.save(nib.Nifti1Image(values.astype(np.int16), AFFINE), place / "deep/case1.nii.gz")
    for channel, number in names.items() if way != "four" else ():
        joint = {"ending": "case0_{}", "folder": "case0/{}", "table": "{}-case0"}[way]
        path = place / "deep" / f"{joint.format(channel)}.nii.gz"
        shutil.copy(raw / f"case0_{number:04d}.nii.gz", path)
    if way == "table":
        given, name = place / "mine.csv", "deep/flair-case0"
        given.write_text("T1,flair\ndeep/t1-case0.nii.gz,deep/flair-case0.nii.gz\n")
    run(given, volumes / "model", tmp_path / "local")
    folder = tmp_path / "local/predictions" / given.stem
    expected = of_volumes if way != "four" else folder
    other = "case0" if way != "four" else "deep/case1"
    np.testing.assert_array_equal(predicted(folder, name), predicted(expected, other))


def test_a_missing_channel_is_one_line_that_names_it_and_stops_no_other(volumes, tmp_path, capsys):
    raw, place = volumes.parent / "raw/imagesTr", tmp_path / "images"
    place.mkdir()
    for name in ("case0_0000", "case0_0002", "case1_0002", "case1_0001", "case2_0001"):
        shutil.copy(raw / f"{name}.nii.gz", place)
    shutil.copy(raw / "case3_0000.nii.gz", place / "case3_t1.nii.gz")
    shutil.copy(raw / "case3_0002.nii.gz", place / "alone.nii.gz")
    with pytest.raises(UserError, match="4 of 5 images could not be predicted"):
        run(place, volumes / "model", tmp_path / "local")
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("ERROR")]
    told = ["a volume of 22 x 26 x 18", "no t1: no case1_0000.nii.gz", "no flair", "no flair: no"]
    assert len(lines) == 4
    assert all(words in line for words, line in zip(told, lines, strict=True))
    assert "flair (2), t1 (0)" in lines[0]
    assert all("[channel_missing]" in line for line in lines)


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ("t1,age\na.nii,3\n", "no column `flair`; there are: t1, age"),
        ("t1,flair\na.nii,b.nii\n,b.nii\n", "row 2: t1: '', expected a path"),
        ("t1,flair\na.nii,b.nii\nc.nii,b.nii\n", "row 2: flair: b.nii is in an earlier row"),
    ],
)
def test_a_table_that_lacks_or_repeats_a_channel_is_refused_in_one_line(tmp_path, rows, words):
    (tmp_path / "mine.csv").write_text(rows)
    with pytest.raises(UserError, match=re.escape(words)):
        new_images.find(tmp_path / "mine.csv", Channels(("flair", "t1")))


def test_folders_of_dicom_series_are_the_channels_that_they_are_named_after(tmp_path):
    for channel in ("T1CE", "flair"):
        (tmp_path / "p1" / channel).mkdir(parents=True)
        scan_files.series(tmp_path / "p1" / channel)
    (image,), left_out = new_images.find(tmp_path, Channels(("flair", "t1ce")))
    assert (image.name, image.stem, left_out) == ("p1", "p1", {})
    assert [file.path.name for file in image.files] == ["flair", "T1CE"]


def test_an_image_named_in_two_ways_is_refused_in_one_line(tmp_path):
    for name in ("a_0000", "a_0001", "a_t1", "a_flair", "b_t1"):
        (tmp_path / f"{name}.nii").write_bytes(b"x")
    with pytest.raises(UserError, match="a: files with numbers and with names of channels"):
        new_images.find(tmp_path, Channels(("flair", "t1")))


def test_without_known_numbers_the_order_counts_and_more_channels_are_refused(
    slices, of_slices, tmp_path, capsys
):
    """As a model of the sources table and folder, whose files have no numbers."""

    def without(folder):
        facts = yaml.safe_load((folder / "model.yaml").read_text())
        del facts["channel_numbers"]
        (folder / "model.yaml").write_text(yaml.safe_dump(facts))

    model = changed(slices / "model", tmp_path, without)
    (tmp_path / "images").mkdir()
    colours = np.stack([head((48, 56), n)[1] / 10 for n in range(3)], -1).astype(np.uint8)
    Image.fromarray(colours).save(tmp_path / "images/a.png")
    with pytest.raises(UserError, match="1 of 1"):
        run(tmp_path / "images", model, tmp_path / "local")
    assert "more than 2 channels in the file; expected 2, in this order: t1 (0), flair (1)" in (
        capsys.readouterr().out
    )
    with pytest.raises(UserError, match="3 files that are named as the channels of one image"):
        run(slices.parent / "raw/imagesTr", model, tmp_path / "local")
    pairs = tmp_path / "pairs"
    pairs.mkdir()
    for number, channel in ((0, 0), (1, 2)):
        shutil.copy(
            slices.parent / f"raw/imagesTr/case0_{channel:04d}.png", pairs / f"a_000{number}.png"
        )
    folder = run(pairs, model, tmp_path / "local")
    first, second = (read_image(p) for p in (folder / "a_mask.png", of_slices / "case0_mask.png"))
    np.testing.assert_array_equal(first, second)


def test_a_picture_is_no_volume_and_a_changed_model_is_refused(volumes, slices, tmp_path, capsys):
    (tmp_path / "images").mkdir()
    for number in (0, 2):
        shutil.copy(slices.parent / f"raw/imagesTr/case0_{number:04d}.png", tmp_path / "images")
    with pytest.raises(UserError, match="1 of 1"):
        run(tmp_path / "images", volumes / "model", tmp_path / "local")
    assert "case0: a picture, or a stack of pictures; expected a volume" in capsys.readouterr().out
    wrong = {
        "`inputs`": {"inputs": [3]},
        "`classes.threshold`": {"classes": [{"name": "a", "label": 1}] * 2},
        "`classes`": {"classes": []},
        "`overlap`": {"overlap": "half"},
        "`channel_numbers`": {"channel_numbers": [1]},
        "`label_order`": {"label_order": ["whole", "rim"]},
    }
    for number, (words, change) in enumerate(wrong.items()):
        model = changed(
            volumes / "model", tmp_path / str(number), lambda f, c=change: edit_facts(f, **c)
        )
        with pytest.raises(UserError, match=words):
            run(tmp_path / "images", model, tmp_path / "local")


def test_a_model_that_crops_to_an_organ_asks_for_its_mask_and_sees_what_training_saw():
    recipe = {"preparation": "robust", "volumes": {"crop": "organ", "organ": "gland"}}
    recipe["volumes"] |= {"margin_mm": 0.0, "order": "linear", "counted": "all", "intensities": []}
    cases = pd.DataFrame(columns=["channel", "channel_2", "channel_3"])
    known = exporting.channels_of(cases, ["t2w", "adc", "gland"], [1, 2], recipe)
    assert known["channels"] == ["t2w", "adc", "gland"] and known["inputs"] == [1, 2]
    facts = known | {"skull_strip": "none", "network": {"patch": [4, 4, 4]}}
    facts |= {"recipe": {"name": "robust", "settings": recipe}}
    t2w = np.arange(12.0**3).reshape(12, 12, 12).astype(np.uint16)
    gland = np.zeros_like(t2w)
    gland[2:7, 3:9, 4:10] = 1
    stack = Stack(t2w, (1.0, 1.0, 1.0), (Channel(t2w + 1), Channel(gland)))
    image, _ = _prepared(stack, ..., facts)
    np.testing.assert_array_equal(image[..., 1] - image[..., 0], 1)
    np.testing.assert_array_equal(image[..., 0], t2w[2:7, 3:9, 4:10])
