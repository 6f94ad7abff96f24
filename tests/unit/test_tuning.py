"""Promises of the tuning: the best grid point wins, no test patient is seen, Ray leaves no trace.

The searches run in real Ray sessions, on a U-Net of 32 px and base width 4 and twelve cases. Each
trial at once is a process in which Keras starts: there are two only where it matters.
"""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import ray
import yaml
from test_training import cases

import tune
from tumorseg.core.errors import UserError
from tumorseg.core.files import read_table, write_table
from tumorseg.training.job import TrainingJob
from tumorseg.training.prepare import prepare
from tumorseg.tuning.ray_session import check_nodes, session
from tumorseg.tuning.results import TrialRecord, best_result, grid_table, winner
from tumorseg.tuning.search import _progress, recipe_values
from tumorseg.tuning.trial import Trial

SETTINGS = {
    "preparation": "robust",
    "channels": 1,
    "network": {"dropout": 0, "normalisation": True, "foreground_prior": 0.5},
    "training": {
        "epochs": 4,
        "batch_size": 2,
        "learning_rate": 0.01,
        "schedule": "constant",
        "warmup_epochs": 1,
        "weight_decay": 0,
        "weight_average": 0.5,
        "augmentation": 0,
        "keep_best": True,
        "mirrored": False,
    },
}
GRID = {
    "search": "grid",
    "prune": False,
    "space": {"alpha": [0.5, 0.8]},
    "searched": {"alpha": [0.5, 0.8], "epochs": [2, 4]},
    "scored_epochs": [2, 4],
    "epochs_searched": True,
    "epochs": 4,
    "trials": 2,
    "keep_best": True,
}
CASES = {
    "images_file": "images.npy",
    "targets_file": "targets.npy",
    "placement_table": "placement.tsv",
    "folds_table": "folds.tsv",
}
OUTPUTS = ("trials_table", "history_table", "best_file")


def history(*ious: float) -> list[dict]:
    return [{"epoch": i, "val_iou": iou, "seconds": 1.0} for i, iou in enumerate(ious, start=1)]


def table(*trials: TrialRecord, keep_best: bool | str = False) -> pd.DataFrame:
    for trial in trials:
        trial.epochs = 4
    return grid_table(list(trials), GRID | {"keep_best": keep_best})


def test_every_grid_point_has_the_score_by_which_its_own_training_would_choose():
    trial = TrialRecord({"alpha": 0.5}, history(0.1, 0.4, 0.3, 0.2))
    assert list(table(trial)["val_iou"]) == [0.4, 0.2]
    assert list(table(trial, keep_best=True)["val_iou"]) == [0.4, 0.4]
    for row, loss in zip(trial.history, (0.9, 0.8, 0.7, 0.75), strict=True):
        row["val_loss"] = loss
    assert list(table(trial, keep_best="loss")["val_iou"]) == [0.4, 0.3]


def test_the_best_grid_point_wins_and_of_equal_ones_the_shortest_then_the_first():
    trials = [TrialRecord({"alpha": a}, history(0.1, 0.3, 0.1, 0.3)) for a in (0.5, 0.8)]
    won = winner(table(*trials))
    assert (won["trial"], won["epochs"]) == (1, 2)
    better = TrialRecord({"alpha": 0.9}, history(0.1, 0.1, 0.1, 0.31))
    won = winner(table(*trials, better))
    assert (won["trial"], won["epochs"]) == (3, 4)


def test_a_grid_point_that_has_learned_nothing_cannot_win():
    points = table(TrialRecord({"alpha": 0.5}, history(0, 0.009, 0, 0.0099)))
    assert set(points["status"]) == {"nothing learned"}
    assert winner(points) is None
    assert best_result(points, GRID, {}) == {
        "status": "nothing learned",
        "training": {},
        "constants": {},
    }


def test_pruned_and_failed_trials_are_marked_and_keep_the_grid_points_they_reached():
    points = table(
        TrialRecord({"alpha": 0.5}, history(0.1, 0.2)),
        TrialRecord({"alpha": 0.8}, history(0.1, 0.3), failure="the loss became nan in epoch 3"),
    )
    assert list(points["status"]) == ["ok", "pruned", "ok", "failed"]
    assert list(points["failure"])[2:] == ["", "the loss became nan in epoch 3"]
    assert points["val_iou"].isna().tolist() == [False, True, False, True]
    assert winner(points)["trial"] == 2


