"""Tables of time and memory: by stage of the workflow, and by loss."""

from pathlib import Path

import pandas as pd

from tumorseg.core.records import TrainingRecord

# Stages that compute; the others convert, tabulate or draw.
COMPUTING = ("skull_strip", "compare_strips", "tune", "train", "predict_cases", "measure")


def stage_cost(benchmarks: list[str], trainings: list[TrainingRecord]) -> pd.DataFrame:
    """Jobs, seconds and peak memory by stage, the longest first.

    benchmarks: Snakemake's files benchmarks/<stage>.tsv or benchmarks/<stage>/... A training's
    start-up is the time of its job outside its epochs.
    """
    lines = []
    for path in map(Path, benchmarks):
        job = pd.read_csv(path, sep="\t", na_values="-").iloc[0]
        lines.append({"stage": _stage(path), "seconds": job["s"], "memory_mb": job["max_rss"]})
    table = pd.DataFrame(lines)
    table = table.groupby("stage").agg(
        jobs=("seconds", "size"), seconds=("seconds", "sum"), peak_memory_mb=("memory_mb", "max")
    )
    table["share_percent"] = (100 * table["seconds"] / table["seconds"].sum()).round(1)
    table["work"] = ["yes" if stage in COMPUTING else "" for stage in table.index]
    epochs_s = sum(training["training_s"] for training in trainings)
    table["of_it_start_up_s"] = 0.0
    table.loc["train", "of_it_start_up_s"] = table.at["train", "seconds"] - epochs_s
    return table.round(1).sort_values("seconds", ascending=False).reset_index()


def _stage(path: Path) -> str:
    """The first part of a path below the folder `benchmarks`, without suffix."""
    return path.parts[path.parts.index("benchmarks") + 1].removesuffix(".tsv")


def loss_cost(trainings: list[TrainingRecord]) -> pd.DataFrame:
    """Training seconds by recipe and loss: means over its trainings."""
    table = pd.DataFrame(
        {
            "recipe": [training["recipe"] for training in trainings],
            "loss": [training["loss"]["name"] for training in trainings],
            "training_s": [training["training_s"] for training in trainings],
            "epochs": [training["settings"]["training"]["epochs"] for training in trainings],
        }
    )
    table["s_per_epoch"] = table["training_s"] / table["epochs"]
    grouped = table.groupby(["recipe", "loss"], sort=False)
    return grouped.mean(numeric_only=True).round(2).reset_index()
