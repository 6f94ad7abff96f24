"""What a search printed: its trials, the cells of its grid, and the one that wins."""

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from tumorseg.tuning.search_space import has_values


@dataclass(frozen=True)
class Search:
    """One search as its files tell it: where, what was asked and won, its cells and its epochs."""

    recipe: str
    loss: str
    scope: str
    best: dict[str, Any]
    cells: pd.DataFrame
    history: pd.DataFrame

    @property
    def name(self) -> str:
        """loss, and the fold where each has its own search."""
        return self.loss if self.scope == "shared" else f"{self.loss}, {self.scope}"

    @property
    def dimensions(self) -> list[str]:
        """The searched names, epochs last."""
        return sorted(self.best["searched"], key=lambda name: (name == "epochs", name))

    def chosen(self, trial: int) -> dict[str, Any]:
        """The values that a trial differs by."""
        row = self.cells[self.cells["trial"] == trial].iloc[0]
        return {name: row[name] for name in self.dimensions if name != "epochs"}


LEAST_IOU = 0.01  # a cell below has learned nothing and cannot win
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


def best(table: pd.DataFrame, search: dict[str, Any], training: dict[str, Any]) -> dict[str, Any]:
    """What a search found, as the training reads it: status, training, constants, val_iou.

    training: the recipe's settings; a chosen value whose name is not among them is a constant.
    """
    won = winner(table)
    if won is None:
        return {"status": "nothing learned", "training": {}, "constants": {}}
    values = {name: won[name] for name in search["searched"]}
    chosen = {k: v.item() if hasattr(v, "item") else v for k, v in values.items()}
    settings = {k: v for k, v in chosen.items() if k in training}
    constants = {k: v for k, v in chosen.items() if k not in training}
    found = {"training": settings, "constants": constants, "val_iou": float(won["val_iou"])}
    return {"status": "won"} | found


def history_table(runs: list[Run]) -> pd.DataFrame:
    """One line a trial and epoch."""
    lines = [
        {"trial": number, **row} for number, run in enumerate(runs, start=1) for row in run.history
    ]
    return pd.DataFrame(lines, columns=HISTORY)


def _range_text(values: Any) -> str:
    if has_values(values):
        return " ".join(f"{value:g}" for value in values)
    return f"{values['low']:g} to {values['high']:g}" + (" (log)" if values.get("log") else "")


def table1(searches: list[Search]) -> pd.DataFrame:
    """One line a search: what was searched, what it cost, what won.

    epochs_apart: what training every cell of the grid by itself would have taken.
    """
    lines = []
    for search in searches:
        best, cells = search.best, search.cells
        won = best["training"] | best["constants"]
        by_trial = cells.groupby("trial")["status"]
        searched = (f"{name} {_range_text(best['searched'][name])}" for name in search.dimensions)
        lines.append(
            {
                "recipe": search.recipe,
                "loss": search.loss,
                "scope": search.scope,
                "search": best["search"],
                "searched": "; ".join(searched),
                "trials": by_trial.ngroups,
                "pruned": int(by_trial.agg(lambda s: (s == "pruned").any()).sum()),
                "failed": int(by_trial.agg(lambda s: (s == "failed").any()).sum()),
                "epochs": len(search.history),
                "epochs_apart": int(cells["epochs"].sum()),
                "seconds": round(search.history["seconds"].sum(), 1),
                "result": best["status"],
                "won": text_of(won) if won else "",
                "val_iou": best.get("val_iou", math.nan),
            }
        )
    return pd.DataFrame(lines)
