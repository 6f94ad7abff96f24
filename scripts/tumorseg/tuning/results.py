"""The results of a search: its trials, its grid points and the one that wins."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from tumorseg.core.records import Search, TuningResult
from tumorseg.training.plan import kept_epoch
from tumorseg.tuning.search_space import split_values

LEAST_IOU = 0.01  # a grid point below has learned nothing and cannot win
HISTORY = ("trial", "epoch", "loss", "val_loss", "val_iou", "val_dice", "seconds")


@dataclass
class TrialRecord:
    """One trial: its values, its history, the epochs it was to train, and why it failed."""

    chosen: dict[str, Any]
    history: list[dict[str, float]] = field(default_factory=list)
    failure: str = ""
    epochs: int = 0

    @property
    def status(self) -> str:
        """failed, pruned where it trained fewer epochs than planned, otherwise ok."""
        if self.failure:
            return "failed"
        return "ok" if len(self.history) >= self.epochs else "pruned"


def values_text(chosen: dict[str, Any]) -> str:
    """`alpha 0.6, learning_rate 0.001`; own settings where nothing but the epochs varies."""
    return ", ".join(f"{name} {value}" for name, value in chosen.items()) or "own settings"


def grid_table(trials: list[TrialRecord], search: Search) -> pd.DataFrame:
    """One row per grid point (trial x number of epochs): trial, values, val_iou, status.

    val_iou is the score of a training of that many epochs: that of the epoch which it would keep;
    NaN where the trial did not get that far.
    """
    lines = []
    for number, trial in enumerate(trials, start=1):
        scored = [trial.chosen["epochs"]] if "epochs" in trial.chosen else search["scored_epochs"]
        for epochs in scored:
            reached = len(trial.history) >= epochs
            value, status = np.nan, trial.status
            if reached:
                kept = kept_epoch(trial.history[:epochs], search["keep_best"])
                value = trial.history[kept]["val_iou"]
                status = "ok" if value >= LEAST_IOU else "nothing learned"
            line = {"trial": number, **trial.chosen, "epochs": epochs, "val_iou": value}
            lines.append(line | {"status": status, "failure": "" if reached else trial.failure})
    names = ["trial", *sorted(search["space"]), "epochs", "val_iou", "status", "failure"]
    return pd.DataFrame(lines, columns=list(dict.fromkeys(names)))


def winner(table: pd.DataFrame) -> pd.Series | None:
    """The grid point of the best validation IoU; None where none learned anything.

    Of equal ones the shortest wins, then the first trial.
    """
    able = table[table["status"] == "ok"]
    if able.empty:
        return None
    order = able.assign(rank=-able["val_iou"]).sort_values(["rank", "epochs", "trial"])
    return able.loc[order.index[0]]


def best_result(table: pd.DataFrame, search: Search, training: Mapping[str, Any]) -> TuningResult:
    """What won, as the training reads it: status, training, constants, val_iou.

    training: the recipe's settings; a chosen value whose name is not among them is a constant.
    """
    won = winner(table)
    if won is None:
        return {"status": "nothing learned", "training": {}, "constants": {}}
    values = {name: won[name] for name in search["searched"]}
    chosen = {k: v.item() if hasattr(v, "item") else v for k, v in values.items()}
    settings, constants = split_values(chosen, training)
    return {
        "status": "won",
        "training": settings,
        "constants": constants,
        "val_iou": float(won["val_iou"]),
    }


def epoch_table(trials: list[TrialRecord]) -> pd.DataFrame:
    """One row per trial and epoch."""
    lines = [
        {"trial": number, **row}
        for number, trial in enumerate(trials, start=1)
        for row in trial.history
    ]
    return pd.DataFrame(lines, columns=HISTORY)