def training_job(packed: Path, out: Path, **constants: float) -> TrainingJob:
    """The training whose settings the searches here vary, as scripts/tune.py makes it."""
    given = arguments(packed, out, **constants)
    cases = {name: given[name] for name in CASES}
    return TrainingJob(**given["job"], **cases, code=given["code"], tuning=True)


def test_the_recipes_own_values_are_the_first_trial_where_they_lie_in_the_space(tmp_path):
    job = training_job(tmp_path, tmp_path, alpha=0.6, gamma=9.0)
    space = {
        "alpha": [0.5, 0.6],
        "gamma": {"low": 1, "high": 3},
        "learning_rate": {"low": 1e-3, "high": 1e-1, "log": True},
    }
    assert recipe_values(job, space) == {"alpha": 0.6, "learning_rate": 0.01}


@pytest.fixture
def packed(tmp_path_factory) -> Path:
    """The packed cases, made for each test, so that tests of this file can run side by side."""
    return write_packed(tmp_path_factory.mktemp("packed"))


def write_packed(folder: Path) -> Path:
    """Twelve cases of twelve patients in the files that the rules `pack` and `split` write."""
    arrays = cases(12, 1)
    np.save(folder / "images.npy", arrays.images)
    np.save(folder / "targets.npy", arrays.masks)
    names = [f"c{i:02}" for i in range(12)]
    write_table(pd.DataFrame({"case": names}), folder / "placement.tsv")
    lines = []
    for fold in (1, 2):
        for i, case in enumerate(names):
            place = (i + 4 * fold) % 12
            role = "test" if i % 2 == fold % 2 else "validation" if place < 4 else "train"
            lines.append({"case": case, "patient": f"p{case}", "plane": "axial"})
            lines[-1] |= {"fold": fold, "role": role}
    write_table(pd.DataFrame(lines), folder / "folds.tsv")
    return folder


def arguments(packed: Path, out: Path, other: dict | None = None, **constants: float) -> dict:
    """The arguments that the rule gives scripts/tune.py, some replaced by `other`."""
    job = {
        "recipe": "robust",
        "settings": SETTINGS,
        "loss": {"name": "focal", "function": "focal", "constants": constants or {"gamma": 1.0}},
        "network": {"name": "unet", "size_px": 32, "base_width": 4},
        "fold": 1,
        "seed": 1,
        "threads": 1,
        "wanted_device": "cpu",
        "precision": "float32",
        "state_dir": str(out / "state"),
    }
    files = {argument: str(packed / name) for argument, name in CASES.items()}
    files |= {name: str(out / name) for name in OUTPUTS}
    options = {"search": GRID, "at_once": 1, "code": "code", "cores": 2, "gpus": 0}
    return {"job": job, **files, **options} | (other or {})


def results(out: Path) -> tuple[dict, str, str]:
    """best.yaml, the grid points, and the history without the seconds."""
    best = yaml.safe_load((out / "best_file").read_text(encoding="utf-8"))
    rows = read_table(out / "history_table").drop(columns="seconds")
    return best, (out / "trials_table").read_text(), rows.to_csv()


def ray_traces(folder: Path) -> set[str]:
    """Ray's folders below `folder`, and other processes that name one or have a file of it open."""
    traces = set(map(str, folder.glob("ray-*")))
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            opened = [str(link.readlink()) for link in (process / "fd").iterdir()]
        except (OSError, UnicodeDecodeError):
            continue
        uses = f"{folder}/" in command or any(path.startswith(f"{folder}/") for path in opened)
        if uses and process.name != str(os.getpid()):
            traces.add(f"{process.name} {command[:200]}")
    return traces


