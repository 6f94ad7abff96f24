"""The plan of an experiment, as it is registered before the first training.

It follows from the config and from digests of the code alone, without the user's paths. What
changes no result of the comparison is left out: other recipes and presets, and what `predict`
reads.
"""

from typing import Any

from tumorseg.workflow.experiment import Experiment

# Keys that are replaced by what follows from them, or that change no result of the comparison.
LEFT_OUT = (
    *("experiment", "data_dir", "images", "model", "model_loss", "identifiers", "use_losses"),
    *("losses", "network", "networks", "recipes", "tuning"),
)


def plan(experiment: Experiment, code: dict[str, str]) -> dict[str, Any]:
    """Question, use of the data, settings and code of an experiment, as nested plain values.

    code: digests of the code of each step (workflow/code_digest.py).
    """
    return {
        "question": _question(experiment),
        "use of patients": _use_of_patients(experiment),
        "settings": settings(experiment),
        "code": code,
    }


def settings(experiment: Experiment) -> dict[str, Any]:
    """The settings that can change a result, with every loss, network and search in full."""
    shown = experiment.shown()
    config = {key: value for key, value in shown.items() if key not in LEFT_OUT}
    losses = {
        name: {"function": function, "constants": constants}
        for name, (function, constants) in experiment.losses.items()
    }
    tuning = {"scope": shown["tuning"]["scope"]}
    if experiment.scopes:
        tuning |= {"trials_at_once": shown["tuning"]["trials_at_once"]}
        tuning |= {"searches": experiment.searches()}
    recipes = {
        name: experiment.recipe(name) | {"network_in_use": experiment.network(name)}
        for name in experiment.recipes
    }
    own = {"seeds": experiment.seeds, "losses": losses}
    return config | own | {"recipes": recipes, "tuning": tuning}


def _question(experiment: Experiment) -> dict[str, Any]:
    config, recipe = experiment.config, experiment.recipes[0]
    reference = config["reference_loss"]
    others = [loss for loss in experiment.losses_of(recipe) if loss != reference]
    margin = 100 * config["statistics"]["margin"]
    of = f" ({experiment.asked_about})" if experiment.asked_about else ""
    return {
        "in words": (
            f"Which of these losses segments better than {reference}, and which worse: "
            f"{', '.join(others) or 'none'}? Measured by the mean over test patients of their Dice"
            f"{of}, with recipe {recipe} at threshold {config['measure']['threshold']:g}; a "
            f"difference below {margin:g} points does not matter"
        ),
        "primary contrasts": [f"{loss} against {reference}" for loss in others],
        "margin in points of Dice": margin,
    }


def _use_of_patients(experiment: Experiment) -> dict[str, str]:
    """What validation, tuning and test patients are used for, in words that follow the config."""
    folds, count = experiment.config["folds"], len(experiment.folds)
    kept = [name for name in experiment.recipes if experiment.recipe(name)["training"]["keep_best"]]
    share = f"{100 * folds['validation_share']:g} % of the patients of a fold that it does not test"
    other_folds = "; some of them are test patients of other folds" if count > 1 else ""
    return {
        "test": (
            f"{count} folds: every patient is tested once, by trainings that have not seen it"
            if count > 1
            else f"one split: {folds.get('test_patients', 0)} patients are tested, by trainings "
            "that have not seen them"
        ),
        "validation": f"{share}: they train nothing; chosen on them: "
        + (f"the epoch (recipes {', '.join(kept)}), " if kept else "")
        + "each training's own threshold",
        "tuning": {
            "none": "nothing is tuned",
            "shared": "one search for all folds, on the training and validation patients of fold 1"
            + other_folds,
            "nested": "a search inside every fold, on its own training and validation patients",
        }[experiment.config["tuning"]["scope"]],
    }
