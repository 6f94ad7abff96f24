"""What tuning tries for a loss: a preset of the config, resolved; needs no Ray.

A dimension is a key of a recipe's training or a constant of the loss. It holds a list of values or
a range {low, high, log}. Where the schedule has no horizon, `epochs` is not trained for: one long
run is scored at every number of epochs.
"""

from math import prod
from typing import Any

from tumorseg.training.plan import has_horizon

EVERY = "every_loss"


def has_values(dimension: Any) -> bool:
    """Whether a dimension lists its values; otherwise it is a range to draw from."""
    return isinstance(dimension, list)


def dimensions(preset: dict[str, Any], name: str, function: str) -> dict[str, Any]:
    """The dimensions of one loss: every loss's, then its function's, then its own name's."""
    space = preset["space"]
    parts = [space.get(part) or {} for part in dict.fromkeys((EVERY, function, name))]
    return {key: value for part in parts for key, value in part.items()}


def resolve(
    preset: dict[str, Any], name: str, function: str, training: dict[str, Any]
) -> dict[str, Any]:
    """The search of one loss with one recipe's training settings, as plain values.

    space: the dimensions that are trained apart; scored_epochs: the numbers of epochs at which each
    run is scored; epochs: what a run takes; trials: how many runs (0: nothing to search);
    searched: all dimensions, as the report prints them.
    """
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


def planned_epochs(search: dict[str, Any]) -> int:
    """The epochs that a search trains where nothing is pruned."""
    apart = search["space"].get("epochs")
    if apart and search["search"] == "grid":
        return sum(apart) * search["trials"] // len(apart)
    return search["epochs"] * search["trials"]


def rounded(chosen: dict[str, Any]) -> dict[str, Any]:
    """Values as they are trained and printed: three digits are finer than any validation set."""
    return {
        key: float(f"{value:.3g}") if isinstance(value, float) else value
        for key, value in sorted(chosen.items())
    }


def applied(
    training: dict[str, Any], constants: dict[str, Any], chosen: dict[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The recipe's training settings and the loss's constants with the chosen values in them."""
    settings = {key: value for key, value in chosen.items() if key in training}
    others = {key: value for key, value in chosen.items() if key not in training}
    return training | settings, constants | others
