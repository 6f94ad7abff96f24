"""Whether the backends of Keras differ more than the seeds of one do (docs/machines.md).

    snakemake --cores all all results/mine/folds.tsv results/mine/pack/robust/images.npy \\
        --configfile experiments/mine.yaml     (splits and packs the slices; trains nothing)
    PYTHONPATH=scripts python bench/backends.py results/mine [--seeds 1 2 3] [--folds 1 2]

Needs JAX and PyTorch beside TensorFlow. Trains the recipe `robust` on the CPU with every backend,
seed and fold, keeps the weights of the last epoch, and scores them on the fold's test patients.
Then it asks by an F test, within folds, whether the means of the backends differ more than the
seeds let them, and prints their differences with 95 % intervals. A finished training is kept in
<results>/backends/, so the command continues where it stopped.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import yaml
from scipy import stats

BACKENDS = ("tensorflow", "jax", "torch")
CONFIG = Path(__file__).resolve().parent.parent / "config.yaml"


def train(
    folder: str, backend: str, loss: str, fold: int, seed: int, epochs: int, out: str
) -> None:
    """One training; writes its scores as JSON."""
    from tumorseg.core.files import read_table, write_text
    from tumorseg.data.folds import positions
    from tumorseg.training.job import TrainingJob
    from tumorseg.training.prepare import prepare

    started = time.process_time()
    recipe = yaml.safe_load(CONFIG.read_text(encoding="utf-8"))["recipes"]["robust"]
    recipe["training"] |= {"epochs": epochs, "keep_best": False}
    packed = Path(folder, "pack", "robust")
    images = np.load(packed / "images.npy", mmap_mode="r")
    with tempfile.TemporaryDirectory() as state:
        training = prepare(
            TrainingJob(
                recipe="robust",
                settings=recipe,
                loss={"name": loss, "function": loss, "constants": {}},
                network={"name": "unet", "size_px": images.shape[1], "base_width": 8},
                fold=fold,
                seed=seed,
                threads=1,
                wanted_device="cpu",
                precision="float32",
                state_dir=state,
                images_file=str(packed / "images.npy"),
                targets_file=str(packed / "targets.npy"),
                placement_table=str(packed / "placement.tsv"),
                folds_table=str(Path(folder, "folds.tsv")),
                code="",
                backend=backend,
            )
        )
        outcome = training.run(report=lambda text: print(backend, seed, fold, text, flush=True))
    from tumorseg.training.inference import predict  # Keras must start after the device

    training.model.set_weights(outcome.weights)
    cases = read_table(packed / "placement.tsv")["case"]
    rows = positions(read_table(Path(folder, "folds.tsv")), fold, "test", cases)
    inputs = np.asarray(images[rows], np.float32).reshape(len(rows), *images.shape[1:3], -1)
    found = predict(training.model, inputs, 8, mirrored=True)[..., 0] > 0.5
    truth = np.load(packed / "targets.npy", mmap_mode="r")[rows].reshape(found.shape) > 0
    both, total = (found & truth).sum((1, 2)), found.sum((1, 2)) + truth.sum((1, 2))
    scores = {
        "backend": backend,
        "fold": fold,
        "seed": seed,
        "training loss": outcome.history[-1]["loss"],
        "validation Dice": outcome.history[-1]["val_dice"],
        "test Dice": float((2 * both / np.maximum(1, total)).mean()),
        "pooled test Dice": float(2 * both.sum() / total.sum()),
        "processor s": time.process_time() - started,
    }
    write_text(out, json.dumps(scores))


def compare(table: pd.DataFrame, score: str) -> str:
    """Means, spread of seeds, the F test and the differences of one score, within folds."""
    cells = table.groupby(["fold", "backend"])[score]
    means = cells.mean().unstack()
    within = table[score] - cells.transform("mean")
    free = len(table) - len(means) * means.shape[1]
    variance = (within**2).sum() / free  # of one training, within fold and backend
    seeds = cells.size().unstack()
    share = 1 / (1 / seeds).sum()  # of the mean over folds: variance / (folds^2 x share)
    overall, weight = means.mean(), share * len(means) ** 2
    centre = (overall * weight).sum() / weight.sum()
    f = (weight * (overall - centre) ** 2).sum() / (len(overall) - 1) / variance
    lines = [f"{name} {value:.4f}" for name, value in overall.items()]
    p = stats.f.sf(f, len(overall) - 1, free)
    text = f"{score}: {', '.join(lines)}; SD of a training {variance**0.5:.4f}; "
    text += f"F({len(overall) - 1}, {free}) = {f:.2f}, p = {p:.3f}\n"
    for a, b in combinations(overall.index, 2):
        half = stats.t.ppf(0.975, free) * (variance * (1 / weight[a] + 1 / weight[b])) ** 0.5
        gap = overall[a] - overall[b]
        text += f"  {a} - {b}: {gap:+.4f} ({gap - half:+.4f} to {gap + half:+.4f})\n"
    return text


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("results", type=Path)
    parser.add_argument("--backends", nargs="+", default=BACKENDS)
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3])
    parser.add_argument("--folds", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--loss", default="dice_ce")
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--one", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        train(**json.loads(options.one))
        return
    out = options.results / "backends"
    out.mkdir(exist_ok=True)
    files = []
    for seed in options.seeds:
        for fold in options.folds:
            for backend in options.backends:
                name = f"{backend}__{options.loss}__{options.epochs}__{fold}__{seed}.json"
                files.append(out / name)
                if files[-1].exists():
                    continue
                job = {"folder": str(options.results), "backend": backend, "loss": options.loss}
                job |= {"fold": fold, "seed": seed, "epochs": options.epochs}
                job |= {"out": str(files[-1])}
                command = [sys.executable, __file__, str(options.results), "--one", json.dumps(job)]
                subprocess.run(command, check=True)
    table = pd.DataFrame([json.loads(file.read_text(encoding="utf-8")) for file in files])
    print(table.round(4).to_string(index=False))
    for score in ("training loss", "validation Dice", "test Dice", "pooled test Dice"):
        print(compare(table, score), end="")


if __name__ == "__main__":
    main()
