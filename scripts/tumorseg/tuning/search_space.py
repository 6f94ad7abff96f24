"""What tuning tries for a loss, from a preset of the config. Needs no Ray.

A dimension is a key of a recipe's training or a constant of the loss. It holds a list of values or
a range {low, high, log}. Where the schedule has no horizon, `epochs` costs no extra training: one
long trial is scored at every number of epochs.
"""

from collections.abc import Mapping
from math import prod
from typing import Any

from tumorseg.core.records import Search, TrainingSettings
from tumorseg.training.plan import has_horizon

EVERY = "every_loss"


def has_values(dimension: Any) -> bool:
    """Whether a dimension is a list of values; otherwise it is a range to draw from."""
    return isinstance(dimension, list)


def dimensions(preset: dict[str, Any], name: str, function: str) -> dict[str, Any]:
    """The dimensions of one loss. Its name overrides its function, which overrides every_loss."""
    space = preset["space"]
    parts = [space.get(part) or {} for part in dict.fromkeys((EVERY, function, name))]
    return {key: value for part in parts for key, value in part.items()}


def resolve(preset: dict[str, Any], name: str, function: str, training: TrainingSettings) -> Search:
    """The search of one loss with one recipe's training settings."""
    searched = dimensions(preset, name, function)
    space = dict(searched)
    scored = [preset.get("trial_epochs") or training["epochs"]]
    if "epochs" in searched and not has_horizon(training["schedule"]):
        scored = sorted(space.pop("epochs"))
    trials = prod(len(values) for values in space.values()) if preset["search"] == "grid" else 0
    trials = (trials or preset["trials"]) if space else 1
    return {
        "search": preset["search"],
        "prune": preset.get("prune", False),
        "space": space,
        "searched": searched,
        "scored_epochs": scored,
        "epochs_searched": "epochs" in searched,
        "epochs": max(space.get("epochs", scored)),
        "trials": trials if searched else 0,
        "keep_best": training["keep_best"],
    }


def planned_epochs(search: Search, horizon: bool = True) -> int:
    """The epochs that a search trains where nothing is pruned.

    horizon: False gives those of a schedule without one, where the longest training of a grid
    passes through all shorter ones.
    """
    lengths = search["space"].get("epochs")
    if lengths and search["search"] == "grid":
        length = sum(lengths) if horizon else max(lengths)
        return length * search["trials"] // len(lengths)
    return search["epochs"] * search["trials"]


def rounded(chosen: dict[str, Any]) -> dict[str, Any]:
    """The chosen values with three digits, as they are trained and printed.

    >>> rounded({"learning_rate": 0.00123456, "batch_size": 4})
    {'batch_size': 4, 'learning_rate': 0.00123}
    """
    return {
        key: float(f"{value:.3g}") if isinstance(value, float) else value
        for key, value in sorted(chosen.items())
    }


def split_values(
    chosen: dict[str, Any], training: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The chosen values that are settings of the training, and those that are constants."""
    settings = {key: value for key, value in chosen.items() if key in training}
    constants = {key: value for key, value in chosen.items() if key not in training}
    return settings, constants
