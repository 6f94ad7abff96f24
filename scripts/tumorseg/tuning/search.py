"""A search over one loss's settings with Ray Tune."""

from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tumorseg.core.errors import UserError
from tumorseg.tuning import search_space
from tumorseg.tuning.results import HISTORY, Run, text_of

if TYPE_CHECKING:
    from tumorseg.training.prepare import Cell

REDUCTION = 3  # of ASHA: a third of the trials passes each rung


def search_space_of(space: dict[str, Any], search: str) -> dict[str, Any]:
    """The dimensions in Ray Tune's terms."""
    from ray import tune

    found = {}
    for name, values in space.items():
        if search_space.has_values(values):
            found[name] = tune.grid_search(values) if search == "grid" else tune.choice(values)
        else:
            draw = tune.loguniform if values.get("log") else tune.uniform
            found[name] = draw(values["low"], values["high"])
    return found


def own_values(cell: "Cell", space: dict[str, Any]) -> dict[str, Any]:
    """The recipe's own settings, as far as they lie in the space: the first trial of a search."""
    own = cell.settings["training"] | cell.constants
    found = {}
    for name, values in space.items():
        if name not in own:
            continue
        inside = (
            own[name] in values
            if search_space.has_values(values)
            else not isinstance(own[name], list) and values["low"] <= own[name] <= values["high"]
        )
        if inside:
            found[name] = own[name]
    return found


def _searcher(cell: "Cell", search: dict[str, Any], at_once: int) -> Any:
    """Ray's search algorithm; seeded, and for Optuna in batches, so that it can be repeated."""
    first = [own_values(cell, search["space"])]
    if search["search"] == "optuna":
        from optuna.samplers import TPESampler
        from ray.tune.search import ConcurrencyLimiter
        from ray.tune.search.optuna import OptunaSearch

        found = OptunaSearch(points_to_evaluate=first, sampler=TPESampler(seed=cell.seed))
        return ConcurrencyLimiter(found, max_concurrent=at_once, batch=True)
    from ray.tune.search.basic_variant import BasicVariantGenerator

    grid = search["search"] == "grid"
    return BasicVariantGenerator(
        points_to_evaluate=None if grid or not first[0] else first, random_state=cell.seed
    )


def run_trials(
    cell: "Cell", search: dict[str, Any], *, data: str, gpus: int, at_once: int, say: Any = print
) -> list[Run]:
    """All trials of a search inside a running Ray session, in the order they were drawn.

    gpus: 1 gives each trial a GPU of its own. at_once: trials side by side, None for as many as
    the cluster holds. Raises UserError where every trial failed.
    """
    from ray import tune
    from ray.tune.schedulers import ASHAScheduler, FIFOScheduler

    from tumorseg.tuning.trial import Trial

    progress = _progress(search, say)
    grace = max(1, ceil(search["epochs"] / REDUCTION**2))
    tuner = tune.Tuner(
        tune.with_resources(
            tune.with_parameters(Trial, cell=cell, search=search, data=data),
            {"cpu": cell.threads, "gpu": gpus},
        ),
        param_space=search_space_of(search["space"], search["search"]),
        tune_config=tune.TuneConfig(
            metric="score",
            mode="max",
            search_alg=_searcher(cell, search, at_once or 1),
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
            storage_path=str(Path(cell.state_dir).resolve()),
            verbose=0,
            callbacks=[progress],
        ),
    )
    runs = []
    for result in tuner.fit():
        chosen = search_space.rounded(result.config)
        run = progress.runs.get(result.metrics.get("trial_id", ""), Run(chosen))
        run.epochs = chosen.get("epochs", search["epochs"])
        if result.error is not None:
            run.failure = str(result.error).strip().splitlines()[-1]
        runs.append(run)
    failures = [run.failure for run in runs if run.failure]
    if len(failures) == len(runs):
        raise UserError(f"all {len(runs)} trials failed; the first: {failures[0]}")
    return runs


def _progress(search: dict[str, Any], say: Any) -> Any:
    from ray import tune

    class Progress(tune.Callback):
        """Keeps every row and says a line after each."""

        def __init__(self) -> None:
            self.runs: dict[str, Run] = {}
            self.passed = 0

        def on_trial_result(
            self, iteration: int, trials: list, trial: Any, result: dict, **info: Any
        ) -> None:
            chosen = search_space.rounded(trial.config)
            run = self.runs.setdefault(trial.trial_id, Run(chosen))
            if result.get("failure"):
                run.failure = result["failure"]
                say(f"trial {text_of(chosen)}: {run.failure}")
                return
            run.history.append({name: result[name] for name in HISTORY if name in result})
            self.passed += 1
            best = max(row["val_iou"] for r in self.runs.values() for row in r.history)
            say(
                f"epoch {self.passed} of {search_space.planned_epochs(search)}  "
                f"({text_of(chosen)}) at its epoch {result['epoch']}  "
                f"val IoU {result['val_iou']:.3f}, best so far {best:.3f}"
            )

    return Progress()
