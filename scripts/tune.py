"""Tunes one loss of one recipe: on one fold's training patients, or once for all folds."""

import os
import shutil
import time
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from tumorseg.core.files import read_table, write_table, write_text
from tumorseg.data import folds
from tumorseg.training import identity
from tumorseg.training.prepare import Cell
from tumorseg.tuning import results
from tumorseg.tuning import search as tuning
from tumorseg.tuning.ray_session import session


def data_digest(cell: Cell) -> str:
    """A short name for the cases that the trials see: the fold's, without its test patients."""
    table, order = read_table(cell.folds_table), read_table(cell.placement_table)["case"]
    parts = [np.load(path, mmap_mode="r") for path in (cell.images_file, cell.targets_file)]
    rows = [folds.positions(table, cell.fold, role, order) for role in ("train", "validation")]
    return identity.digest(*[part[r] for r in rows for part in parts])


def main(
    *,
    images_file: str,
    targets_file: str,
    placement_table: str,
    folds_table: str,
    trials_table: str,
    history_table: str,
    best_file: str,
    recipe: str,
    settings: dict[str, Any],
    loss: str,
    loss_function: str,
    constants: dict[str, Any],
    network: dict[str, Any],
    search: dict[str, Any],
    fold: int,
    seed: int,
    threads: int,
    at_once: int,
    wanted_device: str,
    state_dir: str,
    code: str,
    cores: int,
    gpus: int,
) -> None:
    """Writes the cells of the grid, the history of every trial and what won.

    fold: whose training patients the trials train on and whose validation patients score them.
    cores, gpus: what the job was given; at_once: trials side by side where that allows it.
    """
    cell = Cell(
        images_file=str(Path(images_file).resolve()),
        targets_file=str(Path(targets_file).resolve()),
        placement_table=str(Path(placement_table).resolve()),
        folds_table=str(Path(folds_table).resolve()),
        settings=settings,
        loss_function=loss_function,
        constants=constants,
        network=network,
        fold=fold,
        seed=identity.training_seed(seed, fold, tuning=True),
        threads=threads,
        wanted_device=wanted_device,
        state_dir=str(Path(state_dir).resolve()),
        code=code,
    )
    name = f"{recipe}/{loss}"
    Path(state_dir).mkdir(parents=True, exist_ok=True)
    started = time.perf_counter()
    runs = []
    if search["trials"]:
        joined = bool(os.environ.get("RAY_ADDRESS"))
        possible = gpus or max(1, cores // threads)
        side_by_side = at_once if search["search"] == "optuna" else min(at_once, possible)
        with session(max(cores, threads), gpus):
            runs = tuning.run_trials(
                cell,
                search,
                data=data_digest(cell),
                gpus=min(gpus, 1),
                at_once=None if joined and search["search"] != "optuna" else side_by_side,
                say=lambda text: print(f"tune {name}  {text}", flush=True),
            )
    table = results.cell_table(runs, search)
    found = results.best(table, search, settings["training"])
    if not runs:
        found = {"status": "nothing to search", "training": {}, "constants": {}}
    write_table(table, trials_table)
    write_table(results.history_table(runs), history_table)
    asked = {"recipe": recipe, "loss": loss, "search": search["search"], "fold": fold}
    asked |= {"searched": search["searched"], "trials": search["trials"]}
    write_text(best_file, yaml.safe_dump(asked | found, sort_keys=False))
    shutil.rmtree(state_dir, ignore_errors=True)
    text = results.text_of(found["training"] | found["constants"])
    print(
        f"tune {name}  {found['status']}: {text}; {len(runs)} trials, "
        f"{sum(len(run.history) for run in runs)} epochs, {time.perf_counter() - started:.0f} s"
    )


if "snakemake" in globals():
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    from tumorseg.workflow.job import run

    run(main, snakemake)  # noqa: F821
