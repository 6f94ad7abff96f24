"""Trains one cell of the comparison: one recipe, one loss, one fold."""

import os
import platform
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from tumorseg import cells, device, folds
from tumorseg.files import read_table, write_atomically, write_table, write_text


def main(
    *,
    images_file: str,
    targets_file: str,
    placement_table: str,
    folds_table: str,
    weights_file: str,
    history_table: str,
    settings_file: str,
    recipe: str,
    settings: dict[str, Any],
    loss: str,
    loss_function: str,
    constants: dict[str, float],
    network: dict[str, Any],
    fold: int,
    seed: int,
    threads: int,
    wanted_device: str,
    state_dir: str,
    code: str,
) -> None:
    """Writes the weights, the history (a row an epoch) and all settings of the cell.

    Test cases are not read here at all. A loss that stops being finite is not an error of the run:
    settings.yaml then says status failed and why, and the weights file is empty.
    state_dir holds what a killed run needs to go on; a digest of all that shapes the result names
    the file, so a state of other settings is never used.
    """
    table = read_table(folds_table)
    folds.check(table)
    order = read_table(placement_table)["case"]
    machine = device.start(wanted=wanted_device, threads=threads, seed=seed + fold)
    from tumorseg import training  # Keras may only start after the device is set up
    from tumorseg.case_loss import CaseLoss
    from tumorseg.resume import HISTORY

    with machine.scope():
        model = cells.build_network(network, settings)
    images = np.load(images_file, mmap_mode="r")
    targets = np.load(targets_file, mmap_mode="r")
    parts = {}
    for role in ("train", "validation"):
        rows = folds.positions(table, fold, role, order)
        channels = cells.with_channels(images[rows], settings["channels"])
        parts[role] = training.Cases(channels, targets[rows])
    function = CaseLoss.fitted(loss_function, constants, parts["train"].masks)
    plan = training.Plan(**settings["training"], seed=seed + fold)
    asked = (settings, loss_function, constants, network, fold, seed)
    key = cells.digest(code, *asked, machine.description(), *parts.values())
    state = Path(state_dir) / f"{key}.npz"
    state.parent.mkdir(parents=True, exist_ok=True)
    started = time.perf_counter()
    name = f"{recipe}/{loss} fold {fold}"
    outcome = training.train(
        *(model, function, plan, parts["train"], parts["validation"]),
        machine=machine,
        state=state,
        say=lambda text: print(f"{name}  {text}", flush=True),
    )
    seconds = sum(row["seconds"] for row in outcome.history)
    write_table(pd.DataFrame(outcome.history, columns=HISTORY), history_table)
    if outcome.failure:
        print(f"WARNING {name}: training failed: {outcome.failure}; shown as failed in the report")
        write_text(weights_file, "")
    else:
        plain = cells.build_network(network, settings)  # without the optimizer's state
        plain.set_weights(outcome.weights)
        write_atomically(weights_file, lambda path: plain.save_weights(path))
    facts = {
        "status": "failed" if outcome.failure else "ok",
        "failure": outcome.failure or "",
        "recipe": recipe,
        "loss": {"name": loss, "function": loss_function, "constants": function.constants},
        "network": network | {"parameters": int(model.count_params())},
        "settings": settings,
        "fold": fold,
        "seed": seed,
        "cases": {role: len(part) for role, part in parts.items()},
        "chosen_epoch": outcome.chosen_epoch,
        "training_s": round(seconds, 1),
        "wall_s": round(time.perf_counter() - started, 1),
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "threads": threads,
        "machine": platform.machine(),
        "device": machine.description(),
        "versions": cells.versions(),
        "code": code,
    }
    write_text(settings_file, yaml.safe_dump(facts, sort_keys=False))
    state.unlink(missing_ok=True)
    print(f"{name}  done: epoch {outcome.chosen_epoch} chosen, {seconds:.0f} s", flush=True)


if "snakemake" in globals():
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    from tumorseg.job import run

    run(main, snakemake)  # noqa: F821
