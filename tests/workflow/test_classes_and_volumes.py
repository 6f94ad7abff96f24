"""Several channels and classes, as slices and as volumes, from the source to the report."""

import json
from pathlib import Path
from shutil import copy2

import cv2
import nibabel as nib
import numpy as np
import pandas as pd
import pytest
import yaml
from project_copy import ProjectCopy, copy_project

from tumorseg.core.files import read_table
from tumorseg.core.images import of_channel, read_image
from tumorseg.imaging import planes

pytestmark = pytest.mark.slow

SLICES = """\
experiment: slices
source: {kind: nnunet, plane: axial}
identifiers: {names: keep}
skull_strip: {method: none, compare: [none]}
folds: {count: 1, test_patients: 4}
network: {size_px: 32, base_width: 4, levels: 2}
recipes: {robust: {training: {epochs: 2, steps: 1}}}
tuning: {scope: none}
"""
CASE = "TCGA_CS_1996_"  # names of public data, with what looks like a date
VOLUMES = """\
experiment: volumes
source: {patients: 8, voxel_mm: 6}
folds: {count: 1, test_patients: 3}
network: {patch: [16, 24, 16], base_width: 4, levels: 2}
recipes: {robust: {training: {epochs: 1, steps: 2}}}
"""


def write_nnunet(folder: Path) -> None:
    """Eight pictures of two channels with a core in a rim; dataset.json names all of them."""
    rows, columns = np.mgrid[:48, :56]
    for part in ("imagesTr", "labelsTr"):
        (folder / part).mkdir(parents=True)
    for number in range(8):
        random = np.random.default_rng(number)
        far = np.hypot(rows - random.uniform(18, 30), columns - random.uniform(20, 36))
        labels = np.where(far < 4, 1, np.where(far < 8, 2, 0)).astype(np.uint8)
        for channel, values in enumerate(([90, 180, 220], [90, 140, 230])):
            image = np.array(values)[labels] + random.normal(0, 12, labels.shape)
            name = f"imagesTr/{CASE}{number}_{channel:04d}.png"
            assert cv2.imwrite(str(folder / name), image.clip(0, 255).astype(np.uint8))
        assert cv2.imwrite(str(folder / f"labelsTr/{CASE}{number}.png"), labels)
    about = {
        "channel_names": {"0": "t1ce", "1": "flair"},
        "labels": {"background": 0, "core": 1, "rim": 2},
        "numTraining": 8,
        "file_ending": ".png",
    }
    (folder / "dataset.json").write_text(json.dumps(about), encoding="utf-8")


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> ProjectCopy:
    return copy_project(tmp_path_factory.mktemp("classes"))


def test_slices_of_several_channels_and_exclusive_classes_run_to_their_report(project, tmp_path):
    write_nnunet(tmp_path / "data")
    project.write("slices.yaml", SLICES)
    given = ["--config", f"data_dir={tmp_path / 'data'}"]
    done = project.run("--cores", "2", "all", *given, configfile="slices.yaml")
    assert done.returncode == 0, done.stdout[-6000:]
    results = project.folder / "results/slices"
    packed = np.load(results / "pack/robust/images.npy")
    assert packed.shape == (8, 32, 32, 2)
    assert np.load(results / "pack/robust/targets.npy").shape == (8, 32, 32, 2)
    classes = read_table(results / "tables/classes.tsv")
    assert list(dict.fromkeys(classes["class"])) == ["core", "rim"]
    privacy = read_table(results / "privacy.tsv")
    assert (privacy["hits"] == 0).all() and privacy["sought"].sum() > 0  # though names are kept
    rows = read_table(results / "metrics/robust/bce.classes.tsv")
    mean = rows.groupby("case")["dice"].mean()
    primary = read_table(results / "metrics/robust/bce.tsv").set_index("case")["dice"]
    np.testing.assert_allclose(primary[mean.index], mean, equal_nan=True)
    answer = (results / "answer.rst").read_text(encoding="utf-8")
    assert "mean over core, rim" in answer or "No loss found any tumour" in answer
    raw = [*given, f"images={tmp_path / 'data/imagesTr'}"]
    done = project.run("--cores", "2", "predict", *raw, configfile="slices.yaml")
    assert done.returncode == 0, done.stdout[-4000:]
    facts = yaml.safe_load((results / "model/model.yaml").read_text(encoding="utf-8"))
    assert (facts["channels"], facts["channel_numbers"]) == (["t1ce", "flair"], [0, 1])
    assert [(c["name"], c["label"]) for c in facts["classes"]] == [("core", 1), ("rim", 2)]
    predicted = project.folder / "local/slices/predictions/imagesTr"
    table = read_table(predicted / "predictions.tsv")
    assert list(table["image"]) == [f"{CASE}{n}" for n in range(8) for _ in range(2)]
    assert read_image(predicted / f"{CASE}7_mask.png").shape == (48, 56)


