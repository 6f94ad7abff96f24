"""The state of a training after an epoch, and the file from which a killed training resumes."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import keras
import numpy as np

from tumorseg.core.files import write_atomically

SCORES = ("val_loss", "val_iou", "val_dice", "val_undefined")
HISTORY = ("epoch", "learning_rate", "loss", *SCORES, "seconds")
WHOLE = ("epoch", "val_undefined")  # whole numbers
STRIDE = 4  # steps between two that the average of the weights takes in


@dataclass
class Outcome:
    """The result of a training: a history row per epoch, the weights to use, why it failed."""

    history: list[dict[str, float]] = field(default_factory=list)
    weights: list[np.ndarray] = field(default_factory=list)
    chosen_epoch: int = 0
    failure: str | None = None


@dataclass
class Average:
    """Exponential moving average of all weights, normalisation statistics included.

    decay: the share of the average that a step keeps; 0 averages nothing. The first steps keep
    less, so that the untrained weights are soon forgotten. Every STRIDE-th step is taken in, with
    decay ** STRIDE: the same average, for a fraction of the time that fetching weights takes.
    """

    decay: float
    steps: int = 0
    values: list[np.ndarray] = field(default_factory=list)

    def step(self, weights: Callable[[], list[np.ndarray]]) -> None:
        """Counts a step; each STRIDE-th moves the average towards the weights, which it fetches."""
        self.steps += 1
        if self.steps % STRIDE and self.values:
            return
        current = weights()
        if not self.values:
            self.values = [weight.copy() for weight in current]
        decay = min(self.decay, self.steps / (self.steps + 10)) ** STRIDE
        for value, weight in zip(self.values, current, strict=True):
            value += (1 - decay) * (weight - value)


def store(path: Path, variables: list[Any], outcome: Outcome, average: Average) -> None:
    """Writes the whole state atomically. variables: the model's and the optimizer's.

    Raises DiskError where the disk is full; the state of the epoch before is kept.
    """
    groups = {
        "variable": [keras.ops.convert_to_numpy(variable) for variable in variables],
        "weight": outcome.weights,
        "average": average.values,
    }
    arrays = {f"{name}_{i}": a for name, group in groups.items() for i, a in enumerate(group)}
    rows = [[float(row[name]) for name in HISTORY] for row in outcome.history]
    arrays["history"] = np.array(rows)
    arrays["weights"] = np.array(len(outcome.weights))
    arrays["averages"] = np.array(len(average.values))
    arrays["chosen_epoch"] = np.array(outcome.chosen_epoch)
    arrays["steps"] = np.array(average.steps)

    def write(temporary: Path) -> None:
        with temporary.open("wb") as file:
            np.savez(file, allow_pickle=False, **arrays)

    write_atomically(path, write, sum(array.nbytes for array in arrays.values()))


def restore(path: Path, variables: list[Any], outcome: Outcome, average: Average) -> None:
    """Sets variables, outcome and average to what `store` wrote, bit for bit."""
    with np.load(path, allow_pickle=False) as stored:
        for index, variable in enumerate(variables):
            variable.assign(stored[f"variable_{index}"])
        rows = [dict(zip(HISTORY, row, strict=True)) for row in stored["history"].tolist()]
        outcome.history = [row | {name: int(row[name]) for name in WHOLE} for row in rows]
        outcome.chosen_epoch = int(stored["chosen_epoch"])
        outcome.weights = [stored[f"weight_{i}"] for i in range(int(stored["weights"]))]
        average.steps = int(stored["steps"])
        average.values = [stored[f"average_{i}"] for i in range(int(stored["averages"]))]
