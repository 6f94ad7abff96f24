"""An exported model of small untrained networks, and a picture of a head to predict."""

import shutil
from pathlib import Path

import keras
import numpy as np
import yaml

import predict
from tumorseg.prediction import exporting
from tumorseg.training import identity
from tumorseg.training.model import build_network

SIZE = 32
SETTINGS = {
    "preparation": "robust",
    "channels": 1,
    "network": {"dropout": 0, "normalisation": True, "foreground_prior": 0.3},
    "training": {"mirrored": True},
}
NETWORK = {"name": "unet", "size_px": SIZE, "base_width": 2}


def facts_of(members, threshold=0.5, strip="none", planes=("axial",), settings=SETTINGS):
    return {
        "experiment": "made",
        "loss": {"name": "bce"},
        "recipe": {"name": "robust", "settings": settings},
        "network": NETWORK,
        "skull_strip": strip,
        "threshold": threshold,
        "threshold_fixed": 0.5,
        "planes": dict.fromkeys(planes, 3),
        "patients": 2,
        "cases": 3,
        "test_dice": {"mean": 0.5, "low": 0.4, "high": 0.6},
        "failed_trainings": 0,
        "versions": identity.versions(),
        "members": [{"file": f"fold-{index}.weights.h5"} for index in range(1, members + 1)],
    }


def made_slice(height=60, width=80, seed=0, dtype=np.uint16):
    """A bright ellipse on noise, not centred."""
    random = np.random.default_rng(seed)
    rows, columns = np.mgrid[:height, :width]
    head = ((rows - 0.45 * height) / (0.4 * height)) ** 2
    head += ((columns - 0.55 * width) / (0.4 * width)) ** 2
    full = np.iinfo(dtype).max
    image = np.where(head < 1, 0.5, 0.01) * full + random.normal(0, 0.02 * full, (height, width))
    return np.clip(image, 0, full).astype(dtype)


def write_model(folder: Path) -> Path:
    """A model of two networks with different weights."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    keras.utils.set_random_seed(1)  # independent of the tests that ran before
    network = build_network(NETWORK, SETTINGS)
    random = np.random.default_rng(3)
    files = []
    for index in (1, 2):
        network.set_weights(
            [w + random.normal(0, 0.2, w.shape).clip(-0.3, 0.3) for w in network.get_weights()]
        )
        files.append(folder.parent / f"{index}.weights.h5")
        network.save_weights(files[-1])
    exporting.write(folder, facts_of(2, threshold=0.3), files)
    return folder


def changed(model, tmp_path, change):
    folder = tmp_path / "model"
    shutil.copytree(model, folder)
    change(folder)
    return folder


def edit_facts(folder, **changes):
    facts = yaml.safe_load((folder / "model.yaml").read_text()) | changes
    (folder / "model.yaml").write_text(yaml.safe_dump(facts))


def run(images, model, local, code="1"):
    predict.main(
        images=str(images),
        local_dir=str(local),
        model=str(model),
        threads=1,
        wanted_device="cpu",
        code=code,
    )
    return local / "predictions" / images.name
