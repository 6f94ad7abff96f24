"""Tests of export_model: the right loss, every finished training, and no names of patients."""

from pathlib import Path

import pandas as pd
import pytest
import yaml

import export_model
from tumorseg.core.errors import UserError
from tumorseg.core.files import read_table, write_table
from tumorseg.prediction import exported_model

LOSSES = ["bce", "focal"]


@pytest.fixture
def study(tmp_path):
    """Two losses, two seeds, two folds; focal has the higher Dice and one failed training."""
    arguments = {"settings_files": [], "weights": []}
    thresholds = []
    for loss in LOSSES:
        for seed in (1, 2):
            for fold in (1, 2):
                failed = (loss, seed, fold) == ("focal", 2, 1)
                folder = tmp_path / f"models/robust/{loss}/seed-{seed}/fold-{fold}"
                folder.mkdir(parents=True)
                content = b"" if failed else f"{loss} {seed} {fold}".encode()
                (folder / "model.weights.h5").write_bytes(content)
                facts = {
                    "status": "failed" if failed else "ok",
                    "recipe": "robust",
                    "loss": {"name": loss, "function": loss, "constants": {"alpha": seed / 10}},
                    "settings": {"training": {"epochs": 3}},
                    "seed": seed,
                    "fold": fold,
                }
                (folder / "settings.yaml").write_text(yaml.safe_dump(facts))
                arguments["settings_files"].append(str(folder / "settings.yaml"))
                arguments["weights"].append(str(folder / "model.weights.h5"))
                if not failed:
                    line = {"recipe": "robust", "loss": loss, "seed": seed, "fold": fold}
                    thresholds.append(line | {"threshold": 0.2 * seed + 0.1 * fold})
    ranking = [
        {"recipe": "paper", "loss": "bce", "mean": 0.9, "low": 0.8, "high": 0.95},
        {"recipe": "robust", "loss": "focal", "mean": 0.6, "low": 0.5, "high": 0.7},
        {"recipe": "robust", "loss": "bce", "mean": 0.4, "low": 0.3, "high": 0.5},
    ]
    cases = [
        {"case": "secret_1", "patient": "Doe", "plane": "sagittal", "channel": 1},
        {"case": "secret_2", "patient": "Doe", "plane": "axial", "channel": 1},
        {"case": "secret_3", "patient": "Roe", "plane": "axial", "channel": 1},
    ]
    for name, lines in {"ranking": ranking, "thresholds": thresholds, "cases": cases}.items():
        write_table(pd.DataFrame(lines), tmp_path / f"{name}.tsv")
        arguments[f"{name}_table"] = str(tmp_path / f"{name}.tsv")
    return arguments | {
        "model_dir": str(tmp_path / "model"),
        "experiment": "made",
        "recipe": "robust",
        "settings": {
            "preparation": "robust",
            "channels": 1,
            "network": {},
            "training": {"mirrored": True},
        },
        "losses": LOSSES,
        "model_loss": "best",
        "network": {"name": "unet", "size_px": 32, "base_width": 4},
        "skull_strip": "otsu",
        "threshold": 0.5,
    }


def exported(study, tmp_path, **changes):
    export_model.main(**study | changes)
    return exported_model.read(tmp_path / "model")


def test_best_exports_the_loss_with_the_highest_dice_and_counts_failed_trainings(study, tmp_path):
    facts = exported(study, tmp_path)
    assert facts["loss"] == {"name": "focal", "function": "focal"}
    assert [(m["seed"], m["fold"]) for m in facts["members"]] == [(1, 1), (1, 2), (2, 2)]
    assert facts["failed_trainings"] == 1
    assert facts["test_dice"] == {"mean": 0.6, "low": 0.5, "high": 0.7}
    assert "1 more trainings failed" in (tmp_path / "model/README.txt").read_text()
    for member in facts["members"]:
        content = (tmp_path / "model" / member["file"]).read_text()
        assert content == f"focal {member['seed']} {member['fold']}"
        assert member["loss_constants"] == {"alpha": member["seed"] / 10}


def test_the_threshold_is_the_mean_of_the_trainings_own_thresholds(study, tmp_path):
    facts = exported(study, tmp_path)
    assert facts["threshold"] == pytest.approx((0.3 + 0.4 + 0.6) / 3, abs=1e-4)
    assert facts["threshold_fixed"] == 0.5


def test_a_loss_is_exported_by_name_and_an_unknown_one_is_rejected(study, tmp_path):
    assert exported(study, tmp_path, model_loss="bce")["loss"]["name"] == "bce"
    with pytest.raises(UserError, match="no loss 'dice'; expected one of: best, bce, focal"):
        export_model.main(**study | {"model_loss": "dice"})


def test_a_loss_whose_trainings_all_failed_cannot_be_exported(study, tmp_path):
    for path in study["settings_files"]:
        text = Path(path).read_text(encoding="utf-8")
        Path(path).write_text(text.replace("status: ok", "status: failed"), encoding="utf-8")
    with pytest.raises(UserError, match="all 4 trainings failed"):
        export_model.main(**study)


@pytest.mark.parametrize("channels", [(1, 1, 1), (0, 1, 1), ("NaN", "NaN", "NaN"), (1, 1, "NaN")])
def test_the_channel_of_the_training_images_is_named_where_they_all_show_one(
    study, tmp_path, channels
):
    table = read_table(study["cases_table"]).assign(channel=channels)
    write_table(table, study["cases_table"])
    facts = exported(study, tmp_path)
    assert facts.get("channel") == (1 if channels == (1, 1, 1) else None)
    told = "channel 1 (from 0) of images with several"
    assert (told in (tmp_path / "model/README.txt").read_text()) == (channels == (1, 1, 1))


