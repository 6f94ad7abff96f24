"""Promises of the plan that is printed before the first training."""

from types import SimpleNamespace

import pandas as pd
import pytest
import yaml

import plan
from tumorseg.core import disk
from tumorseg.core.files import read_table, write_table
from tumorseg.core.places import SCRIPTS
from tumorseg.training import budget
from tumorseg.tuning import search_space

CONFIG = yaml.safe_load((SCRIPTS.parent / "config.yaml").read_text(encoding="utf-8"))
TRAINING_CASES = 215


@pytest.fixture
def printed(tmp_path, capsys):
    """What the plan prints for the recipe robust with other settings, and its table."""

    def run(preset: str = "robust", **settings) -> tuple[str, pd.Series]:
        roles = ["train"] * TRAINING_CASES + ["validation"] * 38 + ["test"] * 61
        folds = pd.DataFrame({"case": [f"c{i}" for i in range(len(roles))], "role": roles})
        write_table(folds.assign(patient=folds["case"], fold=1), tmp_path / "folds.tsv")
        cases = folds[["case"]].assign(height_px=512, width_px=500)
        write_table(cases, tmp_path / "cases.tsv")
        recipe = CONFIG["recipes"]["robust"]
        recipe = recipe | {"training": recipe["training"] | settings}
        preset = CONFIG["tuning"]["presets"][preset]
        search = search_space.resolve(preset, "tversky", "tversky", recipe["training"])
        plan.main(
            cases_table=str(tmp_path / "cases.tsv"),
            folds_table=str(tmp_path / "folds.tsv"),
            plan_table=str(tmp_path / "plan.tsv"),
            recipes={"robust": recipe},
            searches={"robust": {"tversky": search}},
            scopes=1,
            losses={"robust": ["tversky"]},
            seeds=[1, 2, 3],
            networks={"robust": {"name": "unet", "size_px": 128, "base_width": 16}},
            threads=1,
        )
        return capsys.readouterr().out, read_table(tmp_path / "plan.tsv").iloc[0]

    return run


def test_the_recipe_is_not_warned_about_at_the_number_of_cases_that_it_was_chosen_with(printed):
    text, row = printed()
    assert "WARNING" not in text
    assert row["trainings"] == 3
    assert row["images_passed"] == 54 * 4 * (3 * 60 + row["tuning_epochs"])


def test_an_image_costs_by_its_pixels_and_a_patch_by_its_voxels_which_cost_a_little_more():
    network = {"name": "unet", "size_px": 128, "base_width": 16}
    assert budget.image_cost(network) == 1
    assert budget.image_cost(network | {"base_width": 32}) == 4
    assert budget.image_cost(network | {"patch": [256, 64]}) == 1
    assert 1 < budget.image_cost(network | {"patch": [16, 32, 32]}) < 1.5


def test_an_epoch_has_at_least_the_steps_of_the_recipe_and_exactly_these_with_patches():
    pictures, patches = {"name": "unet", "size_px": 64}, {"name": "unet", "patch": [64, 64]}
    recipe = {"batch_size": 4, "steps": 50}
    assert [budget.steps_of_an_epoch(n, recipe, pictures) for n in (41, 215)] == [50, 54]
    assert [budget.steps_of_an_epoch(n, recipe, patches) for n in (41, 215)] == [50, 50]
    assert budget.steps_of_an_epoch(41, {"batch_size": 4}, patches) == 11
    assert budget.advised_epochs(steps=250) == 12


def test_too_few_epochs_are_warned_about_with_the_number_that_would_do(printed):
    text, row = printed(epochs=20)
    assert f"expected at least {row['advised_epochs']}; raise training.epochs or" in text
    assert 20 < row["advised_epochs"] <= 60


def test_a_grid_costs_the_longest_training_without_a_horizon_and_every_training_with_one(printed):
    text, row = printed("paper")
    assert row["tuning_epochs"] == 5 * 30
    assert "by itself" not in text
    text, row = printed("paper", schedule="cosine")
    assert row["tuning_epochs"] == 5 * (5 + 10 + 15 + 20 + 25 + 30)
    assert "schedule: constant would need 150 epochs of tuning" in text


def test_the_disk_that_a_run_needs_is_compared_with_what_is_free(printed, monkeypatch):
    text, row = printed()
    packed, predicted = 5 * 314 * 128**2, 2 * 512 * 500 * (38 + 61) * 3
    assert 0 < row["disk_mb"] * 1e6 - packed - predicted < 200e6  # weights and states
    assert "of disk; " in text and "may become full" not in text
    monkeypatch.setattr(disk.shutil, "disk_usage", lambda folder: SimpleNamespace(free=3e6))
    text, _ = printed()
    (line,) = [line for line in text.splitlines() if "WARNING" in line]
    assert "3.0 MB are free: the disk may become full; free some, or" in line
