"""A training killed with SIGKILL resumes after its last epoch and gives the same bytes."""

import os
import signal
import subprocess
import time
from pathlib import Path
from shutil import copytree

import h5py
import numpy as np
import pytest
from project_copy import ProjectCopy

from tumorseg.core.files import read_table

FOLDER = "results/tiny/models/robust/focal/seed-1/fold-1"
TARGET = f"{FOLDER}/model.weights.h5"


@pytest.fixture
def longer(study, tmp_path) -> ProjectCopy:
    """A copy of the finished study whose recipe has so many epochs that a kill comes in time."""
    project = ProjectCopy(copytree(study.folder, tmp_path / "project"))
    text = (project.folder / "tiny.yaml").read_text(encoding="utf-8")
    project.write(
        "tiny.yaml",
        text.replace("{epochs: 2, steps: 1}", "{epochs: 40, steps: 1, weight_average: 0.9}"),
    )
    return project


def arrays(path: Path) -> dict[str, np.ndarray]:
    """Every array of a weights file by its name."""
    found = {}

    def collect(name: str, item: h5py.Dataset | h5py.Group) -> None:
        if isinstance(item, h5py.Dataset):
            found[name] = item[()]

    with h5py.File(path) as file:
        file.visititems(collect)
    return found


def processes_in(group: int) -> list[int]:
    """The living processes of a process group."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            fields = (path / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[2]) == group and fields[0] != "Z":
            found.append(int(path.name))
    return found


def kill_after_first_epoch(project: ProjectCopy) -> None:
    """Starts the training and kills Snakemake and all its children once an epoch is reported."""
    running = subprocess.Popen(
        project.command("--cores", "1", TARGET),
        cwd=project.folder,
        env=project.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    seen = []
    for line in running.stdout:
        seen.append(line)
        if "epoch 2/40" in line:
            break
    assert running.poll() is None, "".join(seen)
    os.killpg(running.pid, signal.SIGKILL)
    running.wait()
    deadline = time.monotonic() + 20
    while processes_in(running.pid) and time.monotonic() < deadline:
        time.sleep(0.1)


def test_a_killed_training_resumes_and_ends_bit_identical(longer):
    assert {job for job in longer.jobs() if job.startswith("train ")} == {
        f"train robust/{loss}/1/{fold}" for loss in ("bce", "focal") for fold in (1, 2)
    }
    kill_after_first_epoch(longer)
    assert not (longer.folder / FOLDER / "settings.yaml").exists()
    locked = longer.run("--cores", "1", TARGET)
    assert locked.returncode != 0
    assert "--unlock" in locked.stdout
    assert longer.run("--unlock", TARGET).returncode == 0

    resumed = longer.run("--cores", "1", TARGET)
    assert resumed.returncode == 0, resumed.stdout
    log = (longer.folder / "logs/tiny/train/robust/focal/seed-1/fold-1.log").read_text(
        encoding="utf-8"
    )
    resumed_lines = [line for line in log.splitlines() if "resumes after epoch" in line]
    assert len(resumed_lines) == 1
    finished = int(resumed_lines[0].split("after epoch ")[1].split()[0])
    assert 1 <= finished < 40
    assert log.count("  epoch ") == 40 - finished
    weights = arrays(longer.folder / TARGET)
    history = read_table(longer.folder / FOLDER / "history.tsv").drop(columns="seconds")
    assert list(history["epoch"]) == list(range(1, 41))

    whole = longer.run("--cores", "1", "--force", TARGET)
    assert whole.returncode == 0, whole.stdout
    log = (longer.folder / "logs/tiny/train/robust/focal/seed-1/fold-1.log").read_text(
        encoding="utf-8"
    )
    assert log.count("  epoch ") == 40
    uninterrupted = arrays(longer.folder / TARGET)
    assert set(weights) == set(uninterrupted)
    assert len(weights) > 50
    for name, array in weights.items():
        assert array.tobytes() == uninterrupted[name].tobytes(), name
    again = read_table(longer.folder / FOLDER / "history.tsv").drop(columns="seconds")
    assert again.equals(history)
