"""Promises of the search space: the study's grid at a third of its cost, bad values rejected."""

from pathlib import Path

import pytest
import yaml

from tumorseg.core.errors import UserError
from tumorseg.tuning import preset_check, search_space

ROOT = Path(__file__).resolve().parents[2]
CONFIG = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
SCHEMA = yaml.safe_load((ROOT / "config.schema.yaml").read_text(encoding="utf-8"))
TRAINING = SCHEMA["properties"]["recipes"]["additionalProperties"]["properties"]["training"]
PRESETS = CONFIG["tuning"]["presets"]
SETTINGS = CONFIG["recipes"]["paper"]["training"]


def table1(settings: dict) -> list[dict]:
    names = ("dice", "tversky", "focal")
    return [search_space.resolve(PRESETS["paper"], name, name, settings) for name in names]


def test_table_1_has_66_grid_points_of_1155_epochs_and_takes_11_trials_of_330_epochs():
    searches = table1(SETTINGS)
    grid_points = [search["trials"] * len(search["scored_epochs"]) for search in searches]
    assert grid_points == [6, 30, 30]
    assert sum(s["trials"] * sum(s["scored_epochs"]) for s in searches) == 1155
    assert sum(search["trials"] for search in searches) == 11
    assert sum(map(search_space.planned_epochs, searches)) == 330


def test_a_schedule_with_a_horizon_needs_a_training_for_every_number_of_epochs():
    searches = table1(SETTINGS | {"schedule": "cosine"})
    assert [search["trials"] for search in searches] == [6, 30, 30]
    assert sum(map(search_space.planned_epochs, searches)) == 1155
    assert all("epochs" in search["space"] for search in searches)
    assert sum(search_space.planned_epochs(search, horizon=False) for search in searches) == 330


@pytest.mark.parametrize("loss", ["bce", "focal", "dice", "boundary"])
def test_robust_gives_every_loss_the_same_number_of_trials_and_a_searched_learning_rate(loss):
    search = search_space.resolve(PRESETS["robust"], loss, loss, SETTINGS)
    assert search["trials"] == PRESETS["robust"]["trials"]
    assert search_space.planned_epochs(search) == search["trials"] * search["epochs"]
    assert "learning_rate" in search["space"]


def test_a_variant_is_tuned_as_its_function_unless_its_own_name_says_otherwise():
    preset = {"search": "grid", "space": {"focal": {"alpha": [0.5]}, "sharp": {"gamma": [3.0]}}}
    searched = search_space.resolve(preset, "sharp", "focal", SETTINGS)["searched"]
    assert searched == {"alpha": [0.5], "gamma": [3.0]}


def test_a_loss_without_a_space_has_nothing_to_search():
    assert search_space.resolve(PRESETS["paper"], "iou", "iou", SETTINGS)["trials"] == 0


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("loss", ["bce", "dice", "tversky", "focal", "unified_focal"])
def test_the_presets_of_the_config_are_valid(preset, loss):
    preset_check.check(PRESETS[preset], loss, loss, TRAINING["properties"], "config")


@pytest.mark.parametrize(
    ("search", "space", "message"),
    [
        ("grid", {"alpha": {"low": 0.1, "high": 0.5}}, "focal: alpha: a grid needs a list"),
        ("grid", {"alpha": [0.5, 1.5]}, "alpha must lie from 0 to 1, not 1.5"),
        ("grid", {"delta": [0.5]}, "neither a training setting (epochs, "),
        ("grid", {"alpha": [0.5, 0.5]}, "[0.5, 0.5] holds a value twice"),
        ("grid", {"learning_rate": [0.0]}, "learning_rate: 0.0 is less than or equal to"),
        ("grid", {"batch_size": [2.5]}, "batch_size: 2.5 is not of type 'integer'"),
        ("grid", {"keep_best": [True]}, "part of the protocol"),
        ("random", {"epochs": {"low": 2, "high": 5}}, "give a list of whole numbers"),
        (
            "random",
            {"alpha": {"low": 0.5, "high": 0.4}},
            "low must be at least 0 and less than high",
        ),
        ("random", {"gamma": {"low": 0, "high": 4, "log": True}}, "must start above 0"),
    ],
)
def test_a_bad_dimension_is_rejected_with_one_line(search, space, message):
    preset = {"search": search, "trials": 2, "space": {"focal": space}}
    with pytest.raises(UserError) as error:
        preset_check.check(preset, "focal", "focal", TRAINING["properties"], "config: here")
    assert message in str(error.value)
    assert str(error.value).startswith("config: here: focal: ")
    assert "\n" not in str(error.value)


def test_chosen_values_are_split_into_training_settings_and_constants_of_the_loss():
    chosen = search_space.rounded({"alpha": 0.61234, "learning_rate": 0.00123456, "batch_size": 4})
    training, constants = search_space.split_values(chosen, SETTINGS)
    assert training == {"learning_rate": 0.00123, "batch_size": 4}
    assert constants == {"alpha": 0.612}