def test_volumes_run_to_their_report_and_keep_their_geometry(project):
    project.write("volumes.yaml", VOLUMES)
    command = project.command("--cores", "2", "all", configfile="experiments/volumes.yaml")
    done = project.execute([*command, "volumes.yaml"])
    assert done.returncode == 0, done.stdout[-6000:]
    results = project.folder / "results/volumes"
    cases = read_table(results / "cases.tsv")
    tested = list(read_table(results / "folds.tsv").query("role == 'test'")["case"])
    for row in cases.itertuples():
        image = nib.load(results / row.image)
        assert image.shape == (row.depth_px, row.height_px, row.width_px)
        np.testing.assert_allclose(np.linalg.norm(image.affine[:3, :3], axis=0), 6)
        if row.case not in tested:
            continue
        place = results / "predictions/robust/bce/seed-1/fold-1"
        for folder in (place, place / "class-2", place / "class-3"):
            found = nib.load(folder / f"{row.case}.nii.gz")
            assert found.shape == image.shape
            np.testing.assert_allclose(found.affine, image.affine)
        page = (results / f"figures/volumes/{row.case}.html").read_text(encoding="utf-8")
        assert row.case in page and "enhancing" in page
    classes = read_table(results / "tables/classes.tsv")
    assert list(dict.fromkeys(classes["class"])) == ["whole", "core", "enhancing"]
    chosen = read_table(results / "tables/class_thresholds.tsv").query("recipe == 'robust'")
    whole = chosen[chosen["class"] == "whole"].drop(columns="class").reset_index(drop=True)
    primary = read_table(results / "tables/thresholds.tsv").query("recipe == 'robust'")
    pd.testing.assert_frame_equal(whole, primary.reset_index(drop=True))
    case = tested[0]
    for number, channel in enumerate(("t1ce", "flair"), 1):
        image = of_channel(results / "cases", number) / f"{case}.nii.gz"
        (project.folder / "images").mkdir(exist_ok=True)
        copy2(image, project.folder / f"images/new_{channel}.nii.gz")
    given = ["volumes.yaml", "--config", "images=images"]
    command = project.command("--cores", "2", "predict", configfile="experiments/volumes.yaml")
    done = project.execute([*command, *given])
    assert done.returncode == 0, done.stdout[-4000:]
    folder = yaml.safe_load((results / "model/model.yaml").read_text(encoding="utf-8"))
    own = results / f"predictions/robust/{folder['loss']['name']}/seed-1/fold-1"
    stored = nib.load(own / f"class-2/{case}.nii.gz").get_fdata()
    file = project.folder / "local/volumes/predictions/images/new_probability_core.nii.gz"
    found = nib.load(file)
    found = planes.cut(found.get_fdata(), found.affine, "axial")
    # A stored volume is stretched to 16 bits when it is read, so intensities are rounded once more.
    np.testing.assert_allclose(found, stored, atol=0.002)
    mine = chosen[chosen["loss"] == folder["loss"]["name"]].set_index("class")["threshold"]
    found = {one["name"]: (one["label"], one["threshold"]) for one in folder["classes"]}
    labels = {"whole": 2, "core": 1, "enhancing": 4}
    assert found == {name: (labels[name], pytest.approx(at)) for name, at in mine.items()}
    labels = nib.load(file.with_name("new_mask.nii.gz"))
    assert labels.shape == nib.load(file).shape
