"""A small experiment from raw files to predictions of its cases and to its exported model.

The same cases are predicted as outside data as well.
"""

import json
from pathlib import Path

import cv2
import keras
import nibabel as nib
import numpy as np
import pandas as pd
import yaml

import export_model
import import_cases
import pack
import pack_volumes
import predict_cases
import predict_external
import rasterize
import skull_strip
from tumorseg.core.files import read_table, write_table
from tumorseg.training.model import build_network

# Chosen by the two members, for the first and the second class.
THRESHOLDS, SECOND = (0.07, 0.11), (0.08, 0.14)
AFFINE = np.array([[-1.2, 0, 0.1, 9], [0, 1.1, 0, -14], [-0.1, 0, 2.5, -20], [0, 0, 0, 1]])
VOLUME = (22, 26, 18)
EXPERIMENTS = {
    "volumes": {
        "source": {"kind": "nnunet", "dimensions": 3, "channels": ["flair", "t1"]},
        "classes": {"whole": ["1", "2"], "core": ["2"]},
        "settings": {
            "preparation": "robust",
            "channels": 2,
            "volumes": {
                "crop": "nonzero",
                "spacing_mm": [2.5, 1.5, 1.6],
                "order": "cubic",
                "counted": "nonzero",
                "intensities": [{"percentiles": [1, 99]}, "zscore"],
            },
            "training": {"mirrored": "all", "batch_size": 2},
        },
        "network": {"patch": [8, 16, 16], "levels": 2, "classes": 2, "exclusive": False},
        "inputs": [1, 2],
    },
    "slices": {
        "source": {"kind": "nnunet", "plane": "axial", "channels": ["t1", "flair"]},
        "classes": {"rim": ["1"], "core": ["2"]},
        "settings": {"preparation": "robust", "channels": 2, "training": {"mirrored": True}},
        "network": {"classes": 2, "exclusive": True},
        "inputs": [2, 1],
    },
}


def head(shape, seed):
    """Labels of a core in a rim inside an ellipsoid, and an image of which both are brighter."""
    random = np.random.default_rng(seed)
    grid = np.stack(np.meshgrid(*(np.linspace(-1, 1, n) for n in shape), indexing="ij"))
    far = np.linalg.norm(grid - random.uniform(-0.2, 0.2, (len(shape), *[1] * len(shape))), axis=0)
    labels = np.where(far < 0.25, 2, np.where(far < 0.45, 1, 0)).astype(np.uint8)
    inside = (grid**2).sum(axis=0) < 0.8
    return labels, np.where(inside, 900 + 300.0 * labels + random.normal(0, 40, shape), 0)


def write_volumes(folder: Path) -> None:
    """Four cases of three channels, numbered as nnU-Net's; t1 is on a coarser grid of its own."""
    coarse = AFFINE @ np.diag([2, 1, 1, 1.0])
    for case in range(4):
        labels, image = head(VOLUME, case)
        for number in range(3):
            own = (image * (1 + 0.3 * number) + 10 * number).astype(np.int16)
            own, affine = (own[::2], coarse) if number == 0 else (own, AFFINE)
            path = folder / f"imagesTr/case{case}_{number:04d}.nii.gz"
            nib.save(nib.Nifti1Image(own, affine), path)
        nib.save(nib.Nifti1Image(labels, AFFINE), folder / f"labelsTr/case{case}.nii.gz")


def write_slices(folder: Path) -> None:
    for case in range(4):
        labels, image = head((48, 56), case)
        for number in range(3):
            own = (image / 8 * (1 - 0.2 * number)).clip(0, 255).astype(np.uint8)
            assert cv2.imwrite(str(folder / f"imagesTr/case{case}_{number:04d}.png"), own)
        assert cv2.imwrite(str(folder / f"labelsTr/case{case}.png"), labels)


def write_raw(folder: Path, name: str) -> None:
    """The raw files of an experiment, in nnU-Net's layout."""
    for part in ("imagesTr", "labelsTr"):
        (folder / part).mkdir(parents=True)
    {"volumes": write_volumes, "slices": write_slices}[name](folder)
    about = {
        "channel_names": {"0": "t1", "1": "t2", "2": "flair"},
        "labels": {"background": 0, "rim": 1, "core": 2},
        "numTraining": 4,
        "file_ending": {"volumes": ".nii.gz", "slices": ".png"}[name],
    }
    (folder / "dataset.json").write_text(json.dumps(about), encoding="utf-8")


def write_weights(path: Path, network, settings, seed: int) -> None:
    keras.utils.set_random_seed(1)
    model = build_network(network, settings)
    random = np.random.default_rng(seed)
    values = [w + random.normal(0, 0.2, w.shape).clip(-0.3, 0.3) for w in model.get_weights()]
    model.set_weights(values)
    path.parent.mkdir(parents=True)
    model.save_weights(path)


