"""What trainings take on this machine: time, disk, and how many epochs they need to converge."""

import math
import os
import time

import numpy as np
import pandas as pd

from tumorseg.core import disk
from tumorseg.core.records import NetworkSettings, TrainingSettings

GFLOP_128_16 = 4.52  # one training image through the U-Net, base width 16, 128x128: measured
SHARE_OF_PEAK = 0.36  # speed of a training / of a single-precision matrix product: measured
STEP_S, START_S = 0.02, 10  # time of a step and of a training apart from arithmetic: measured
VOXEL = 1.25  # time of a voxel of a 3-D network / of a pixel of a 2-D one: measured, 1.03 to 1.44
# Arithmetic of other networks / of the U-Net of the same base width: counted (docs/networks.md).
ARITHMETIC = {
    "attention_unet": 1.04,
    "r2unet": 3.2,
    "regunet": 1.3,
    "resnet50_unet": 0.2,
    "unetplusplus": 2.5,
}
PARAMETERS_16 = 487_881  # of the U-Net with base width 16
STATE_COPIES = 5  # of the parameters: network, two of Adam, average, weights of the best epoch
REPORT_MB = 30  # tables, figures and report of a small experiment
# Steps that trainings of the recipe `robust` need to converge: 60 epochs of 215 slices in batches
# of 4, the only size tried (docs/recipe.md). After 2,000 steps 11 of 24 were still improving.
CONVERGED_STEPS = 3000


def matrix_speed() -> float:
    """GFLOP/s of a 1024 x 1024 single-precision matrix product on this machine, best of 5."""
    a = np.random.default_rng(0).random((1024, 1024), np.float32)
    seconds = []
    for _ in range(5):
        started = time.perf_counter()
        a @ a
        seconds.append(time.perf_counter() - started)
    return 2 * 1024**3 / min(seconds) / 1e9


def image_cost(network: NetworkSettings) -> float:
    """Arithmetic of one image or patch, as a multiple of that of base width 16 at 128 x 128."""
    sides = network.get("patch") or [network["size_px"]] * 2
    share = math.prod(sides) / 128**2 * (VOXEL if len(sides) == 3 else 1.0)
    return share * (network["base_width"] / 16) ** 2 * ARITHMETIC.get(network["name"], 1.0)


def expected_seconds(
    images: int, steps: float, trainings: int, cost: float, speed: float, threads: int
) -> float:
    """Seconds of all trainings on this machine's CPU.

    Args:
        images: images that pass through the network in training.
        steps: batches.
        trainings: processes that start, tuning included.
        cost: image_cost of the network.
        speed: matrix_speed of this machine.
        threads: threads of one training; trainings run side by side.
    """
    overhead = trainings * START_S + steps * STEP_S
    arithmetic = images * GFLOP_128_16 * cost / (speed * SHARE_OF_PEAK)
    return arithmetic + overhead * threads / max(threads, os.cpu_count() or 1)


def disk_mb(
    cases: pd.DataFrame,
    folds: pd.DataFrame,
    network: NetworkSettings,
    trainings: int,
    threads: int,
) -> int:
    """The most megabytes that one recipe's packed cases, trainings and predictions take.

    Predictions are counted as if their PNG files were not compressed.

    Args:
        cases, folds: cases.tsv and folds.tsv.
        network: the network and its size.
        trainings: of all losses, seeds and folds.
        threads: of one training; those that run side by side keep their states.
    """
    at_once = min(trainings, max(1, (os.cpu_count() or 1) // threads))
    weights = 4 * PARAMETERS_16 * (network["base_width"] / 16) ** 2
    depth = cases.get("depth_px", 1)
    pixels = (cases["height_px"] * cases["width_px"] * depth).set_axis(cases["case"])
    predicted = folds.loc[folds["role"] != "train", "case"].map(pixels).sum()
    packed = 5 * (pixels.sum() if "patch" in network else len(cases) * network["size_px"] ** 2)
    of_trainings = (trainings + at_once * STATE_COPIES) * weights
    predictions = 2 * predicted * trainings / folds["fold"].nunique()
    return math.ceil((packed + of_trainings + predictions) / 1e6)


def disk_line(needed_mb: float, folder: str) -> str:
    """How much disk is needed and free, as a line; a warning where it may not be enough.

    needed_mb: disk_mb of all recipes; folder: a place on the disk.
    """
    needed, free = 1e6 * (needed_mb + REPORT_MB), disk.free(folder)
    room = f"up to {disk.megabytes(needed)} of disk; {disk.megabytes(free)} are free"
    if needed <= free:
        return f"  {room}"
    return f"WARNING {room}: the disk may become full; free some, or use fewer losses or seeds"


def steps_of_an_epoch(cases: float, training: TrainingSettings, network: NetworkSettings) -> int:
    """Batches in an epoch of a recipe's training: as `Cases.steps` and `Patches.steps` count them.

    cases: training cases of a fold, the mean over folds.
    """
    steps, of_a_pass = training.get("steps", 0), math.ceil(cases / training["batch_size"])
    return max(1, steps or of_a_pass if "patch" in network else max(steps, of_a_pass))


def advised_epochs(steps: int) -> int:
    """The fewest epochs of so many steps with which a training is expected to converge.

    >>> advised_epochs(steps=54)
    56
    """
    return math.ceil(CONVERGED_STEPS / steps)
