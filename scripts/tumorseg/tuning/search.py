"""Runs a search over one loss's settings with Ray Tune."""

import os
from collections.abc import Callable
from math import ceil
from pathlib import Path
from typing import Any

from tumorseg.core.disk import DiskError
from tumorseg.core.errors import UserError
from tumorseg.core.records import Search
from tumorseg.training.fold_cases import cases_of_fold
from tumorseg.training.identity import content_digest
from tumorseg.training.job import TrainingJob
from tumorseg.tuning.ray_session import check_nodes, session
from tumorseg.tuning.results import HISTORY, TrialRecord, values_text
from tumorseg.tuning.search_space import has_values, planned_epochs, rounded

REDUCTION = 3  # of ASHA: a third of the trials passes each rung
LOST = 3  # times that a trial begins again because its process, or the node under it, died


def run_search(
    job: TrainingJob,
    search: Search,
    *,
    at_once: int,
    cores: int,
    gpus: int,
    report: Callable[[str], None] = print,
) -> list[TrialRecord]:
    """Runs all trials of a search, on this machine or in the Ray cluster of RAY_ADDRESS.

    Args:
        job: the training with the recipe's own values; its paths must be absolute.
        search: what is searched.
        at_once: the most trials side by side.
        cores, gpus: what the Snakemake job may use.
        report: gets a line after each epoch.

    Returns:
        The trials in the order in which they were drawn.

    Raises:
        UserError: every trial failed.
        MachineError: Ray did not start; a node has not the files.
    """
    limit: int | None = at_once
    in_cluster = bool(os.environ.get("RAY_ADDRESS"))
    if search["search"] != "optuna":  # Optuna's proposals depend on how many run side by side
        limit = None if in_cluster else min(at_once, gpus or max(1, cores // job.threads))
    with session(max(cores, job.threads), gpus):
        if in_cluster:
            check_nodes([job.images_file, job.state_dir])
        return _run_trials(job, search, gpus=min(gpus, 1), at_once=limit, report=report)


def recipe_values(job: TrainingJob, space: dict[str, Any]) -> dict[str, Any]:
    """The recipe's own values, where they lie in the space: the first trial of a search."""
    values = {**job.settings["training"], **job.loss["constants"]}
    first = {}
    for name, dimension in space.items():
        if name not in values:
            continue
        value = values[name]
        if has_values(dimension):
            inside = value in dimension
        else:
            inside = not isinstance(value, list) and dimension["low"] <= value <= dimension["high"]
        if inside:
            first[name] = value
    return first


def _cases_digest(job: TrainingJob) -> str:
    """A digest of the cases that the trials see: the fold's, without its test patients."""
    return content_digest(*(cases.digest() for cases in cases_of_fold(job)))


def _ray_space(search: Search) -> dict[str, Any]:
    """The dimensions in Ray Tune's terms."""
    from ray import tune

    list_of = tune.grid_search if search["search"] == "grid" else tune.choice
    space = {}
    for name, dimension in search["space"].items():
        if has_values(dimension):
            space[name] = list_of(dimension)
        else:
            draw = tune.loguniform if dimension.get("log") else tune.uniform
            space[name] = draw(dimension["low"], dimension["high"])
    return space


def _search_algorithm(job: TrainingJob, search: Search, at_once: int) -> Any:
    """Ray's search algorithm; seeded, and for Optuna in batches, so that it is repeatable."""
    first = [recipe_values(job, search["space"])]
    if search["search"] == "optuna":
        from optuna.samplers import TPESampler
        from ray.tune.search import ConcurrencyLimiter
        from ray.tune.search.optuna import OptunaSearch

        optuna = OptunaSearch(points_to_evaluate=first, sampler=TPESampler(seed=job.random_seed))
        return ConcurrencyLimiter(optuna, max_concurrent=at_once, batch=True)
    from ray.tune.search.basic_variant import BasicVariantGenerator

    grid = search["search"] == "grid"
    return BasicVariantGenerator(
        points_to_evaluate=None if grid or not first[0] else first, random_state=job.random_seed
    )


def _run_trials(
    job: TrainingJob,
    search: Search,
    *,
    gpus: int,
    at_once: int | None,
    report: Callable[[str], None],
) -> list[TrialRecord]:
    """All trials inside a running Ray session; see run_search.

    gpus: 1 gives each trial a GPU. at_once: None for as many trials as the cluster holds.
    """
    from ray import tune
    from ray.tune.schedulers import ASHAScheduler, FIFOScheduler

    from tumorseg.tuning.trial import Trial

    progress = _progress(search, report)
    grace = max(1, ceil(search["epochs"] / REDUCTION**2))
    trainable = tune.with_parameters(Trial, job=job, search=search, cases=_cases_digest(job))
    tuner = tune.Tuner(
        tune.with_resources(trainable, {"cpu": job.threads, "gpu": gpus}),
        param_space=_ray_space(search),
        tune_config=tune.TuneConfig(
            metric="score",
            mode="max",
            search_alg=_search_algorithm(job, search, at_once or 1),
            scheduler=ASHAScheduler(
                max_t=search["epochs"], grace_period=grace, reduction_factor=REDUCTION
            )
            if search["prune"]
            else FIFOScheduler(),
            num_samples=1 if search["search"] == "grid" else search["trials"],
            max_concurrent_trials=None if search["search"] == "optuna" else at_once,
            reuse_actors=True,
        ),
        run_config=tune.RunConfig(
            name="ray",
            storage_path=str(Path(job.state_dir).resolve()),
            failure_config=tune.FailureConfig(max_failures=LOST),
            verbose=0,
            callbacks=[progress],
        ),
    )
    tuner.fit()
    trials = list(progress.trials.values())
    for trial in trials:
        trial.epochs = trial.chosen.get("epochs", search["epochs"])
    failures = [trial.failure for trial in trials if trial.failure]
    for failure in failures:
        if failure.startswith(f"{DiskError.__name__}: "):  # no trial's fault: search again
            raise DiskError(failure.removeprefix(f"{DiskError.__name__}: "))
    if len(failures) == len(trials):
        raise UserError(f"all {len(trials)} trials failed; the first: {failures[0]}")
    return trials


def _progress(search: Search, report: Callable[[str], None]) -> Any:
    from ray import tune

    class Progress(tune.Callback):
        """Keeps every row of every trial's history and reports a line after each."""

        def __init__(self) -> None:
            self.trials: dict[str, TrialRecord] = {}  # as drawn: Ray puts a lost one last
            self.epochs_done = 0

        def on_step_begin(self, iteration: int, trials: list, **info: Any) -> None:
            for trial in trials:
                self.trials.setdefault(trial.trial_id, TrialRecord(rounded(trial.config)))

        def on_trial_result(
            self, iteration: int, trials: list, trial: Any, result: dict, **info: Any
        ) -> None:
            record = self.trials[trial.trial_id]
            if result.get("failure"):
                self._failed(record, result["failure"])
                return
            if result["epoch"] <= len(record.history):  # it began again, and reports what it stored
                return
            record.history.append({name: result[name] for name in HISTORY if name in result})
            self.epochs_done += 1
            best = max(row["val_iou"] for t in self.trials.values() for row in t.history)
            report(
                f"epoch {self.epochs_done} of {planned_epochs(search)}  "
                f"({values_text(record.chosen)}) at its epoch {result['epoch']}  "
                f"val IoU {result['val_iou']:.3f}, best so far {best:.3f}"
            )

        def on_trial_recover(self, iteration: int, trials: list, trial: Any, **info: Any) -> None:
            record = self.trials[trial.trial_id]
            record.failure = ""
            name = values_text(record.chosen)
            report(f"trial {name}: its process or node was lost; begins again where it was")

        def on_trial_error(self, iteration: int, trials: list, trial: Any, **info: Any) -> None:
            error = trial.get_pickled_error() or trial.get_error()
            self._failed(self.trials[trial.trial_id], str(error).strip().splitlines()[-1])

        def _failed(self, record: TrialRecord, failure: str) -> None:
            record.failure = failure
            report(f"trial {values_text(record.chosen)}: {failure}")

    return Progress()
