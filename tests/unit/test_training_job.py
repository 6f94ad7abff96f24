"""Promises of TrainingJob: tuned values replace the config's; every field identifies a result."""

from dataclasses import fields, replace

import pytest

from tumorseg.core.records import TrainingSettings
from tumorseg.training.job import OPTIONAL_PATHS, PATHS, TrainingJob
from tumorseg.training.plan import Plan


def job(**other) -> TrainingJob:
    """A training of the robust recipe with focal loss."""
    settings = {
        "recipe": "robust",
        "settings": {"channels": 1, "network": {}, "training": {"epochs": 3, "batch_size": 4}},
        "loss": {"name": "sharp", "function": "focal", "constants": {"alpha": 0.5, "gamma": 3.0}},
        "network": {"name": "unet", "size_px": 32, "base_width": 4},
        "fold": 2,
        "seed": 1,
        "threads": 1,
        "wanted_device": "cpu",
        "precision": "float32",
        "code": "code",
        **{name: name for name in PATHS},
    }
    return TrainingJob(**settings | other)


def test_what_tuning_chose_replaces_the_values_of_the_config():
    tuned = {"status": "won", "training": {"epochs": 5}, "constants": {"alpha": 0.7}}
    changed = job().with_tuning(tuned)
    assert changed.settings["training"] == {"epochs": 5, "batch_size": 4}
    assert changed.loss["constants"] == {"alpha": 0.7, "gamma": 3.0}
    assert changed.tuned == tuned
    assert job().with_tuning({}) == job()
    assert job().settings["training"]["epochs"] == 3  # the first job is unchanged


def test_no_two_trainings_share_their_random_numbers():
    trainings = [(s, f, t) for s in (1, 2) for f in range(1, 11) for t in (False, True)]
    seeds = [job(seed=s, fold=f, tuning=t).random_seed for s, f, t in trainings]
    assert len(set(seeds)) == len(trainings)
    assert job(seed=1, fold=2).random_seed == 1002  # published results depend on it


@pytest.mark.parametrize("field", [f.name for f in fields(TrainingJob)])
def test_every_field_but_paths_and_the_tuning_record_identifies_the_result(field):
    changed = replace(job(), **{field: "another"})
    same = changed.result_settings() == job().result_settings()
    assert same == (field in (*PATHS, *OPTIONAL_PATHS, "tuned"))


def test_a_plan_has_the_keys_of_a_recipes_training_and_the_seed():
    assert {field.name for field in fields(Plan)} == {*TrainingSettings.__annotations__, "seed"}
