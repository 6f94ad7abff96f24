"""The steps of the workflow as its rules run them, each in a process of its own, measured.

Peak memory is that of a process and all that it started: `own` cannot be taken back by the system;
`mapped` are pages of files, which it can.
"""

import importlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tumorseg.workflow.settings import Experiment

ROOT = Path(__file__).resolve().parent.parent
SCRIPTS = ROOT / "scripts"
RECIPE, LOSS = "robust", "dice_ce"
Call = tuple[str, dict[str, Any]]  # a script and the arguments of its main


def experiment(changes: dict[str, Any]) -> "Experiment":
    """The default experiment with some keys changed, and one loss."""
    import yaml
    from snakemake.utils import update_config

    from tumorseg.workflow import settings

    config = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    update_config(config, changes | {"reference_loss": LOSS, "use_recipes": [RECIPE]})
    config["losses"] = {LOSS: {}}
    return settings.load(config, str(ROOT / "config.schema.yaml"))


def calls(of: "Experiment", folder: str, cores: int) -> dict[str, Call]:
    """What each step calls; `train` trains the first fold, and `predict_cases` predicts it.

    `predict_cases` and `measure` read few.tsv beside folds.tsv, which the caller writes.
    """
    config, classes = of.config, max(1, len(of.classes))
    method, data_dir, seed = config["skull_strip"]["method"], config["data_dir"], config["seed"]
    tables = {f"{key}_table": f"{folder}/{key}.tsv" for key in ("cases", "masks", "folds")}
    tables["few_table"] = f"{folder}/few.tsv"
    names = ("cases", "annotations", "stripped", "masks", "brain", "true_brain")
    dirs = {f"{key}_dir": f"{folder}/{key}" for key in names}
    end = "" if of.volumes else ".npy"
    packed = {f"{key}_file": f"{folder}/pack/{key}{end}" for key in ("images", "targets")}
    packed["placement_table"] = f"{folder}/pack/placement.tsv"
    fold = f"{folder}/models/seed-{seed}/fold-1"
    model = {"weights_file": f"{fold}/model.weights.h5", "settings_file": f"{fold}/settings.yaml"}
    prediction = f"{folder}/predictions/seed-{seed}/fold-1"
    recipe = of.recipe(RECIPE)
    prepared = {
        "size_px": of.network(RECIPE).get("size_px"),
        "preparation": recipe.get("preparation"),
    }
    if of.volumes:
        prepared = {
            "volumes": recipe["volumes"],
            "patch": of.network(RECIPE)["patch"],
            "cores": cores,
        }
    function, constants = of.losses[LOSS]
    job = {
        "recipe": RECIPE,
        "settings": recipe,
        "loss": {"name": LOSS, "function": function, "constants": constants},
        "network": of.network(RECIPE),
        "fold": 1,
        "seed": seed,
        "threads": config["training"]["threads"],
        "wanted_device": "cpu",
        "precision": config["training"]["precision"],
        "state_dir": f"{folder}/.resume",
    }
    metrics = {f"{key}_table": f"{folder}/{key}.tsv" for key in ("metrics", "thresholds")}
    if of.classes:
        metrics["classes_table"] = f"{folder}/classes.tsv"

    def some(known: dict[str, str], *keys: str) -> dict[str, str]:
        return {key: known[key] for key in keys}

    read = {"source": of.source, "data_dir": data_dir, "seed": seed, "cores": cores}
    return {
        "check": (
            "check",
            {
                **read,
                "fold_count": config["folds"]["count"],
                "strip_method": method,
                "accept_harm": True,
                "experiment": config["experiment"],
                "folder": f"{folder}/local/check",
                "names": "keep",
            },
        ),
        "import_cases": (
            "import_cases",
            {
                **read,
                "identifiers": {"names": "keep", "key_file": ""},
                "local_dir": f"{folder}/local/import",
                "config": {"folds": config["folds"]},
                **some(tables, "cases_table"),
                **some(dirs, "cases_dir", "annotations_dir", "true_brain_dir"),
            },
        ),
        "skull_strip": (
            "skull_strip",
            {
                "strip_table": f"{folder}/strip.tsv",
                "method": method,
                "channels": max(1, len(of.channels)),
                "cores": cores,
                **some(tables, "cases_table"),
                **some(dirs, "cases_dir", "stripped_dir", "brain_dir"),
            },
        ),
        "rasterize": (
            "rasterize",
            {
                "config": {"skull_strip": {"method": method, "accept_harm": True}},
                "classes": classes,
                "cores": cores,
                **some(tables, "cases_table", "masks_table"),
                **some(
                    dirs, "annotations_dir", "stripped_dir", "masks_dir", "cases_dir", "brain_dir"
                ),
            },
        ),
        "split": (
            "split",
            {
                "fold_count": config["folds"]["count"],
                "validation_share": config["folds"]["validation_share"],
                "seed": seed,
                **some(tables, "masks_table", "folds_table"),
            },
        ),
        "pack": (
            "pack_volumes" if of.volumes else "pack",
            {
                **some(tables, "cases_table"),
                **some(dirs, "stripped_dir", "masks_dir"),
                **packed,
                **prepared,
                "inputs": of.inputs(RECIPE),
                "classes": classes,
                "overlapping": config["overlapping"],
            },
        ),
        "train": (
            "train",
            {
                "job": job,
                "code": "",
                "history_table": f"{fold}/history.tsv",
                **model,
                **packed,
                **some(tables, "folds_table"),
            },
        ),
        "predict_cases": (
            "predict_cases",
            {
                **some(packed, "images_file", "placement_table"),
                "folds_table": tables["few_table"],
                "weights": [model["weights_file"]],
                "settings_files": [model["settings_file"]],
                "predictions": [prediction],
                "settings": recipe,
                "network": of.network(RECIPE),
                "seed": seed,
                "threads": config["training"]["threads"],
                "wanted_device": "cpu",
                **(some(dirs, "cases_dir") if of.volumes else {}),
            },
        ),
        "measure": (
            "measure",
            {
                "predictions": [prediction],
                **some(dirs, "masks_dir"),
                **some(tables, "cases_table"),
                "folds_table": tables["few_table"],
                **metrics,
                "reliability_table": f"{folder}/reliability.tsv",
                "page": f"{folder}/metrics.html",
                "recipe": RECIPE,
                "loss": LOSS,
                "tolerances_px": config["measure"]["tolerances_px"],
                "classes": of.classes,
                "exclusive": bool(of.classes) and not config["overlapping"],
            },
        ),
    }


