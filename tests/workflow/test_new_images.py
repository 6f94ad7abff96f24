"""A trained model applied to images: here, and in a copy that has nothing but the model."""

from shutil import copytree

import numpy as np
import pytest
import yaml
from project_copy import copy_project

from tumorseg.core.files import read_table
from tumorseg.core.images import read_image, read_mask


@pytest.fixture(scope="module")
def predicted(study):
    """The study's own slices predicted as if they were new: the folder of the predictions."""
    copytree(study.folder / "results/tiny/cases", study.folder / "images/deep")
    done = study.run("--cores", "2", "predict", "--config", "images=images")
    assert done.returncode == 0, done.stdout[-4000:]
    assert "not for diagnosis" in done.stdout
    return study.folder / "local/tiny/predictions/images"


def test_a_new_image_gets_the_mean_of_its_trainings(study, predicted):
    """Of a case that is tested by one training and validates the other, both are stored."""
    results = study.folder / "results/tiny"
    model = yaml.safe_load((results / "model/model.yaml").read_text(encoding="utf-8"))
    stored = results / "predictions/robust" / model["loss"]["name"] / "seed-1"
    roles = read_table(results / "folds.tsv").pivot(index="case", columns="fold", values="role")
    compared = 0
    for case, (first, second) in roles.iterrows():
        if {first, second} != {"test", "validation"}:
            continue
        maps = [
            read_image(stored / f"fold-{fold}" / ("" if role == "test" else role) / f"{case}.png")
            for fold, role in ((1, first), (2, second))
        ]
        found = read_image(predicted / f"deep/{case}_probability.png")
        assert np.abs(found - np.mean(maps, axis=0)).max() <= 1
        mask = read_mask(predicted / f"deep/{case}_mask.png")
        np.testing.assert_array_equal(mask, found > model["threshold"] * 65535)
        compared += 1
    assert compared
    table = read_table(predicted / "predictions.tsv")
    assert len(table) == len(roles)
    assert (table["status"] == "ok").all()


def test_predicting_leaves_the_study_as_it_was(study, predicted):
    assert study.jobs() == set()


def test_an_exported_model_needs_nothing_else_and_predicts_the_same(study, predicted, tmp_path):
    project = copy_project(tmp_path / "project")
    copytree(study.folder / "results/tiny/model", tmp_path / "given")
    copytree(study.folder / "images", tmp_path / "images")
    given = [f"images={tmp_path / 'images'}", f"model={tmp_path / 'given'}"]
    done = project.run("--cores", "2", "predict", "--config", *given)
    assert done.returncode == 0, done.stdout[-4000:]
    results = project.folder / "results"
    assert not [path for path in results.rglob("*") if path.name != "README.md"]
    again = project.folder / "local/tiny/predictions/images"
    for path in predicted.rglob("*.png"):
        assert (again / path.relative_to(predicted)).read_bytes() == path.read_bytes()
    damaged = tmp_path / "given/seed-1_fold-2.weights.h5"
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"x")
    done = project.run("--cores", "2", "predict", "--config", *given)
    assert done.returncode != 0
    assert "ERROR in rule predict" in done.stdout
    assert "the weights are not those that were exported" in done.stdout


def test_predict_without_images_states_what_is_missing(study):
    done = study.run("--cores", "2", "predict")
    assert done.returncode != 0
    assert "--config images=<file, folder or table>" in done.stdout
    assert "Traceback" not in done.stdout
