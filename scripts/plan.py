"""Says what is to come before the first training starts: cells, minutes, memory."""

import os
import time
from typing import Any

import numpy as np
import pandas as pd

from tumorseg.core.files import read_table, write_table
from tumorseg.tuning.search_space import planned_epochs

GFLOP_128_16 = 4.52  # one training image through the U-Net, base width 16, 128x128: measured
SHARE_OF_PEAK = 0.36  # of a single-precision matrix product's speed that training reaches: measured
STEP_S, START_S = 0.02, 10  # what a step and a training cost beside arithmetic: measured


def matrix_speed() -> float:
    """GFLOP/s of a 1024 x 1024 single-precision matrix product on this machine, best of 5."""
    a = np.random.default_rng(0).random((1024, 1024), np.float32)
    seconds = []
    for _ in range(5):
        started = time.perf_counter()
        a @ a
        seconds.append(time.perf_counter() - started)
    return 2 * 1024**3 / min(seconds) / 1e9


def main(
    *,
    folds_table: str,
    plan_table: str,
    recipes: dict[str, Any],
    searches: dict[str, dict[str, Any]],
    scopes: int,
    losses: list[str],
    seeds: list[int],
    network: dict[str, Any],
    threads: int,
) -> None:
    """Writes plan.tsv (recipe, cells, epochs, images, estimated minutes, memory) and prints it.

    searches: recipe -> loss -> what is tuned; scopes: how often (once, or once a fold).

    Minutes are for the CPU: arithmetic over this machine's measured speed. On a GPU or TPU it takes
    far less; a cluster divides by the jobs it runs at once.
    """
    folds = read_table(folds_table)
    training = (folds["role"] == "train").sum()
    speed = matrix_speed() * SHARE_OF_PEAK
    size = (network["size_px"] / 128) ** 2 * (network["base_width"] / 16) ** 2
    lines = []
    for name, recipe in recipes.items():
        epochs = recipe["training"]["epochs"]
        tuned = searches.get(name, {}).values()
        tuning_epochs = scopes * sum(planned_epochs(search) for search in tuned)
        images = int(training * epochs * len(losses) * len(seeds))
        images += int(training / folds["fold"].nunique() * tuning_epochs)
        batch = recipe["training"]["batch_size"]
        cells = folds["fold"].nunique() * len(losses) * len(seeds)
        starts = cells + scopes * len(tuned)
        beside = starts * START_S + images / batch * STEP_S
        seconds = images * GFLOP_128_16 * size / speed
        seconds += beside * threads / max(threads, os.cpu_count() or 1)
        lines.append(
            {
                "recipe": name,
                "losses": len(losses),
                "seeds": len(seeds),
                "folds": folds["fold"].nunique(),
                "cells": cells,
                "epochs": epochs,
                "tuning_epochs": tuning_epochs,
                "images_passed": images,
                "estimated_min": round(seconds / 60, 1),
                "memory_mb_a_cell": round(1100 + 60 * batch * size),
            }
        )
    table = pd.DataFrame(lines)
    write_table(table, plan_table)
    print("\nWhat is to come: training, then prediction, measuring and the report")
    for row in table.itertuples():
        print(
            f"  {row.recipe}: {row.cells} trainings ({row.losses} losses x {row.seeds} seed(s) x "
            f"{row.folds} folds), "
            f"{row.epochs} epochs each, {row.tuning_epochs} epochs of tuning, "
            f"about {row.estimated_min:.0f} min on this CPU "
            f"({threads} thread(s) a training), {row.memory_mb_a_cell} MB a training"
        )
    print(f"  together about {table['estimated_min'].sum():.0f} min\n", flush=True)


if "snakemake" in globals():
    from tumorseg.workflow.job import run

    run(main, snakemake)  # noqa: F821
