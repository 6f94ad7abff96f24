"""Prints the number of trainings, their time and memory before the first one starts."""

import os
import time

import numpy as np
import pandas as pd

from tumorseg.core.files import read_table, write_table
from tumorseg.core.records import NetworkSettings, RecipeSettings, Search
from tumorseg.tuning.search_space import planned_epochs

GFLOP_128_16 = 4.52  # one training image through the U-Net, base width 16, 128x128: measured
SHARE_OF_PEAK = 0.36  # speed of a training / of a single-precision matrix product: measured
STEP_S, START_S = 0.02, 10  # time of a step and of a training apart from arithmetic: measured


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
    recipes: dict[str, RecipeSettings],
    searches: dict[str, dict[str, Search]],
    scopes: int,
    losses: list[str],
    seeds: list[int],
    network: NetworkSettings,
    threads: int,
) -> None:
    """Writes plan.tsv (per recipe: trainings, epochs, images, minutes, memory) and prints it.

    Minutes are for this machine's CPU at its measured speed; a GPU or TPU takes far less.

    Args:
        folds_table, plan_table: folds.tsv is read, plan.tsv written.
        recipes: the config's recipes.
        searches, scopes: recipe -> loss -> what is tuned; how often it runs (once or per fold).
        losses, seeds: names of the losses, seeds of the trainings.
        network: the network and its size.
        threads: threads of one training.
    """
    folds = read_table(folds_table)
    training_cases = (folds["role"] == "train").sum()  # in all folds together
    speed = matrix_speed() * SHARE_OF_PEAK
    size = (network["size_px"] / 128) ** 2 * (network["base_width"] / 16) ** 2
    rows = []
    for name, recipe in recipes.items():
        epochs = recipe["training"]["epochs"]
        tuned = searches.get(name, {}).values()
        tuning_epochs = scopes * sum(planned_epochs(search) for search in tuned)
        images = int(training_cases * epochs * len(losses) * len(seeds))
        images += int(training_cases / folds["fold"].nunique() * tuning_epochs)
        batch = recipe["training"]["batch_size"]
        trainings = folds["fold"].nunique() * len(losses) * len(seeds)
        starts = trainings + scopes * len(tuned)
        overhead = starts * START_S + images / batch * STEP_S
        seconds = images * GFLOP_128_16 * size / speed
        seconds += overhead * threads / max(threads, os.cpu_count() or 1)
        rows.append(
            {
                "recipe": name,
                "losses": len(losses),
                "seeds": len(seeds),
                "folds": folds["fold"].nunique(),
                "cells": trainings,
                "epochs": epochs,
                "tuning_epochs": tuning_epochs,
                "images_passed": images,
                "estimated_min": round(seconds / 60, 1),
                "memory_mb_a_cell": round(1100 + 60 * batch * size),
            }
        )
    table = pd.DataFrame(rows)
    write_table(table, plan_table)
    print("\nPlan: training, then prediction, measuring and the report")
    for row in table.itertuples():
        print(
            f"  {row.recipe}: {row.cells} trainings ({row.losses} losses x {row.seeds} seed(s) x "
            f"{row.folds} folds), {row.epochs} epochs each, {row.tuning_epochs} epochs of tuning, "
            f"about {row.estimated_min:.0f} min on this CPU ({threads} thread(s) per training), "
            f"{row.memory_mb_a_cell} MB per training"
        )
    print(f"  in total about {table['estimated_min'].sum():.0f} min\n", flush=True)


if "snakemake" in globals():
    from tumorseg.workflow.job import run

    run(main, snakemake)  # noqa: F821