def family(pid: int) -> Iterator[int]:
    """A process and all that it started."""
    yield pid
    try:
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
        children = [line for task in tasks for line in (task / "children").read_text().split()]
    except OSError:
        return
    for child in children:
        yield from family(int(child))


def memory(pid: int) -> tuple[int, int]:
    """MB of own pages and of mapped files of a process and its children, now."""
    own = mapped = 0
    for member in family(pid):
        try:
            lines = Path(f"/proc/{member}/status").read_text(encoding="utf-8").splitlines()
        except OSError:
            continue
        values = {line.split(":")[0]: line.split()[1] for line in lines if line.startswith("Rss")}
        own += int(values.get("RssAnon", 0)) // 1024
        mapped += int(values.get("RssFile", 0)) // 1024
    return own, mapped


def measured(call: Call, folder: Path) -> tuple[float, int, int]:
    """Seconds, peak of own and of mapped memory in MB; what it prints goes to a log in `folder`."""
    log = folder / f"{call[0]}.log"
    command = [sys.executable, __file__, json.dumps(call)]
    environment = os.environ | {"PYTHONPATH": str(SCRIPTS)}  # for processes that it starts
    started, peaks = time.perf_counter(), (0, 0)
    with log.open("w", encoding="utf-8") as output:
        process = subprocess.Popen(
            command, stdout=output, stderr=subprocess.STDOUT, env=environment
        )
        while process.poll() is None:
            own, mapped = memory(process.pid)
            peaks = max(peaks[0], own), max(peaks[1], mapped)
            time.sleep(0.1)
    if process.returncode:
        raise SystemExit(log.read_text(encoding="utf-8"))
    return time.perf_counter() - started, *peaks


def heading(unit: str) -> None:
    """Prints the first line of the table of `show`."""
    print(
        f"{unit + 's':>8}  {'step':13} {'seconds':>8} {'ms each':>9} {'own MB':>7} {'mapped':>7}",
        flush=True,
    )


def show(of: "Experiment", steps: Iterable[str], count: int, folder: Path, cores: int) -> None:
    """Runs the steps one after another and prints a line for each. count: cases, or of them."""
    known = calls(of, str(folder), cores)
    for name in steps:
        seconds, own, mapped = measured(known[name], folder)
        each = 1000 * seconds / count
        print(f"{count:8}  {name:13} {seconds:8.1f} {each:9.1f} {own:7} {mapped:7}", flush=True)


if __name__ == "__main__":
    sys.path[0] = str(SCRIPTS)  # bench/ has a skull_strip.py too
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    script, arguments = json.loads(sys.argv[1])
    importlib.import_module(script).main(**arguments)
