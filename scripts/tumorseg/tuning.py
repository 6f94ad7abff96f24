"""A search over one loss's settings with Ray Tune, and the cell of its grid that wins."""

from dataclasses import dataclass, field
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from tumorseg import search_space
from tumorseg.errors import UserError

if TYPE_CHECKING:
    from tumorseg.cell_training import Cell

LEAST_IOU = 0.01  # a cell below has learned nothing and cannot win
REDUCTION = 3  # of ASHA: a third of the trials passes each rung
HISTORY = ("trial", "epoch", "loss", "val_loss", "val_iou", "val_dice", "seconds")


@dataclass
class Run:
    """What became of one trial: its values, its history, and why it failed or stopped early."""

    chosen: dict[str, Any]
    history: list[dict[str, float]] = field(default_factory=list)
    failure: str = ""
    epochs: int = 0

    @property
    def status(self) -> str:
        """ok, failed, or pruned where it has fewer epochs than it was to have."""
        if self.failure:
            return "failed"
        return "ok" if len(self.history) >= self.epochs else "pruned"


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

    from tumorseg.trial import Trial

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


def text_of(chosen: dict[str, Any]) -> str:
    """`alpha 0.6, learning_rate 0.001`, or that nothing but the epochs varies."""
    return ", ".join(f"{name} {value}" for name, value in chosen.items()) or "own settings"


def cell_table(runs: list[Run], search: dict[str, Any]) -> pd.DataFrame:
    """One line a cell of the grid (trial x number of epochs): trial, values, val_iou, status.

    val_iou is what a training of so many epochs would choose by: with keep_best the best up to
    there, otherwise the value there; NaN where the trial never came so far.
    """
    lines = []
    for number, run in enumerate(runs, start=1):
        ious = [row["val_iou"] for row in run.history]
        scored = [run.chosen["epochs"]] if "epochs" in run.chosen else search["scored_epochs"]
        for epochs in scored:
            reached = len(ious) >= epochs
            value, status = np.nan, run.status
            if reached:
                value = max(ious[:epochs]) if search["keep_best"] else ious[epochs - 1]
                status = "ok" if value >= LEAST_IOU else "nothing learned"
            line = {"trial": number, **run.chosen, "epochs": epochs, "val_iou": value}
            lines.append(line | {"status": status, "failure": "" if reached else run.failure})
    names = ["trial", *sorted(search["space"]), "epochs", "val_iou", "status", "failure"]
    return pd.DataFrame(lines, columns=list(dict.fromkeys(names)))


def winner(table: pd.DataFrame) -> pd.Series | None:
    """The cell of the best validation IoU, of equals the shortest then the first; None if none
    learned anything."""
    able = table[table["status"] == "ok"]
    if able.empty:
        return None
    order = able.assign(rank=-able["val_iou"]).sort_values(["rank", "epochs", "trial"])
    return able.loc[order.index[0]]


def best(table: pd.DataFrame, search: dict[str, Any], cell: "Cell") -> dict[str, Any]:
    """What a search found, as the training reads it: status, training, constants, val_iou."""
    won = winner(table)
    if won is None:
        return {"status": "nothing learned", "training": {}, "constants": {}}
    values = {name: won[name] for name in search["searched"]}
    chosen = {k: v.item() if hasattr(v, "item") else v for k, v in values.items()}
    training = {k: v for k, v in chosen.items() if k in cell.settings["training"]}
    constants = {k: v for k, v in chosen.items() if k not in training}
    found = {"training": training, "constants": constants, "val_iou": float(won["val_iou"])}
    return {"status": "won"} | found


def history_table(runs: list[Run]) -> pd.DataFrame:
    """One line a trial and epoch."""
    lines = [
        {"trial": number, **row} for number, run in enumerate(runs, start=1) for row in run.history
    ]
    return pd.DataFrame(lines, columns=HISTORY)
