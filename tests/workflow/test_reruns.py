"""What changes re-run what, on the real workflow: each edit and exactly the jobs that follow it.

The study is finished; each case edits one file of its copy and asks Snakemake what it would do.
Jobs are written as `rule recipe/loss/fold`; `*` stands for any part.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

DATA = ["import_cases", "skull_strip", "rasterize", "compare_strips", "split", "show_data", "plan"]
REPORT = ["write_report"]
# Results of all losses: the tables, the figures, what it cost.
RESULTS = ["compare", "show_results", "describe", *REPORT]
LIBRARY = "scripts/tumorseg"


def cells(recipe: str, loss: str, first: str = "train") -> list[str]:
    """What follows for these cells, from training, prediction or measuring on."""
    steps = [f"train {recipe}/{loss}/*", f"predict {recipe}/{loss}", f"measure {recipe}/{loss}"]
    begin = ["train", "predict", "measure"].index(first)
    return [*steps[begin:], f"show_recipe {recipe}", *RESULTS]


@dataclass(frozen=True)
class Edit:
    """In `file`, `old` becomes `new`; `jobs` follow. An empty `old` adds to the file's end."""

    name: str
    file: str
    old: str
    new: str
    jobs: tuple[str, ...] = ()

    def apply(self, text: str) -> str:
        assert self.old in text, f"{self.file} has changed: this test edits {self.old!r}"
        return text.replace(self.old, self.new, 1) if self.old else text + self.new


def edit(name: str, file: str, old: str, new: str, *jobs: str) -> Edit:
    return Edit(name, file, old, new, jobs)


EDITS = [
    # Nothing that runs changes.
    edit("comment in a loss", f"{LIBRARY}/losses/bce.py", "", "\n# Another comment.\n"),
    edit("docstring of a loss", f"{LIBRARY}/losses/focal.py", '"""Focal loss."""', '"""Focal."""'),
    edit("comment in a script", "scripts/train.py", "", "# Another comment.\n"),
    edit(
        "docstring of metrics",
        f"{LIBRARY}/metrics.py",
        '"""',
        '"""Edited. ',
    ),
    edit("a comment in the config", "tiny.yaml", "", "# Another comment.\n"),
    # Losses.
    edit(
        "focal.py",
        f"{LIBRARY}/losses/focal.py",
        "-alpha_t *",
        "-1.0 * alpha_t *",
        *cells("*", "focal"),
    ),
    edit(
        "bce.py, which focal.py imports from",
        f"{LIBRARY}/losses/bce.py",
        "EPSILON = 1e-7",
        "EPSILON = 2e-7",
        *cells("*", "*"),
    ),
    edit(
        "a constant of focal in the config",
        "tiny.yaml",
        "",
        "losses: {bce: {}, focal: {alpha: 0.7, gamma: 2.0}}\n",
        *cells("*", "focal"),
    ),
    # Training.
    edit(
        "augmentation.py",
        f"{LIBRARY}/augmentation.py",
        "(-15, 15)",
        "(-20, 20)",
        *cells("*", "*"),
    ),
    edit(
        "a recipe's epochs",
        "tiny.yaml",
        "{epochs: 2}",
        "{epochs: 3}",
        "plan",
        *cells("robust", "*"),
    ),
    edit(
        "a recipe's learning rate",
        "tiny.yaml",
        "epochs: 1,",
        "epochs: 1, learning_rate: 0.01,",
        "plan",
        *cells("paper", "*"),
    ),
    edit(
        "networks/unet.py",
        f"{LIBRARY}/networks/unet.py",
        'name="unet"',
        'name="net"',
        "show_network *",
        *cells("*", "*"),
    ),
    # Measuring and showing: nothing is trained.
    edit(
        "metrics.py",
        f"{LIBRARY}/metrics.py",
        "\ndef ",
        "\nEDITED = True\n\n\ndef ",
        "measure_background",
        *cells("*", "*", "measure"),
    ),
    edit(
        "measure.threshold",
        "tiny.yaml",
        "",
        "measure: {threshold: 0.4}\n",
        "measure_background",
        *cells("*", "*", "measure"),
    ),
    edit("predict.py", "scripts/predict.py", "* 65535", "* 65535.0", *cells("*", "*", "predict")),
    edit(
        "result_charts.py (figures)",
        f"{LIBRARY}/result_charts.py",
        "",
        "\nEDITED = True\n",
        "show_results",
        "show_recipe *",
        "describe",
        *REPORT,
    ),
    edit(
        "data_charts.py (figures)",
        f"{LIBRARY}/data_charts.py",
        "",
        "\nEDITED = True\n",
        "show_data",
        "describe",
        *REPORT,
    ),
    edit(
        "network_drawing.py (figure)",
        f"{LIBRARY}/network_drawing.py",
        "",
        "\nEDITED = True\n",
        "show_network *",
        *REPORT,
    ),
    edit("tables.py", f"{LIBRARY}/tables.py", "", "\nEDITED = True\n", *RESULTS),
    edit("a caption of the report", "report/fig4.rst", "", "\nMore.\n", *REPORT),
    # Data.
    edit(
        "skull_strip.method",
        "tiny.yaml",
        "",
        "skull_strip: {method: none}\n",
        *(job for job in DATA if job != "import_cases"),
        "measure_background",
        "pack *",
        *cells("*", "*"),
    ),
    edit(
        "seed",
        "tiny.yaml",
        "",
        "seed: 2\n",
        *DATA,
        "measure_background",
        "pack *",
        *cells("*", "*"),
    ),
    edit(
        "network.size_px",
        "tiny.yaml",
        "size_px: 32",
        "size_px: 48",
        "pack *",
        "plan",
        "show_network *",
        *cells("*", "*"),
    ),
]


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
    cell = [f"{step} {recipe}/squared" for step in ("predict", "measure") for recipe in RECIPES]
    cell += [f"train {recipe}/squared/{fold}" for recipe in RECIPES for fold in (1, 2)]
    print(f"a new loss in the config: {', '.join(sorted(found))}")
    assert found == {*cell, "plan", *matching(["show_recipe *", *RESULTS], every_job)}


RECIPES = ("robust", "paper")


def test_an_experiment_of_other_name_shares_nothing(every_job):
    assert {"import_cases", "pack robust", "pack paper", *RESULTS} <= every_job