def run_experiment(root: Path, name: str) -> Path:
    """Runs the steps on raw data in root/raw; the folder of its results, with `model`."""
    of = EXPERIMENTS[name]
    write_raw(root / "raw", name)
    out, classes, exclusive = root / "results", of["classes"], of["network"]["exclusive"]
    network = {"name": "unet", "size_px": 32, "base_width": 2} | of["network"]
    settings = of["settings"] | {
        "network": {"dropout": 0, "normalisation": True, "foreground_prior": 0.3}
    }
    import_cases.main(
        source=of["source"] | {"classes": classes},
        data_dir=str(root / "raw"),
        seed=1,
        identifiers={"names": "keep", "key_file": ""},
        local_dir=str(root / "local"),
        config={"folds": {"count": 2}},
        cases_table=str(out / "cases.tsv"),
        **{f"{part}_dir": str(out / part) for part in ("cases", "annotations", "true_brain")},
    )
    read = {f"{part}_dir": str(out / part) for part in ("cases", "brain", "stripped")}
    table = {"cases_table": str(out / "cases.tsv")}
    strip = {"method": "head", "channels": 2, "strip_table": str(out / "strip.tsv")}
    skull_strip.main(**read, **table, **strip)
    rasterize.main(
        **read,
        **table,
        annotations_dir=str(out / "annotations"),
        masks_table=str(out / "masks.tsv"),
        masks_dir=str(out / "masks"),
        config={"skull_strip": {"method": "head", "accept_harm": True}},
        classes=2,
    )
    ending = "" if name == "volumes" else ".npy"
    packed = {
        "images_file": str(out / f"images{ending}"),
        "placement_table": str(out / "placement.tsv"),
    }
    packing = {
        **table,
        **packed,
        "stripped_dir": str(out / "stripped"),
        "masks_dir": str(out / "masks"),
        "targets_file": str(out / f"targets{ending}"),
        "inputs": of["inputs"],
        "classes": 2,
        "overlapping": not exclusive,
    }
    if name == "volumes":
        pack_volumes.main(**packing, volumes=settings["volumes"], patch=network["patch"])
    else:
        pack.main(**packing, size_px=32, preparation=settings["preparation"])
    cases = read_table(out / "cases.tsv")
    folds = pd.concat(cases[["case"]].assign(fold=fold, role="test") for fold in (1, 2))
    write_table(folds, out / "folds.tsv")
    weights, records = [], []
    for fold in (1, 2):
        weights.append(out / f"models/fold-{fold}/model.weights.h5")
        write_weights(weights[-1], network, settings, fold)
        record = {"status": "ok", "seed": 1, "fold": fold, "settings": settings}
        record["loss"] = {"name": "bce", "function": "bce", "constants": {}}
        records.append(weights[-1].with_name("settings.yaml"))
        records[-1].write_text(yaml.safe_dump(record))
    predicting = {
        **packed,
        "weights": list(map(str, weights)),
        "settings_files": list(map(str, records)),
        "settings": settings,
        "network": network,
        "seed": 1,
        "threads": 1,
        "wanted_device": "cpu",
        "cases_dir": str(out / "cases") if name == "volumes" else "",
    }
    predict_cases.main(
        **predicting,
        folds_table=str(out / "folds.tsv"),
        predictions=[str(out / f"predictions/fold-{fold}") for fold in (1, 2)],
    )
    predict_external.main(
        **predicting, predictions_dir=str(out / "external"), threshold=THRESHOLDS[1]
    )
    same = {"recipe": "robust", "loss": "bce"}
    ranking = pd.DataFrame([same | {"mean": 0.5, "low": 0.4, "high": 0.6}])
    write_table(ranking, out / "ranking.tsv")
    chosen = [same | {"seed": 1, "fold": n, "threshold": t} for n, t in enumerate(THRESHOLDS, 1)]
    write_table(pd.DataFrame(chosen), out / "thresholds.tsv")
    by_class = [
        same | {"class": name, "seed": 1, "fold": n, "threshold": t}
        for name, own in zip(classes, (THRESHOLDS, SECOND), strict=True)
        for n, t in enumerate(own, 1)
    ]
    write_table(pd.DataFrame(by_class), out / "class_thresholds.tsv")
    export_model.main(
        **table,
        settings_files=list(map(str, records)),
        weights=list(map(str, weights)),
        ranking_table=str(out / "ranking.tsv"),
        thresholds_table=str(out / "thresholds.tsv"),
        class_thresholds_table="" if exclusive else str(out / "class_thresholds.tsv"),
        model_dir=str(out / "model"),
        experiment=name,
        recipe="robust",
        settings=settings,
        losses=["bce"],
        model_loss="best",
        network=network,
        skull_strip="head",
        threshold=0.5,
        labels=dict(zip(classes, (1, 2), strict=True)),
        classes=classes,
        primary_class=next(iter(classes)),
        channels=of["source"]["channels"],
        inputs=of["inputs"],
    )
    return out
