"""The settings of one training's optimisation. Needs no Keras."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
from typing import Literal

HORIZON = {"constant": False, "plateau": False, "cosine": True, "polynomial": True}
# The history's column by which an epoch is kept, and 1 where more of it is better, else -1.
KEPT_BY = {True: ("val_iou", 1), "iou": ("val_iou", 1), "dice": ("val_dice", 1)}
KEPT_BY["loss"] = ("val_loss", -1)


@dataclass(frozen=True)
class Plan:
    """How one training proceeds; the fields are the keys of a recipe's `training`, and the seed."""

    epochs: int
    batch_size: int
    learning_rate: float
    schedule: str
    warmup_epochs: float
    weight_decay: float
    weight_average: float
    augmentation: float
    keep_best: bool | str
    mirrored: bool | Literal["all"]
    seed: int
    optimizer: str = "adam"
    momentum: float = 0.99
    nesterov: bool = True
    plateau_factor: float = 0.1
    plateau_patience: int = 10
    plateau_minimum: float = 0.0
    steps: int = 0
    deep_supervision: bool = False


def has_horizon(schedule: str) -> bool:
    """Whether the learning rate at an epoch depends on how many epochs will follow.

    Without a horizon a long training passes through every shorter one, so tuning trains once.
    """
    return HORIZON[schedule]


def kept_epoch(history: Sequence[dict[str, float]], keep_best: bool | str) -> int:
    """Which row of a history, counted from 0, has the weights that are kept; of equals the first.

    keep_best: false keeps the last; true and "iou" the best validation IoU, "dice" the best Dice,
    "loss" the lowest loss. A value that is not a number is never the best.
    """
    if not keep_best:
        return len(history) - 1
    name, sign = KEPT_BY[keep_best]
    scores = [sign * row[name] for row in history]
    comparable = [score if score == score else -inf for score in scores]
    return comparable.index(max(comparable))


def plateau_rate(plan: Plan, val_losses: Sequence[float], step: int, steps_per_epoch: int) -> float:
    """The learning rate of a step with the schedule `plateau`, which follows from the history.

    Each time that the validation loss has not become lower for plan.plateau_patience epochs, the
    rate is multiplied by plan.plateau_factor, down to plan.plateau_minimum. The warm-up is linear,
    as for other schedules.

    val_losses: of all epochs so far; step: the training's number of the step, from 0.
    """
    best, waited, rate = inf, 0, plan.learning_rate
    for loss in val_losses:
        best, waited = (loss, 0) if loss < best else (best, waited + 1)
        if waited == plan.plateau_patience:
            rate, waited = max(rate * plan.plateau_factor, plan.plateau_minimum), 0
    warmup = max(1, round(plan.warmup_epochs * steps_per_epoch))
    return rate * min(1.0, (step + 1) / warmup)