@pytest.fixture(scope="module")
def searched(tmp_path_factory) -> Iterator[tuple[Path, Path]]:
    """A finished search, and the folder below which it put Ray's own files."""
    packed = write_packed(tmp_path_factory.mktemp("packed"))
    out, short = tmp_path_factory.mktemp("searched"), Path(tempfile.mkdtemp(prefix="t", dir="/tmp"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tempfile, "tempdir", str(short))  # other searches run at the same time
        tune.main(**arguments(packed, out, {"at_once": 2}))
    yield out, short
    shutil.rmtree(short)


def test_a_search_scores_every_grid_point_and_the_best_one_wins(searched):
    best, _, _ = results(searched[0])
    points = read_table(searched[0] / "trials_table", text_columns=("failure",))
    assert list(zip(points["alpha"], points["epochs"], strict=True)) == [
        (0.5, 2),
        (0.5, 4),
        (0.8, 2),
        (0.8, 4),
    ]
    assert best["status"] == "won"
    assert best["val_iou"] == points["val_iou"].max() > 0.01
    won = points[
        (points["alpha"] == best["constants"]["alpha"])
        & (points["epochs"] == best["training"]["epochs"])
    ]
    assert won["val_iou"].item() == best["val_iou"]


def test_a_search_leaves_no_ray_process_no_temporary_folder_and_no_state(searched):
    out, folder = searched
    assert ray_traces(folder) == set()
    assert not (out / "state").exists()


def test_a_trial_in_a_reused_actor_equals_the_training_run_alone(packed, searched, tmp_path):
    job = training_job(packed, tmp_path)
    alone = prepare(job.with_values({"epochs": 4}, {"alpha": 0.8})).run(report=lambda text: None)
    rows = read_table(searched[0] / "history_table")
    second = rows[rows["trial"] == 2]
    for name in ("loss", "val_loss", "val_iou", "val_dice"):
        assert list(second[name]) == [row[name] for row in alone.history]
    actor = Trial.__new__(Trial)
    actor.setup({"alpha": 0.5}, job=job, search=GRID, cases="x")
    actor.step()
    actor.reset_config({"alpha": 0.8})
    reused = [actor.step()["val_iou"] for _ in range(4)]
    assert reused == [row["val_iou"] for row in alone.history]


def test_the_test_patients_of_a_fold_do_not_influence_its_tuning(packed, searched, tmp_path):
    """Their pixels and masks are replaced: every number of the search stays the same."""
    table = read_table(packed / "folds.tsv")
    test = table.loc[(table["fold"] == 1) & (table["role"] == "test"), "case"]
    rows = [int(case[1:]) for case in test]
    for name in ("images", "targets"):
        array = np.load(packed / f"{name}.npy")
        array[rows] = array[rows][::-1, ::-1] if name == "targets" else 1e6
        np.save(tmp_path / f"{name}.npy", array)
    changed = {f"{name}_file": str(tmp_path / f"{name}.npy") for name in ("images", "targets")}
    tune.main(**arguments(packed, tmp_path, changed))
    assert results(tmp_path) == results(searched[0])


def test_failed_trials_are_recorded_and_the_search_continues(packed, tmp_path):
    """alpha 7 is out of range and raises; a learning rate of 1e38 breaks the training."""
    space = {"alpha": [7.0, 0.5], "learning_rate": [5e-3, 1e38]}
    search = GRID | {"space": space, "searched": space, "scored_epochs": [1], "epochs": 1}
    tune.main(**arguments(packed, tmp_path, {"search": search | {"trials": 4}}))
    points = read_table(tmp_path / "trials_table", text_columns=("failure",))
    status = {
        (row.alpha, row.learning_rate): (row.status, row.failure) for row in points.itertuples()
    }
    for rate in (5e-3, 1e38):
        assert status[7.0, rate][0] == "failed"
        assert "alpha must lie from 0 to 1, not 7" in status[7.0, rate][1]
    assert status[0.5, 1e38][0] == "failed"
    assert "finite" in status[0.5, 1e38][1] or "became" in status[0.5, 1e38][1]
    assert status[0.5, 5e-3] == ("ok", "") or status[0.5, 5e-3] == ("nothing learned", "")


def test_where_all_trials_fail_the_error_names_the_first_cause(packed, tmp_path):
    search = GRID | {"space": {"alpha": [7.0, 8.0]}}
    with pytest.raises(UserError, match=r"^all 2 trials failed; the first: .*alpha must lie from"):
        tune.main(**arguments(packed, tmp_path, {"search": search}))
    assert not (tmp_path / "best_file").exists()


@pytest.mark.parametrize("kind", ["random", "optuna"])
def test_random_and_optuna_searches_are_repeatable(packed, tmp_path, kind):
    space = {"alpha": {"low": 0.3, "high": 0.9}}
    search = GRID | {"search": kind, "space": space, "searched": space, "trials": 3}
    search |= {"scored_epochs": [2], "epochs": 2, "epochs_searched": False}
    repeats = []
    # Optuna's proposals depend on how many trials run at once; random ones must not.
    for name, at_once in (("first", 2), ("second", 2 if kind == "optuna" else 1)):
        out = tmp_path / name
        options = {"search": search, "at_once": at_once}
        tune.main(**arguments(packed, out, options, alpha=0.6))
        repeats.append(results(out))
    assert repeats[0] == repeats[1]
    values = read_table(tmp_path / "first" / "trials_table")["alpha"]
    assert values[0] == 0.6
    assert len(set(values)) == 3


def test_asha_stops_the_worst_trials_and_marks_them_as_pruned(packed, tmp_path):
    space = {"alpha": [0.8, 0.5, 0.02], "learning_rate": [5e-3, 1e-7]}
    search = GRID | {"space": space, "searched": space, "trials": 6, "prune": True}
    search |= {"scored_epochs": [6], "epochs": 6, "epochs_searched": False}
    tune.main(**arguments(packed, tmp_path, {"search": search}))
    points = read_table(tmp_path / "trials_table", text_columns=("failure",))
    assert "pruned" in set(points["status"])
    assert points.loc[points["status"] == "pruned", "val_iou"].isna().all()
    rows = read_table(tmp_path / "history_table")
    assert len(rows) < 6 * 6
    assert results(tmp_path)[0]["training"].get("learning_rate") != 1e-7


def run_in_a_process(
    packed: Path, out: Path, *, epochs: int = 4, **environment
) -> subprocess.Popen:
    """A search in a new process, as Snakemake runs it."""
    code = (
        f"import sys; sys.path[:0] = {sys.path!r}\n"
        "from pathlib import Path\nimport test_tuning as t, tune\n"
        f"search = t.GRID | {{'scored_epochs': [2, {epochs}], 'epochs': {epochs}}}\n"
        f"paths = Path({str(packed)!r}), Path({str(out)!r})\n"
        "tune.main(**t.arguments(*paths, {'search': search}))\n"
    )
    return subprocess.Popen(
        [sys.executable, "-u", "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=os.environ | environment,
        start_new_session=True,
    )


def test_a_search_killed_with_sigkill_resumes_and_ends_with_the_same_numbers(
    packed, searched, tmp_path
):
    short = Path(tempfile.mkdtemp(prefix="t", dir="/tmp"))
    running = run_in_a_process(packed, tmp_path, TMPDIR=str(short))
    seen = []
    for line in running.stdout:
        seen.append(line)
        if "epoch 6 of 8" in line:  # the first trial has ended, the second has begun
            break
    assert running.poll() is None, "".join(seen)
    os.killpg(running.pid, signal.SIGKILL)
    running.wait()
    deadline = time.monotonic() + 30
    while ray_traces(short) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert ray_traces(short) == set()
    shutil.rmtree(short)
    assert list(tmp_path.glob("state/*.npz"))
    times = {path: path.stat().st_mtime_ns for path in tmp_path.glob("state/*.json")}
    assert times

    tune.main(**arguments(packed, tmp_path))
    assert results(tmp_path) == results(searched[0])
    assert all(path.stat().st_mtime_ns == then for path, then in times.items() if path.exists())


def test_a_node_that_does_not_share_the_files_is_named_before_any_trial(tmp_path):
    there, absent = str(tmp_path), str(tmp_path / "images.npy")
    with session(1, 0):
        check_nodes([there])
        with pytest.raises(UserError, match=f"^the Ray node .+ has no {absent}: every node needs"):
            check_nodes([there, absent])


@pytest.mark.parametrize(
    ("address", "line"),
    [
        ("", "Ray did not start: timed out; where the machine is very busy"),
        ("far:6379", "RAY_ADDRESS is far:6379, but no Ray cluster can be used there: timed out; "),
    ],
)
def test_where_ray_does_not_start_or_answer_one_line_says_so(monkeypatch, address, line):
    def init(**options: object) -> None:
        raise ConnectionError("timed out.\nAnd many more lines")

    monkeypatch.setattr(ray, "init", init)
    monkeypatch.setenv("RAY_ADDRESS", address)
    with pytest.raises(UserError, match=f"^{line}"), session(1, 0):
        pass


def node(folder: Path, *arguments: str) -> subprocess.Popen:
    """Starts a Ray node."""
    ray = Path(sys.executable).with_name("ray")
    command = [str(ray), "start", "--block", "--num-cpus=1", "--object-store-memory=100000000"]
    return subprocess.Popen(
        [*command, "--disable-usage-stats", *arguments],
        stdout=(folder / f"node{len(arguments)}.log").open("w"),
        stderr=subprocess.STDOUT,
        start_new_session=True,
        env=os.environ | {"RAY_worker_niceness": "0"},
    )


def free_port() -> int:
    """A port that nothing uses, below those that Ray gives its workers."""
    for port in range(6380, 9990):
        with socket.socket() as tried, suppress(OSError):
            tried.bind(("127.0.0.1", port))
            return port
    raise AssertionError("no free port")


def wait_for(condition, seconds: float = 90) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"no result after {seconds} s"
        time.sleep(0.5)


def runs_a_trial(node: int) -> bool:
    """Whether a worker of this Ray node is at work in a trial: Ray then names it after the call."""
    listed = subprocess.check_output(["ps", "-eo", "pid=,ppid=,pgid=,args="], text=True)
    rows = [line.split(maxsplit=3) for line in listed.splitlines()]
    group = {pid: group for pid, _, group, _ in rows}
    parents = [parent for _, parent, _, call in rows if "ray::ResourceTrainable" in call]
    return str(node) in {group.get(parent) for parent in parents}


def test_a_trial_that_begins_again_elsewhere_has_each_epoch_once_and_its_place():
    """It reports the epochs that it has stored once more, and Ray puts it last."""
    lines: list[str] = []
    progress = _progress(GRID | {"scored_epochs": [3], "epochs": 3, "trials": 1}, lines.append)
    trial = SimpleNamespace(trial_id="a", config={"alpha": 0.5})
    other = SimpleNamespace(trial_id="b", config={"alpha": 0.8})
    for trials in ([trial], [trial, other], [other, trial]):
        progress.on_step_begin(1, trials)
    assert list(progress.trials) == ["a", "b"]
    for epoch in (1, 2, 1, 2, 3):
        row = {"epoch": epoch, "val_iou": 0.1 * epoch, "seconds": 1.0, "failure": ""}
        progress.on_trial_result(epoch, [trial], trial, row)
        if len(lines) == 2:
            progress.on_trial_recover(epoch, [trial], trial)
    assert [row["epoch"] for row in progress.trials["a"].history] == [1, 2, 3]
    assert [line.split("  ")[0] for line in lines] == [
        "epoch 1 of 3",
        "epoch 2 of 3",
        "trial alpha 0.5: its process or node was lost; begins again where it was",
        "epoch 3 of 3",
    ]


def test_a_search_joins_a_running_cluster_and_does_without_a_node_that_is_lost(
    packed, searched, tmp_path
):
    """Each node has one CPU and a trial takes one, so the second trial needs the second node.

    That node is killed while it trains, and the search ends as it does on one machine.
    """
    short = Path(subprocess.check_output(["mktemp", "-d"], text=True).strip())
    port = free_port()
    options = ("--head", f"--port={port}", "--include-dashboard=false", f"--temp-dir={short}")
    head = node(tmp_path, *options)
    nodes = [head]
    try:
        log = tmp_path / "node4.log"
        wait_for(lambda: "block forever" in log.read_text())
        address = re.search(rf"--address='([^']+:{port})'", log.read_text())[1]
        nodes.append(node(tmp_path, f"--address={address}"))
        wait_for(lambda: "block forever" in (tmp_path / "node1.log").read_text())
        running = run_in_a_process(packed, tmp_path, RAY_ADDRESS=address)
        at_work = set()
        deadline = time.monotonic() + 300
        while running.poll() is None and time.monotonic() < deadline:
            at_work |= {process.pid for process in nodes if runs_a_trial(process.pid)}
            if nodes[-1].poll() is None and at_work == {process.pid for process in nodes}:
                os.killpg(nodes[-1].pid, signal.SIGKILL)
            time.sleep(0.1)
        printed = running.stdout.read()
        assert running.returncode == 0, printed
        assert "its process or node was lost" in printed
        assert head.poll() is None
    finally:
        for process in nodes:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        subprocess.run(["rm", "-rf", str(short)], check=True)
    assert at_work == {process.pid for process in nodes}
    rows, alone = (read_table(out / "history_table") for out in (tmp_path, searched[0]))
    assert rows.drop(columns="seconds").equals(alone.drop(columns="seconds"))
