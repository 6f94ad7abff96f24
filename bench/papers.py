"""What the full experiments of the papers take: trainings, steps, arithmetic, hours, memory.

    PYTHONPATH=scripts .venv/bin/python bench/papers.py [--cpu 150] [--gpu 100]

Counted, not measured: multiplications of one patch (network_kit.counting), three times for a
training step (forward, and backward for the input and for the weights), two operations each.
Memory: the outputs of all layers of a batch in float32, which backends may halve or double.
--cpu: sustained GFLOP/s of the processor; --gpu: sustained TFLOP/s of a GPU (none was measured).
"""

import argparse
import math
from copy import deepcopy
from functools import lru_cache
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[1]
# Patients with an image that is used, as the papers count them.
PATIENTS = {
    "mixed_focal_2021_kits19": 204,
    "mixed_focal_2021_brats20": 342,
    "adaptive_focal_2024_picai": 220,
    "adaptive_focal_2024_brats18": 484,
}


@lru_cache
def counted(
    name: str, patch: tuple[int, ...], width: int, channels: int, classes: int
) -> tuple[int, int]:
    """Multiplications of one patch, and the values that a step keeps of it."""
    from tumorseg.core.registry import entry
    from tumorseg.network_kit.counting import activations, multiply_adds

    options = {"classes": classes, "exclusive": classes > 1, "dropout": 0, "normalisation": True}
    model = entry("networks", name).build(
        shape=patch, base_width=width, channels=channels, **options
    )
    return multiply_adds(model), activations(model)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cpu", type=float, default=150)
    parser.add_argument("--gpu", type=float, default=100)
    speeds = parser.parse_args()
    from snakemake.utils import update_config

    from tumorseg.workflow import settings

    default = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    print("experiment recipe trainings steps GMAC/patch PFLOP hours-CPU hours-GPU GB")
    for name, patients in PATIENTS.items():
        config = deepcopy(default)
        file = ROOT / f"experiments/{name}.yaml"
        update_config(config, yaml.safe_load(file.read_text(encoding="utf-8")))
        experiment = settings.load(config | {"data_dir": "."}, str(ROOT / "config.schema.yaml"))
        folds = experiment.config["folds"]
        tested = folds.get("test_patients") or patients / folds["count"]
        for recipe in experiment.recipes:
            training = experiment.recipe(recipe)["training"]
            network = experiment.network(recipe)
            trained = (patients - tested) * (1 - folds["validation_share"])
            steps = training.get("steps") or math.ceil(trained / training["batch_size"])
            inputs = len(experiment.inputs(recipe))
            one, kept = counted(
                network["name"],
                tuple(network["patch"]),
                network["base_width"],
                inputs,
                network.get("classes", 1),
            )
            trainings = len(experiment.losses_of(recipe)) * len(experiment.folds)
            steps_in_all = trainings * training["epochs"] * steps
            flop = steps_in_all * training["batch_size"] * one * 6
            hours = [flop / speed / 3600 for speed in (speeds.cpu * 1e9, speeds.gpu * 1e12)]
            print(
                f"{name} {recipe} {trainings} {training['epochs']} x {steps} {one / 1e9:.0f} "
                f"{flop / 1e15:,.0f} {hours[0]:,.0f} {hours[1]:,.1f} "
                f"{4e-9 * kept * training['batch_size']:.1f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
