"""What changes re-run what, on the real workflow: each edit and exactly the jobs that follow it.

The study is finished; each case edits one file of its copy and asks Snakemake what it would do.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fnmatch import fnmatchcase
from pathlib import Path
from shutil import copytree

import pytest
from edits import EDITS, LIBRARY, RESULTS
from house import House


@contextmanager
def edited(path: Path, change: Callable[[str], str]) -> Iterator[None]:
    """The file with the change, and afterwards as it was, its time included."""
    before, times = path.read_text(encoding="utf-8"), path.stat()
    path.write_text(change(before), encoding="utf-8")
    try:
        yield
    finally:
        path.write_text(before, encoding="utf-8")
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


@pytest.fixture(scope="module")
def every_job(study) -> set[str]:
    """All jobs of the tiny experiment, as a run from nothing would do them."""
    study.write("fresh.yaml", (study.folder / "tiny.yaml").read_text().replace("tiny", "fresh"))
    return study.jobs(configfile="fresh.yaml")


def matching(patterns, jobs: set[str]) -> set[str]:
    for pattern in patterns:
        assert any(fnmatchcase(job, pattern) for job in jobs), f"there is no job {pattern}"
    return {job for job in jobs if any(fnmatchcase(job, pattern) for pattern in patterns)}


def test_the_whole_study_has_all_jobs_and_none_is_left(study, every_job):
    assert len([job for job in every_job if job.startswith("train ")]) == 2 * 2 * 2
    assert study.jobs() == set()


@pytest.mark.parametrize("case", EDITS, ids=lambda case: case.name)
def test_an_edit_runs_exactly(study, every_job, case):
    with edited(study.folder / case.file, case.apply):
        found = study.jobs()
    print(f"{case.name}: {', '.join(sorted(found)) or 'nothing'}")
    assert found == matching(case.jobs, every_job)


def test_one_more_training_seed_trains_that_seed_alone(study):
    with edited(study.folder / "tiny.yaml", lambda text: text + "training: {seeds: 2}\n"):
        found = study.jobs()
    trained = {job for job in found if job.startswith("train ")}
    assert trained == {
        f"train {recipe}/{loss}/2/{fold}"
        for recipe in ("robust", "paper")
        for loss in ("bce", "focal")
        for fold in (1, 2)
    }
    assert not [job for job in found if job.startswith(("tune", "pack", "split"))]


def test_another_seed_runs_all_but_what_is_drawn_without_one(study, every_job):
    with edited(study.folder / "tiny.yaml", lambda text: text + "seed: 2\n"):
        found = study.jobs()
    kept = matching(["show_losses", "show_network *"], every_job)
    assert {job.replace("/2/", "/1/", 1) for job in found} == every_job - kept


def test_touched_scripts_rules_and_config_run_nothing(study):
    touched = [study.folder / "Snakefile", study.folder / "config.yaml", study.folder / "tiny.yaml"]
    for folder in ("scripts", "rules"):
        touched += [path for path in (study.folder / folder).rglob("*") if path.is_file()]
    for path in touched:
        path.touch()
    assert study.jobs() == set()


def test_a_new_loss_trains_that_loss_alone(study, every_job):
    new = study.write(
        f"{LIBRARY}/losses/squared.py",
        "from keras import ops\n\n\ndef squared(y_true, y_pred):\n"
        "    return ops.mean(ops.square(y_true - y_pred), axis=(1, 2, 3))\n",
    )
    losses = "losses: {bce: {}, focal: {alpha: 0.6, gamma: 2.0}, squared: {}}\n"
    try:
        with edited(study.folder / "tiny.yaml", lambda text: text + losses):
            found = study.jobs()
    finally:
        new.unlink()
    cell = [
        f"{step} {recipe}/squared" for step in ("predict_cases", "measure") for recipe in RECIPES
    ]
    cell += [f"train {recipe}/squared/1/{fold}" for recipe in RECIPES for fold in (1, 2)]
    cell += [f"tune {recipe}/squared/shared" for recipe in RECIPES]
    print(f"a new loss in the config: {', '.join(sorted(found))}")
    assert found == {
        *cell,
        "plan",
        *matching(["show_recipe *", "show_losses", "show_tuning", *RESULTS], every_job),
    }


def test_a_search_that_ends_as_before_trains_nothing_again(study, tmp_path):
    """Its best.yaml holds no times, so that Snakemake finds the same bytes."""
    house = House(copytree(study.folder, tmp_path / "house"))
    target = "results/tiny/tuning/robust/focal/shared/best.yaml"
    before = (house.folder / target).read_bytes()
    done = house.run("--cores", "2", "--force", target)
    assert done.returncode == 0, done.stdout
    assert (house.folder / target).read_bytes() == before
    found = house.jobs()
    assert "show_tuning" in found
    assert not [job for job in found if job.startswith(("train ", "tune ", "predict_cases "))]


RECIPES = ("robust", "paper")


def test_an_experiment_of_other_name_shares_nothing(every_job):
    assert {"import_cases", "pack robust", "pack paper", *RESULTS} <= every_job
