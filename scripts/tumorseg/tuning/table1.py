"""Table 1: what each finished search tried, what it cost and what won."""

import math
from dataclasses import dataclass
from typing import Any

import pandas as pd

from tumorseg.core.records import TuningResult
from tumorseg.tuning.results import values_text
from tumorseg.tuning.search_space import has_values


@dataclass(frozen=True)
class FinishedSearch:
    """One search read from its files: what was searched, what won, grid points and epochs."""

    recipe: str
    loss: str
    scope: str
    best: TuningResult
    grid_points: pd.DataFrame
    history: pd.DataFrame

    @property
    def name(self) -> str:
        """The loss, and the fold where each fold has its own search."""
        return self.loss if self.scope == "shared" else f"{self.loss}, {self.scope}"

    @property
    def dimensions(self) -> list[str]:
        """The searched names, epochs last."""
        return sorted(self.best["searched"], key=lambda name: (name == "epochs", name))

    def chosen(self, trial: int) -> dict[str, Any]:
        """The values of one trial, without epochs."""
        row = self.grid_points[self.grid_points["trial"] == trial].iloc[0]
        return {name: row[name] for name in self.dimensions if name != "epochs"}


def _range_text(values: Any) -> str:
    if has_values(values):
        return " ".join(f"{value:g}" for value in values)
    return f"{values['low']:g} to {values['high']:g}" + (" (log)" if values.get("log") else "")


def table1(searches: list[FinishedSearch]) -> pd.DataFrame:
    """One row per search: what was searched, what it cost, what won.

    epochs_apart: the epochs of a separate training for every grid point.
    """
    lines = []
    for search in searches:
        best, points = search.best, search.grid_points
        won = best["training"] | best["constants"]
        by_trial = points.groupby("trial")["status"]
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
                "epochs_apart": int(points["epochs"].sum()),
                "seconds": round(search.history["seconds"].sum(), 1),
                "result": best["status"],
                "won": values_text(won) if won else "",
                "val_iou": best.get("val_iou", math.nan),
            }
        )
    return pd.DataFrame(lines)