def write_class_thresholds(study, **values):
    """The table of what each training chose for each class: its own threshold times a number."""
    table = read_table(study["thresholds_table"])
    each = [table.assign(threshold=n * table["threshold"]) for n in values.values()]
    rows = pd.concat(own.assign(**{"class": c}) for c, own in zip(values, each, strict=True))
    path = study["thresholds_table"].replace("thresholds", "class_thresholds")
    write_table(rows, path)
    return {"class_thresholds_table": path}


def test_each_overlapping_class_has_the_mean_of_its_own_chosen_thresholds(study, tmp_path):
    chosen = (0.3 + 0.4 + 0.6) / 3
    network = study["network"] | {"classes": 2, "exclusive": False}
    of = {"labels": {"whole": 1, "core": 2}, "network": network}
    of |= write_class_thresholds(study, whole=1, core=0.5)
    for primary in ("whole", "mean"):
        facts = exported(study, tmp_path, **of, primary_class=primary)
        thresholds = [one["threshold"] for one in facts["classes"]]
        assert thresholds == pytest.approx([chosen, chosen / 2], abs=1e-4)
        assert [one["name"] for one in facts["classes"]] == ["whole", "core"]
        assert facts["members"][2]["thresholds"] == pytest.approx({"whole": 0.6, "core": 0.3})
        text = (tmp_path / "model/README.txt").read_text()
        assert "overlapping classes whole, core" in text and f"of {primary}" in text
        assert "validation patients chose for the class" in " ".join(text.split())
    of |= {"network": network | {"exclusive": True}, "class_thresholds_table": ""}
    facts = exported(study, tmp_path, **of, primary_class="whole")
    assert not any("threshold" in one for one in facts["classes"]) and "threshold" not in facts
    assert "thresholds" not in facts["members"][0]


def test_nested_classes_are_exported_with_their_own_labels_and_the_order_of_painting(
    study, tmp_path
):
    network = study["network"] | {"classes": 2, "exclusive": False}
    of = {"labels": {"core": 2, "whole": 1}, "primary_class": "core", "network": network}
    of |= write_class_thresholds(study, core=1, whole=1)
    nested = {"whole": ["1", "4"], "core": ["4"]}
    facts = exported(study, tmp_path, **of, classes=nested)
    assert [(one["name"], one["label"]) for one in facts["classes"]] == [("core", 4), ("whole", 1)]
    assert facts["label_order"] == ["whole", "core"]
    assert "1 whole, 4 core" in (tmp_path / "model/README.txt").read_text()
    for classes in (nested | {"core": ["core"]}, nested | {"core": ["2", "4"]}):
        facts = exported(study, tmp_path, **of, classes=classes)
        assert [one["label"] for one in facts["classes"]] == [2, 1]
        assert "label_order" not in facts
    of["network"] = network | {"exclusive": True}
    facts = exported(study, tmp_path, **of, classes={"whole": ["3"], "core": ["4"]})
    assert "label_order" not in facts and [one["label"] for one in facts["classes"]] == [2, 1]


def test_the_only_class_is_exported_with_its_name(study, tmp_path):
    assert "class_name" not in exported(study, tmp_path)
    facts = exported(study, tmp_path, classes={"prostate": ["1", "2"]})
    assert facts["class_name"] == "prostate" and "classes" not in facts
    assert "A pixel is predicted as prostate if" in (tmp_path / "model/README.txt").read_text()


@pytest.mark.parametrize(
    ("inputs", "expected"),
    [
        ([1, 2, 3], (["t1", "t2", "flair"], [3, 0, 1], [1, 2, 3])),
        ([3], (["t1", "flair"], [3, 1], [2])),
        ([2, 1], (["t1", "t2"], [3, 0], [2, 1])),
    ],
)
def test_a_model_names_the_channels_that_predicting_needs(study, tmp_path, inputs, expected):
    table = read_table(study["cases_table"]).assign(channel=3, channel_2=0, channel_3=1)
    write_table(table, study["cases_table"])
    of = {"channels": ["t1", "t2", "flair"], "inputs": inputs}
    facts = exported(study, tmp_path, **of)
    assert tuple(facts[k] for k in ("channels", "channel_numbers", "inputs")) == expected
    assert "channel" not in facts
    write_table(table.assign(channel_2="NaN", channel_3="NaN"), study["cases_table"])
    assert "channel_numbers" not in exported(study, tmp_path, **of)
    alone = exported(study, tmp_path, **of | {"inputs": [1]})
    assert alone["channel"] == 3 and "channels" not in alone


def test_an_exported_model_counts_its_training_data_but_names_no_patient_or_case(study, tmp_path):
    facts = exported(study, tmp_path)
    assert (facts["patients"], facts["cases"]) == (2, 3)
    assert facts["planes"] == {"axial": 2, "sagittal": 1}
    for path in (tmp_path / "model").iterdir():
        content = path.read_bytes()
        assert not any(word in content for word in (b"Doe", b"Roe", b"secret", b"/tmp", b"\\tmp"))
        assert not any(word in path.name for word in ("Doe", "Roe", "secret"))
