"""What each ingredient of the recipe `robust` brings, on validation patients (docs/recipe.md).

    snakemake --cores all results/mine/folds.tsv results/mine/pack/robust/images.npy \\
        --configfile experiments/mine.yaml     (splits and packs the slices; trains nothing)
    PYTHONPATH=scripts .venv/bin/python bench/recipe.py results/mine [--variants recipe cosine]

Every variant differs from the recipe of config.yaml in the settings that VARIANTS names. Each is
trained with two losses of different kinds on folds 1 and 2; test patients take no part. All weight
averages of AVERAGES are scored in one training, which they do not influence. A finished training
is kept in <results>/recipe_search/, so the command continues where it stopped.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import yaml

SCRIPTS = Path(__file__).resolve().parent.parent / "scripts"
COSINE = {"schedule": "cosine", "learning_rate": 2e-3, "warmup_epochs": 3}
VARIANTS: dict[str, dict] = {
    "recipe": {},
    "cosine": COSINE,
    "cosine, 30 epochs": COSINE | {"epochs": 30},
    "cosine, gamma noise elastic": COSINE | {"extra": ["gamma", "noise", "elastic"]},
    "rate 2e-3": {"learning_rate": 2e-3},
    "batch 8": {"batch_size": 8},
    "no augmentation": {"augmentation": 0.0},
    "augmentation 1.5": {"augmentation": 1.5},
    "weight decay .01": {"weight_decay": 0.01},
    "validation share .30": {"fewer": 0.15 / 0.85},
    "100 epochs": {"epochs": 100},
}
LOSSES = ("dice_ce", "bce")
AVERAGES = (0.0, 0.98, 0.995)
CASE = ["average", "epoch", "case", "both", "predicted", "true"]


def varied(image: np.ndarray, mask: np.ndarray, extra: list[str], random: np.random.Generator):
    """Candidates beyond the product's augmentation: gamma, noise, elastic deformation."""
    if "elastic" in extra and random.random() < 0.5:
        size = image.shape[0]
        field = random.normal(size=(2, size, size)).astype(np.float32)
        field = [cv2.GaussianBlur(part, (0, 0), size / 16) for part in field]
        field = [part / part.std() * 0.02 * size * random.random() for part in field]
        y, x = np.mgrid[:size, :size].astype(np.float32)
        where = (x + field[0], y + field[1])
        low = float(image.min())
        image = cv2.remap(image, *where, cv2.INTER_LINEAR, borderValue=low).reshape(image.shape)
        moved = cv2.remap(mask.astype(np.float32), *where, cv2.INTER_LINEAR)
        mask = (moved >= 0.5).astype(np.uint8)
    if "gamma" in extra and random.random() < 0.5:
        low, high = image.min(), image.max()
        share = (image - low) / (high - low)
        image = low + share ** np.exp(random.uniform(-0.4, 0.4)) * (high - low)
    if "noise" in extra and random.random() < 0.5:
        image = image + random.normal(0, 0.1 * random.random(), image.shape)
    return image.astype(np.float32), mask


def with_fewer(table: pd.DataFrame, fold: int, share: float) -> pd.DataFrame:
    """The folds with this share of a fold's training patients left out.

    A larger validation share costs training patients; the patients that are scored stay the same.
    """
    mine = (table["fold"] == fold) & (table["role"] == "train")
    patients = np.sort(table.loc[mine, "patient"].unique())
    out = np.random.default_rng(fold).permutation(patients)[: round(share * len(patients))]
    return table[~(mine & table["patient"].isin(out))]


