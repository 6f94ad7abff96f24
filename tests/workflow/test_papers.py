"""The papers' experiments, small, need no data and end in the comparison with the paper."""

import re

import pytest
from project_copy import copy_project

TRAININGS = {
    "mixed_focal_2021_kits19": 14,
    "mixed_focal_2021_brats20": 6,
    "adaptive_focal_2024_picai": 22,
    "adaptive_focal_2024_brats18": 8,
}


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    return copy_project(tmp_path_factory.mktemp("papers"))


@pytest.mark.parametrize("name", TRAININGS)
def test_a_papers_small_experiment_trains_every_loss_and_network_of_its_tables(project, name):
    command = project.command("--dry-run", "--quiet", "host", "all")
    files = [f"experiments/{name}.yaml", f"experiments/small/{name}.yaml"]
    done = project.execute([*command[:-1], *files])
    assert done.returncode == 0, done.stdout
    jobs = dict(re.findall(r"^(\w+) +(\d+)$", done.stdout, re.MULTILINE))
    assert int(jobs["train"]) == TRAININGS[name]
    assert jobs["compare_paper"] == "1"
    assert ("show_adaptive" in jobs) == ("adaptive" in name)
