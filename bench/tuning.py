"""Times Table 1's grid for focal: one trial per grid point, and one per value of alpha.

  . .venv/bin/activate
  snakemake --cores all results/phantom/pack/robust/images.npy results/phantom/folds.tsv
  PYTHONPATH=scripts python bench/tuning.py [--epochs 5,10,15,20,25,30] [--alphas .5,.6,.7,.8,.9]

Prints epochs, wall seconds, their share that is not training (Ray, imports, building networks), and
the winner of each way, which must be the same.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "scripts"))

import tune  # noqa: E402
from tumorseg.core.files import read_table  # noqa: E402
from tumorseg.tuning.search_space import resolve  # noqa: E402


def search(results: Path, config: dict, preset: dict, by_point: bool, cores: int) -> dict:
    """One search of focal over the packed cases: its cost and what won."""
    settings = config["recipes"]["robust"]
    tried = resolve(preset, "focal", "focal", settings["training"])
    if by_point:  # as for a schedule with a horizon
        horizon = settings["training"] | {"schedule": "cosine"}
        tried = resolve(preset, "focal", "focal", horizon)
    out = Path(tempfile.mkdtemp())
    started = time.perf_counter()
    tune.main(
        images_file=str(results / "pack/robust/images.npy"),
        targets_file=str(results / "pack/robust/targets.npy"),
        placement_table=str(results / "pack/robust/placement.tsv"),
        folds_table=str(results / "folds.tsv"),
        trials_table=str(out / "trials.tsv"),
        history_table=str(out / "history.tsv"),
        best_file=str(out / "best.yaml"),
        job={
            "recipe": "robust",
            "settings": settings,
            "loss": {"name": "focal", "function": "focal", "constants": {"gamma": 2.0}},
            "network": config["network"],
            "fold": 1,
            "seed": config["seed"],
            "threads": 1,
            "wanted_device": "cpu",
            "precision": "float32",
            "state_dir": str(out / "state"),
        },
        search=tried,
        at_once=cores,
        code="bench",
        cores=cores,
        gpus=0,
    )
    seconds = time.perf_counter() - started
    history = read_table(out / "history.tsv")
    best = yaml.safe_load((out / "best.yaml").read_text(encoding="utf-8"))
    training = history["seconds"].sum()
    return {
        "trials": history["trial"].nunique(),
        "epochs": len(history),
        "seconds": round(seconds, 1),
        "training_s": round(training, 1),
        "not_training": f"{1 - training / cores / seconds:.0%}",
        "won": {k: best.get(k) for k in ("training", "constants", "val_iou")},
    }


def numbers(text: str, kind: type) -> list:
    """`5,10` as a list."""
    return [kind(part) for part in text.split(",")]


def main() -> None:
    """Both ways, one after the other, on this machine."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", default="5,10,15,20,25,30")
    parser.add_argument("--alphas", default=".5,.6,.7,.8,.9")
    parser.add_argument("--cores", type=int, default=2)
    given = parser.parse_args()
    config = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    space = {"epochs": numbers(given.epochs, int), "alpha": numbers(given.alphas, float)}
    preset = {"search": "grid", "space": {"focal": space}}
    results = ROOT / "results" / config["experiment"]
    costs = {}
    for name, by_point in (("one trial per alpha", False), ("one per grid point", True)):
        costs[name] = search(results, config, preset, by_point, given.cores)
        print(name, costs[name], flush=True)
    ours, by_point = costs.values()
    print(f"ratio of seconds: {ours['seconds'] / by_point['seconds']:.2f}")
    print(f"ratio of epochs: {ours['epochs'] / by_point['epochs']:.2f}")
    print("same winner:", ours["won"] == by_point["won"])


if __name__ == "__main__":
    main()
