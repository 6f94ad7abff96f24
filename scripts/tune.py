"""Tunes one loss of one recipe: on one fold's training patients, or once for all folds."""

import shutil
import time
from pathlib import Path
from typing import Any

import yaml

from tumorseg.core.files import write_table, write_text
from tumorseg.core.records import Search, TuningResult
from tumorseg.training.job import TrainingJob
from tumorseg.tuning.results import TrialRecord, best_result, epoch_table, grid_table, values_text
from tumorseg.tuning.search import run_search


def main(
    *,
    job: dict[str, Any],
    search: Search,
    at_once: int,
    code: str,
    cores: int,
    gpus: int,
    trials_table: str,
    history_table: str,
    best_file: str,
    **cases: str,
) -> None:
    """Writes the grid points, the history of every trial and the values that won.

    Args:
        job: the fields of TrainingJob that the config determines; on its fold's training patients
            the trials train, and its validation patients score them.
        search: what is searched.
        at_once: trials side by side, where cores and GPUs allow it.
        code: digest of the code that tunes.
        cores, gpus: what the Snakemake job may use.
        trials_table, history_table, best_file: written.
        cases: the packed cases and the folds, under TrainingJob's names.
    """
    training_job = TrainingJob(**job, **cases, code=code, tuning=True).with_absolute_paths()
    Path(training_job.state_dir).mkdir(parents=True, exist_ok=True)
    started = time.perf_counter()
    trials: list[TrialRecord] = []
    if search["trials"]:
        trials = run_search(
            training_job,
            search,
            at_once=at_once,
            cores=cores,
            gpus=gpus,
            report=lambda text: print(f"tune {training_job.name}  {text}", flush=True),
        )
    table = grid_table(trials, search)
    best = best_result(table, search, training_job.settings["training"])
    if not trials:
        best = {"status": "nothing to search", "training": {}, "constants": {}}
    write_table(table, trials_table)
    write_table(epoch_table(trials), history_table)
    searched: TuningResult = {
        "recipe": training_job.recipe,
        "loss": training_job.loss["name"],
        "search": search["search"],
        "fold": training_job.fold,
        "searched": search["searched"],
        "trials": search["trials"],
    }
    write_text(best_file, yaml.safe_dump({**searched, **best}, sort_keys=False))
    shutil.rmtree(training_job.state_dir, ignore_errors=True)
    print(
        f"tune {training_job.name}  {best['status']}: "
        f"{values_text(best['training'] | best['constants'])}; {len(trials)} trials, "
        f"{sum(len(trial.history) for trial in trials)} epochs, "
        f"{time.perf_counter() - started:.0f} s"
    )


if "snakemake" in globals():
    from tumorseg.workflow.job import run

    run(main, snakemake)  # noqa: F821
