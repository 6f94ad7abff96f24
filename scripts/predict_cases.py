"""Predicts the test and validation cases of every training, at native size."""

import time
from pathlib import Path

import numpy as np
import yaml

from tumorseg.core import device
from tumorseg.core.files import read_table, write_text
from tumorseg.core.images import of_class, write_case
from tumorseg.core.records import NetworkSettings, RecipeSettings
from tumorseg.data.folds import positions
from tumorseg.evaluation.probabilities import STORED_ONE, quantised
from tumorseg.training.model import build_network
from tumorseg.training.packed_cases import PackedCases


def main(
    *,
    images_file: str,
    placement_table: str,
    folds_table: str,
    weights: list[str],
    settings_files: list[str],
    predictions: list[str],
    settings: RecipeSettings,
    network: NetworkSettings,
    seed: int,
    threads: int,
    wanted_device: str,
    cases_dir: str = "",
    batch_size: int = 8,
    backend: str = "",
) -> None:
    """Writes <case>.png: 16 bit, probability = value / 65535, native height and width.

    The primary class is in the folder itself, others are in class-2/ and so on. Validation cases,
    which only choose a threshold, go into the subfolder validation/. A training that failed gets a
    file FAILED with the reason instead. One job serves all trainings of a loss, because starting
    Keras takes longer than predicting.

    Args:
        images_file, placement_table, folds_table: packed images, their placement, the folds.
        weights, settings_files, predictions: one per training, in the same order; predictions are
            the folders to write.
        settings: the recipe.
        network: the network's name and size.
        seed: of the device; no prediction depends on it.
        threads: CPU threads.
        wanted_device: auto, cpu, gpu or tpu; backend: tensorflow, jax or torch.
        cases_dir: the images, whose geometry predictions of volumes get.
        batch_size: images at once; of volumes as many patches as in a step of the training, so that
            a prediction needs no more memory than the training did.
    """
    folds = read_table(folds_table)
    places = read_table(placement_table)
    machine = device.start(wanted=wanted_device, threads=threads, seed=seed, backend=backend)
    from tumorseg.training.inference import of_classes, predict_whole  # Keras starts after it

    classes = network.get("classes", 1)
    model = build_network(network, settings)
    if "patch" in network:
        batch_size = settings["training"]["batch_size"]
    model.compile(optimizer=None, jit_compile=machine.xla)
    cases = PackedCases(images_file, places, settings["channels"], cases_dir)
    for weight, settings_file, prediction in zip(weights, settings_files, predictions, strict=True):
        started = time.perf_counter()
        folder = Path(prediction)
        folder.mkdir(parents=True, exist_ok=True)
        facts = yaml.safe_load(Path(settings_file).read_text(encoding="utf-8"))
        if facts["status"] == "failed":
            write_text(folder / "FAILED", facts["failure"] + "\n")
            continue
        model.load_weights(weight)
        mirrored = settings["training"]["mirrored"]
        for role, into in (("test", folder), ("validation", folder / "validation")):
            for n in range(1, classes + 1):
                of_class(into, n).mkdir(parents=True, exist_ok=True)
            rows = positions(folds, facts["fold"], role, places["case"])
            for images, chosen in cases.batches(rows, batch_size):
                outputs = of_classes(predict_whole(model, images, batch_size, mirrored), classes)
                for case, maps in zip(chosen, outputs, strict=True):
                    for n, probability in enumerate(np.moveaxis(maps, -1, 0), 1):
                        native = quantised(case.placement.back(probability))
                        write_case(
                            of_class(into, n), case.name, native, case.affine, 1 / STORED_ONE
                        )
        print(f"{folder}: predicted in {time.perf_counter() - started:.1f} s", flush=True)


if "snakemake" in globals():
    from tumorseg.workflow.job import run

    run(main, snakemake)  # noqa: F821
