"""Trains one network: one recipe, one loss, one seed, one fold."""

import platform
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import yaml

from tumorseg.core.files import write_atomically, write_table, write_text
from tumorseg.core.records import TrainingRecord
from tumorseg.training.identity import versions
from tumorseg.training.job import TrainingJob
from tumorseg.training.model import build_network
from tumorseg.training.prepare import prepare

if TYPE_CHECKING:
    from tumorseg.training.loop import Training


def record(job: TrainingJob, training: "Training", wall_s: float) -> TrainingRecord:
    """Everything that was set for the training, and how it ended."""
    outcome = training.outcome
    return {
        "status": "failed" if outcome.failure else "ok",
        "failure": outcome.failure or "",
        "recipe": job.recipe,
        "loss": {**job.loss, "constants": training.loss.constants},
        "network": {**job.network, "parameters": int(training.model.count_params())},
        "settings": job.settings,
        "tuned": job.tuned,
        "fold": job.fold,
        "seed": job.seed,
        "cases": {"train": len(training.training), "validation": len(training.validation)},
        "chosen_epoch": outcome.chosen_epoch,
        "training_s": round(sum(row["seconds"] for row in outcome.history), 1),
        "wall_s": round(wall_s, 1),
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "threads": job.threads,
        "machine": platform.machine(),
        "device": training.machine.description(),
        "versions": versions(),
        "code": job.code,
    }


def main(
    *,
    job: dict[str, Any],
    code: str,
    weights_file: str,
    history_table: str,
    settings_file: str,
    gpus: int = 1,
    best_file: str | list = "",
    **cases: str,
) -> None:
    """Writes the weights, the history (a row per epoch) and all settings of the training.

    A loss that stops being finite is not an error: settings.yaml then has status failed and the
    reason, and the weights file is empty.

    Args:
        job: the fields of TrainingJob that the config determines.
        code: digest of the code that trains.
        weights_file, history_table, settings_file: written.
        gpus: that the Snakemake job may use, which share every batch; 0 like 1.
        best_file: what tuning chose, which replaces the config's values; empty without tuning.
        cases: the packed cases and the folds, under TrainingJob's names.
    """
    best = yaml.safe_load(Path(best_file).read_text(encoding="utf-8")) if best_file else {}
    training_job = TrainingJob(**job, **cases, code=code).with_tuning(best)
    training = prepare(training_job, gpus)
    from tumorseg.training.state import HISTORY  # Keras must start after the device

    started = time.perf_counter()
    name = f"{training_job.name} seed {training_job.seed} fold {training_job.fold}"
    outcome = training.run(report=lambda text: print(f"{name}  {text}", flush=True))
    write_table(pd.DataFrame(outcome.history, columns=HISTORY), history_table)
    if outcome.failure:
        print(f"WARNING {name}: training failed: {outcome.failure}; shown as failed in the report")
        write_text(weights_file, "")
    else:  # a network of its own, which holds no optimizer state
        network = build_network(training_job.network, training_job.settings)
        network.set_weights(outcome.weights)
        write_atomically(weights_file, lambda path: network.save_weights(path))
    facts = record(training_job, training, time.perf_counter() - started)
    write_text(settings_file, yaml.safe_dump(facts, sort_keys=False))
    training.state.unlink(missing_ok=True)
    print(f"{name}  done: epoch {facts['chosen_epoch']} chosen, {facts['training_s']:.0f} s")


if "snakemake" in globals():
    from tumorseg.workflow.job import run

    run(main, snakemake)  # noqa: F821
