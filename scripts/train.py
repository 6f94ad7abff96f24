"""Trains one cell of the comparison: one recipe, one loss, one seed, one fold."""

import os
import platform
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from tumorseg.core.files import write_atomically, write_table, write_text
from tumorseg.training import identity, model, prepare


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
    best_file: str | list = "",
) -> None:
    """Writes the weights, the history (a row an epoch) and all settings of the cell.

    best_file: what tuning chose, which goes before the config's values; empty without tuning.
    A loss that stops being finite is not an error of the run: settings.yaml then says status failed
    and why, and the weights file is empty.
    """
    best = yaml.safe_load(Path(best_file).read_text(encoding="utf-8")) if best_file else {}
    settings = settings | {"training": settings["training"] | best.get("training", {})}
    constants = constants | best.get("constants", {})
    ready = prepare.prepare(
        prepare.Cell(
            images_file=images_file,
            targets_file=targets_file,
            placement_table=placement_table,
            folds_table=folds_table,
            settings=settings,
            loss_function=loss_function,
            constants=constants,
            network=network,
            fold=fold,
            seed=identity.training_seed(seed, fold),
            threads=threads,
            wanted_device=wanted_device,
            state_dir=state_dir,
            code=code,
        )
    )
    from tumorseg.training.state import HISTORY  # Keras may only start after the device is set up

    started = time.perf_counter()
    name = f"{recipe}/{loss} seed {seed} fold {fold}"
    outcome = ready.run(say=lambda text: print(f"{name}  {text}", flush=True))
    seconds = sum(row["seconds"] for row in outcome.history)
    write_table(pd.DataFrame(outcome.history, columns=HISTORY), history_table)
    if outcome.failure:
        print(f"WARNING {name}: training failed: {outcome.failure}; shown as failed in the report")
        write_text(weights_file, "")
    else:
        plain = model.build_network(network, settings)  # without the optimizer's state
        plain.set_weights(outcome.weights)
        write_atomically(weights_file, lambda path: plain.save_weights(path))
    facts = {
        "status": "failed" if outcome.failure else "ok",
        "failure": outcome.failure or "",
        "recipe": recipe,
        "loss": {"name": loss, "function": loss_function, "constants": ready.loss.constants},
        "network": network | {"parameters": int(ready.model.count_params())},
        "settings": settings,
        "tuned": best,
        "fold": fold,
        "seed": seed,
        "cases": {"train": len(ready.training), "validation": len(ready.validation)},
        "chosen_epoch": outcome.chosen_epoch,
        "training_s": round(seconds, 1),
        "wall_s": round(time.perf_counter() - started, 1),
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "threads": threads,
        "machine": platform.machine(),
        "device": ready.machine.description(),
        "versions": identity.versions(),
        "code": code,
    }
    write_text(settings_file, yaml.safe_dump(facts, sort_keys=False))
    ready.state.unlink(missing_ok=True)
    print(f"{name}  done: epoch {outcome.chosen_epoch} chosen, {seconds:.0f} s", flush=True)


if "snakemake" in globals():
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    from tumorseg.workflow.job import run

    run(main, snakemake)  # noqa: F821
