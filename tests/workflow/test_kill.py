"""A training killed with SIGKILL resumes after its last epoch and gives the same bytes."""

import os
import signal
import subprocess
import time
from pathlib import Path
from shutil import copytree

import h5py
import numpy as np
import yaml
from project_copy import EPOCHS, ProjectCopy

from tumorseg.core.files import read_table

FOLDER = "results/tiny/models/robust/focal/seed-1/fold-1"
TARGET = f"{FOLDER}/model.weights.h5"


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
        project.command("--cores", "1", "--force", TARGET),
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
        if f"epoch 1/{EPOCHS}" in line:
            break
    assert running.poll() is None, "".join(seen)
    os.killpg(running.pid, signal.SIGKILL)
    running.wait()
    deadline = time.monotonic() + 20
    while processes_in(running.pid) and time.monotonic() < deadline:
        time.sleep(0.1)


def test_a_killed_training_resumes_and_ends_bit_identical(study, tmp_path):
    """The undisturbed training is the study's own."""
    project = ProjectCopy(copytree(study.folder, tmp_path / "project"))
    kill_after_first_epoch(project)
    assert not (project.folder / FOLDER / "settings.yaml").exists()
    locked = project.run("--cores", "1", TARGET)
    assert locked.returncode != 0
    assert "--unlock" in locked.stdout
    assert project.run("--unlock", TARGET).returncode == 0

    resumed = project.run("--cores", "1", TARGET)
    assert resumed.returncode == 0, resumed.stdout
    log = project.folder / "logs/tiny/train/robust/focal/seed-1/fold-1.log"
    lines = log.read_text(encoding="utf-8").splitlines()
    (resumes,) = [line for line in lines if "resumes after epoch" in line]
    finished = int(resumes.split("after epoch ")[1].split()[0])
    assert 1 <= finished < EPOCHS
    facts = yaml.safe_load((project.folder / FOLDER / "settings.yaml").read_text(encoding="utf-8"))
    assert facts["chosen_epoch"] > finished
    assert sum("  epoch " in line for line in lines) == EPOCHS - finished
    histories = [
        read_table(each.folder / FOLDER / "history.tsv").drop(columns="seconds")
        for each in (study, project)
    ]
    assert list(histories[0]["epoch"]) == list(range(1, EPOCHS + 1))
    assert histories[0].equals(histories[1])
    whole, weights = (arrays(each.folder / TARGET) for each in (study, project))
    assert set(weights) == set(whole)
    assert len(weights) > 20
    for name, array in weights.items():
        assert array.tobytes() == whole[name].tobytes(), name