def train(folder: str, changes: dict, loss: str, fold: int, seed: int, output: str) -> None:
    """One training; writes the counts of pixels of each validation case at some epochs."""
    from tumorseg.core.files import read_table, write_table
    from tumorseg.data import folds
    from tumorseg.training.job import TrainingJob
    from tumorseg.training.prepare import prepare

    changes = dict(changes)
    extra, fewer = changes.pop("extra", []), changes.pop("fewer", 0)
    config = yaml.safe_load((SCRIPTS.parent / "config.yaml").read_text(encoding="utf-8"))
    recipe = config["recipes"]["robust"]
    recipe["training"] |= changes | {"keep_best": False, "mirrored": False, "weight_average": 0.0}
    packed = Path(folder, "pack", "robust")
    table = read_table(Path(folder, "folds.tsv"))
    with tempfile.TemporaryDirectory() as unused:
        folds_file = Path(unused, "folds.tsv")
        write_table(with_fewer(table, fold, fewer), folds_file)
        training = prepare(
            TrainingJob(
                recipe="robust",
                settings=recipe,
                loss={"name": loss, "function": loss, "constants": {}},
                network={
                    "name": "unet",
                    "size_px": np.load(packed / "images.npy", mmap_mode="r").shape[1],
                    "base_width": 16,
                },
                fold=fold,
                seed=seed,
                threads=1,
                wanted_device="cpu",
                precision="auto",
                state_dir=unused,
                images_file=str(packed / "images.npy"),
                targets_file=str(packed / "targets.npy"),
                placement_table=str(packed / "placement.tsv"),
                folds_table=str(folds_file),
                code="",
            )
        )
    training.state = None
    from tumorseg.training import loop  # Keras must start after the device
    from tumorseg.training.inference import predict
    from tumorseg.training.state import Average

    if extra:
        plain = loop.augment

        def augment(image, mask, strength, random):
            return varied(*plain(image, mask, strength, random), extra, random)

        loop.augment = augment
    model, averages = training.model, [Average(decay) for decay in AVERAGES if decay]

    def after_step() -> None:
        for average in averages:
            average.step(model.get_weights)

    training._after_step = after_step
    order = read_table(packed / "placement.tsv")["case"]
    names = order[folds.positions(table, fold, "validation", order)]
    inputs, truth = training.validation.at(slice(None))
    truth = truth > 0
    rows = []
    while not training.finished:
        row = training.epoch()
        if row is None:
            break
        if row["epoch"] % 5 and row["epoch"] != training.plan.epochs:
            continue
        own = model.get_weights()
        for decay, weights in zip(AVERAGES, [own, *(a.values for a in averages)], strict=True):
            model.set_weights(weights)
            found = predict(model, inputs, 16, mirrored=True) > 0.5
            for i, case in enumerate(names):
                counts = (found[i] & truth[i]).sum(), found[i].sum(), truth[i].sum()
                rows.append([decay, row["epoch"], case, *counts])
        model.set_weights(own)
    write_table(pd.DataFrame(rows, columns=CASE), output)


def scores(cases: pd.DataFrame) -> pd.Series:
    """Pooled Dice, mean Dice and missed tumours of some cases."""
    total = cases["predicted"] + cases["true"]
    return pd.Series(
        {
            "pooled": 2 * cases["both"].sum() / max(1, total.sum()),
            "image": (2 * cases["both"] / total.clip(lower=1)).mean(),
            "missed": (cases["both"] == 0).sum(),
        }
    )


def best_epoch(cases: pd.DataFrame, splits: int = 100) -> pd.Series:
    """Scores of the epoch of the best pooled IoU, chosen on half of the cases for the other half.

    On the same cases a chosen epoch would look better than it is.
    """
    random, names = np.random.default_rng(0), cases["case"].unique()
    rows = []
    for _ in range(splits):
        chosen = cases["case"].isin(random.choice(names, len(names) // 2, replace=False))
        sums = cases[chosen].groupby("epoch")[["both", "predicted", "true"]].sum()
        iou = sums["both"] / (sums["predicted"] + sums["true"] - sums["both"])
        rows.append(scores(cases[~chosen & (cases["epoch"] == iou.idxmax())]))
    return pd.DataFrame(rows).mean()[["pooled", "image"]]


def summary(folder: Path) -> pd.DataFrame:
    """A row for each variant, loss and weight average: means over folds and seeds."""
    rows = []
    for path in sorted(folder.glob("*.tsv")):
        variant, loss, *_ = path.stem.split("__")
        data = pd.read_csv(path, sep="\t", dtype={"case": str})
        for average, cases in data.groupby("average"):
            last = scores(cases[cases["epoch"] == cases["epoch"].max()])
            best = best_epoch(cases[cases["epoch"] >= 10]).add_prefix("best epoch, ")
            rows.append({"variant": variant, "loss": loss, "average": average, **last, **best})
    return pd.DataFrame(rows).groupby(["loss", "variant", "average"]).mean()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("results", type=Path)
    parser.add_argument("--variants", nargs="+", default=list(VARIANTS))
    parser.add_argument("--losses", nargs="+", default=LOSSES)
    parser.add_argument("--folds", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--seeds", nargs="+", type=int, default=[1])
    parser.add_argument("--at-once", type=int, default=2)
    parser.add_argument("--one", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        train(**json.loads(options.one))
        return
    out = options.results / "recipe_search"
    out.mkdir(exist_ok=True)

    def run(variant: str, loss: str, fold: int, seed: int) -> None:
        path = out / f"{variant}__{loss}__{fold}__{seed}.tsv"
        if path.exists():
            return
        started = time.perf_counter()
        job = {"folder": str(options.results), "changes": VARIANTS[variant], "loss": loss}
        job |= {"fold": fold, "seed": seed, "output": str(path)}
        command = [sys.executable, __file__, str(options.results), "--one", json.dumps(job)]
        subprocess.run(command, check=True)
        print(f"{path.stem}: {time.perf_counter() - started:.0f} s", flush=True)

    jobs = [
        (variant, loss, fold, seed)
        for seed in options.seeds
        for variant in options.variants
        for loss in options.losses
        for fold in options.folds
    ]
    with ThreadPoolExecutor(options.at_once) as pool:
        list(pool.map(lambda job: run(*job), jobs))
    print(summary(out).round(3).to_string())


if __name__ == "__main__":
    main()
