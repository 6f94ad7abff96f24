"""Measures a GPU: losses, the study's experiment, repeats, and speed against plain PyTorch.

    python bench/gpu.py [--output gpu.tsv] [--small]

In under six minutes; Python needs only keras, jax for the GPU or torch, numpy, scipy, pandas,
pyyaml, pytest and opencv-python-headless, and no TensorFlow. KERAS_BACKEND chooses the backend;
otherwise it is JAX where that is installed. --small tries every part at small sizes on a CPU.

losses: every loss in each of its forms, at each of its constants in tests/unit/test_loss_forms.py,
in float32 on the device, against the formula in NumPy; the largest difference relative to the
formula's value, which must be at most 1e-3.
repeat: two trainings from the same seed must have the same bytes.
study: two losses x five folds x 20 epochs of 314 made slices at 128 px, trained one after another
as the workflow trains: seconds in all and of the slowest and fastest training.
speed: images/s of the workflow's network and step (dice_ce, batch normalisation) on one random
batch, by size and base width, in float32 and bfloat16; pytorch: of a plain PyTorch U-Net of the
same widths with channels_last, torch.compile and binary cross-entropy. The median of the steps
after the first two, with the copy from the host.

Only with --parts: hippocampus (fold 1 in volumes, which `bench/gpu.py --pack packed --data
<Task04_Hippocampus>` prepares where `make venv` was run, and --packed names), and patch, the same
two steps at 128 x 128 x 128 voxels, four channels, three overlapping classes, base width 32.

Each part is a process of its own, within PART_S seconds; what it has measured until then is shown.
Ends with an error where a part fails, a loss differs or a training does not repeat.
"""

import argparse
import importlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.util import find_spec
from itertools import pairwise, repeat
from pathlib import Path
from shutil import copytree
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from tumorseg.core.device import Device
    from tumorseg.training.loop import Training

ROOT = Path(__file__).resolve().parent.parent
SCRIPTS = ROOT / "scripts"
EXPERIMENT = "hippocampus"
CLOSE = 1e-3  # relative difference of a loss, at most
PART_S = 110  # at most for one part,
ALL_S = 345  # and for all together
TRAINED_S = 80  # after so many seconds of a part no further epoch is trained
STEPS = 14  # of each speed
JOB = "train.json"
BEGAN = time.monotonic()


class Task(NamedTuple):
    """A network and a batch whose steps are timed."""

    shape: tuple[int, ...]
    batch: int
    width: int
    channels: int = 1
    classes: int = 1


PATCH = Task((128, 128, 128), 2, 32, channels=4, classes=3)
SPEEDS = {
    f"{side} px, base {width}": Task((side, side), batch, width)
    for width in (16, 64)
    for side, batch in ((128, 16), (512, 4))
}
PRECISIONS = ("bfloat16", "float32")
SLICES, FOLDS, EPOCHS = 314, 5, 20  # of the study


def row(measure: str, value: object, unit: str = "") -> None:
    """Reports a number of this part to the process that started it."""
    print(json.dumps([measure, value, unit]), flush=True)


def pack(data_dir: str, folder: Path) -> None:
    """Runs the experiment's steps as far as `pack`, and keeps what a training of fold 1 reads."""
    import yaml
    from steps import calls, experiment

    text = (ROOT / "experiments" / f"{EXPERIMENT}.yaml").read_text(encoding="utf-8")
    of = experiment(yaml.safe_load(text) | {"data_dir": data_dir})
    with tempfile.TemporaryDirectory() as name:
        known = calls(of, name, os.cpu_count() or 1)
        for step in ("import_cases", "skull_strip", "rasterize", "split", "pack"):
            script, arguments = known[step]
            importlib.import_module(script).main(**arguments)
        copytree(Path(name, "pack"), folder / "pack", dirs_exist_ok=True)
        Path(folder, "folds.tsv").write_bytes(Path(name, "folds.tsv").read_bytes())
    _, arguments = calls(of, ".", 1)["train"]
    Path(folder, JOB).write_text(json.dumps(arguments, indent=1), encoding="utf-8")


def report(machine: "Device", small: bool) -> None:
    """Reports the device; ends the part where there is no GPU, unless it is only tried."""
    name = f"{machine.kind} {_name()}, {machine.backend} {machine.precision}"
    row("device", name)
    if machine.kind == "cpu" and not small:
        raise SystemExit(f"{machine.backend} finds no GPU here; --small tries it on a CPU")


def _name() -> str:
    import keras

    if keras.backend.backend() == "jax":
        import jax

        return jax.local_devices()[0].device_kind
    return ""


def peak_memory() -> None:
    """Reports the most memory of the device that was in use, where the backend counts it."""
    import keras

    most = None
    if keras.backend.backend() == "jax":
        import jax

        most = (jax.local_devices()[0].memory_stats() or {}).get("peak_bytes_in_use")
    elif keras.backend.backend() == "torch":
        import torch

        most = torch.cuda.max_memory_allocated() if torch.cuda.is_available() else None
    row("peak memory", None if most is None else round(most / 1e9, 2), "GB")


def losses(options: argparse.Namespace) -> None:
    """The largest relative difference of each loss, over forms and constants."""
    from tumorseg.core import device

    report(device.start(wanted="auto", threads=1, seed=1), options.small)
    sys.path.insert(0, str(ROOT / "tests" / "unit"))
    import numpy_class_losses
    import test_loss_forms as forms

    from tumorseg.loss_kit.configured import FORMS

    most: dict[str, tuple[float, str]] = {}
    for form in FORMS:
        masks, p = forms.case(form, 1 if form == "binary" else 2)
        y = forms.with_background(masks) if form == "exclusive" else masks
        formula = getattr(numpy_class_losses, "exclusive" if form == "exclusive" else "overlapping")
        for name, constants in forms.WITH_CONSTANTS + forms.OF_FORM.get(form, []):
            expected = [formula(name, *pair, **constants) for pair in zip(y, p, strict=True)]
            found = forms.value(name, form, masks, p.astype(np.float32), **constants)
            assert found.dtype == np.float32
            worst = float(np.abs(found / np.array(expected) - 1).max())
            case = f"{form} {constants or ''}".strip()
            most[name] = max(most.get(name, (-1.0, "")), (worst, case))
    for name, (worst, case) in most.items():
        row(name, float(f"{worst:.2g}"), f"of the value, {case}")
    row("losses", len(most))
    wrong = [name for name, (worst, _) in most.items() if not worst <= CLOSE]
    if wrong:
        raise SystemExit(f"more than {CLOSE} from the formula: {', '.join(wrong)}")


def hippocampus(options: argparse.Namespace) -> None:
    """Trains fold 1 as scripts/train.py does, and times each step."""
    os.chdir(options.packed)
    from tumorseg.training.job import PATHS, TrainingJob
    from tumorseg.training.prepare import prepare

    arguments = json.loads(Path(JOB).read_text(encoding="utf-8"))
    known = {name: arguments[name] for name in PATHS if name in arguments} | {"code": ""}
    job = arguments["job"] | {"wanted_device": "auto", "precision": "auto"}
    recipe = job["settings"]["training"]
    recipe["steps"] = each = min(recipe["steps"], max(1, options.steps // 2))
    recipe["epochs"] = options.steps // each
    if options.small:
        job["network"]["base_width"] = 4
    with tempfile.TemporaryDirectory() as name:
        training = prepare(TrainingJob(**job | {"state_dir": name}, **known))
        report(training.machine, options.small)
        started, ended = timed(training.trained)
        while not training.finished and (options.small or time.monotonic() < BEGAN + TRAINED_S):
            training.epoch()
    if training.outcome.failure:
        raise SystemExit(training.outcome.failure)
    history = training.outcome.history
    # Neither the first epoch nor the validation between two epochs.
    counted = [n for n in range(1, len(ended)) if n % each and (n > each or len(ended) <= each)]
    seconds = statistics.mean(ended[n] - ended[n - 1] for n in counted)
    computed = statistics.mean(ended[n] - started[n] for n in counted)
    row("first step", round(ended[0] - started[0], 1), "s")
    row("steps after it", round(1 / seconds, 2), "a second")
    row("images", round(training.plan.batch_size / seconds, 2), "a second")
    row("of a step on the device", round(100 * computed / seconds), "%")
    row("epoch with validation, the last", round(history[-1]["seconds"], 1), "s")
    row("steps in all", len(ended))
    row("validation Dice", round(history[-1]["val_dice"], 4), f"{len(training.validation)} volumes")
    row("best validation Dice", round(max(line["val_dice"] for line in history), 4))
    peak_memory()


def timed(model: Any) -> tuple[list[float], list[float]]:
    """When each step of a compiled model begins and ends, from now on."""
    started: list[float] = []
    ended: list[float] = []
    step = model.train_on_batch

    def train_on_batch(*batch: np.ndarray) -> float:
        started.append(time.perf_counter())
        value = float(step(*batch))
        ended.append(time.perf_counter())
        return value

    model.train_on_batch = train_on_batch
    return started, ended


def small(task: Task) -> Task:
    """The same at a size for a CPU."""
    return task._replace(shape=(32,) * len(task.shape), batch=2, width=4)


def batch_of(task: Task) -> tuple[np.ndarray, np.ndarray]:
    """Random images and masks, channels last."""
    random = np.random.default_rng(0)
    images = random.standard_normal((task.batch, *task.shape, task.channels), np.float32)
    return images, (random.random((*images.shape[:-1], task.classes)) < 0.1).astype(np.uint8)


def report_steps(task: Task, ends: list[float], name: str = "") -> None:
    """Reports a task's steps. ends: the moment before the first step, and after each."""
    seconds = [after - before for before, after in pairwise(ends)]
    assert len(seconds) == STEPS, "the loss became infinite"
    middle, name = statistics.median(seconds[2:]), name and f"{name}: "
    row(f"{name}first step", round(seconds[0], 1), "s")
    if not name:
        row("step after the first two", round(1000 * middle, 1), "ms")
    row(f"{name}images", round(task.batch / middle, 2), "a second")


def workflow_steps(
    task: Task, precision: str, options: argparse.Namespace, first: bool = True
) -> list[float]:
    """When each of the workflow's steps on one batch ends; the first number is when they begin.

    first: whether to report the device.
    """
    import yaml

    from tumorseg.core import device

    machine = device.start(wanted="auto", threads=1, seed=1, precision=precision)
    if first:
        report(machine, options.small)
    from tumorseg.loss_kit.keras_loss import CaseLoss
    from tumorseg.training.model import build_network, form_of
    from tumorseg.training.optimizer import compile_model
    from tumorseg.training.plan import Plan

    images, masks = batch_of(task)
    config = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    recipe = config["recipes"]["robust"] | {"channels": task.channels}
    network = {"name": "unet", "patch": list(task.shape), "base_width": task.width}
    network |= {"classes": task.classes, "exclusive": False}
    with machine.scope():
        model = build_network(network, recipe)
        loss = CaseLoss("dice_ce", form=form_of(network))
        compile_model(model, loss, Plan(**recipe["training"], seed=1), STEPS, machine)
    batch = images, loss.targets(masks)
    ends = [time.perf_counter()]
    machine.train_epoch(
        model, lambda: repeat(batch, STEPS), STEPS, lambda: ends.append(time.perf_counter())
    )
    return ends


def patch(options: argparse.Namespace, precision: str) -> None:
    """Steps of the workflow on a batch of volumes."""
    task = small(PATCH) if options.small else PATCH
    report_steps(task, workflow_steps(task, precision, options))
    peak_memory()


def speed(options: argparse.Namespace, precision: str) -> None:
    """Images/s of the workflow in 2-D."""
    for number, (name, task) in enumerate(SPEEDS.items()):
        task = small(task) if options.small else task
        report_steps(task, workflow_steps(task, precision, options, number == 0), name)


def torch_place(options: argparse.Namespace, precision: str) -> str:
    """The device of plain PyTorch; empty, and reported, where there is nothing to measure."""
    try:
        import torch
    except ImportError:
        row("not measured", "no PyTorch")
        return ""
    place = "cuda" if torch.cuda.is_available() else "cpu"
    if place == "cpu" and not options.small:
        row("not measured", "PyTorch has no GPU")
        return ""
    torch.backends.cudnn.benchmark = True
    name = torch.cuda.get_device_name() if place == "cuda" else ""
    row("device", f"{place} {name}, torch {torch.__version__} {precision}")
    return place


def torch_steps(task: Task, place: str, precision: str, compiled: bool) -> list[float]:
    """When each step of bench/training.py's network on one batch ends, as workflow_steps."""
    import torch
    from training import torch_net

    torch.manual_seed(1)
    kind = torch.channels_last_3d if len(task.shape) == 3 else torch.channels_last
    images, masks = (torch.from_numpy(np.moveaxis(each, -1, 1)) for each in batch_of(task))
    model = torch_net(
        len(task.shape), channels=task.channels, classes=task.classes, base_width=task.width
    )
    model = model.to(place, memory_format=kind)
    run = torch.compile(model) if compiled else model
    optimizer = torch.optim.Adam(model.parameters())
    ends = [time.perf_counter()]
    for _ in range(STEPS):
        optimizer.zero_grad()
        x, y = (each.to(place).float().to(memory_format=kind) for each in (images, masks))
        with torch.autocast(place, torch.bfloat16, enabled=precision == "bfloat16"):
            output = run(x).float()
        loss = torch.nn.functional.binary_cross_entropy_with_logits(output, y)
        loss.backward()
        optimizer.step()
        loss.item()  # waits for the device
        ends.append(time.perf_counter())
    return ends


def pytorch(options: argparse.Namespace, precision: str) -> None:
    """Images/s of plain PyTorch in 2-D, compiled."""
    if place := torch_place(options, precision):
        for name, task in SPEEDS.items():
            task = small(task) if options.small else task
            report_steps(task, torch_steps(task, place, precision, compiled=True), name)


def plain_patch(options: argparse.Namespace) -> None:
    """Steps of plain PyTorch on a batch of volumes, under autocast."""
    import torch

    if place := torch_place(options, "bfloat16"):
        task = small(PATCH) if options.small else PATCH
        report_steps(task, torch_steps(task, place, "bfloat16", compiled=False))
        most = torch.cuda.max_memory_allocated() / 1e9 if place == "cuda" else None
        row("peak memory", most and round(most, 2), "GB")


def fold_training(
    loss: str, fold: int, epochs: int, options: argparse.Namespace, recipe: str = "paper"
) -> "Training":
    """A training of a fold of made slices: noise, and a bright disc that is the tumour."""
    import keras
    import yaml

    from tumorseg.core import device

    keras.backend.clear_session()
    machine = device.start(wanted="auto", threads=1, seed=fold, precision="auto")
    from tumorseg.loss_kit.keras_loss import CaseLoss
    from tumorseg.training.cases import Cases
    from tumorseg.training.loop import Training
    from tumorseg.training.model import build_network
    from tumorseg.training.plan import Plan

    count, side = (20, 32) if options.small else (SLICES, 128)
    random = np.random.default_rng(0)
    y, x = np.mgrid[:side, :side]
    centres = random.uniform(side / 4, 3 * side / 4, (2, count, 1, 1))
    masks = ((y - centres[0]) ** 2 + (x - centres[1]) ** 2 < (side / 9) ** 2)[..., None]
    images = (random.normal(0, 0.3, masks.shape) + masks).astype(np.float32)
    of_fold = np.arange(count) % FOLDS
    role = (of_fold - fold) % FOLDS  # 0: test, 1: validation
    config = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))["recipes"][recipe]
    network = {"name": "unet", "size_px": side, "base_width": 4 if options.small else 16}
    rows = [np.flatnonzero(role > 1), np.flatnonzero(role == 1)]
    cases = [Cases(images, masks.astype(np.uint8), chosen, config["channels"]) for chosen in rows]
    with machine.scope():
        model = build_network(network, config)
    plan = Plan(**config["training"] | {"epochs": epochs}, seed=fold)
    return Training(model, CaseLoss(loss), plan, *cases, machine=machine)


def study(options: argparse.Namespace) -> None:
    """Seconds of the study's trainings, one after another."""
    seconds: list[float] = []
    for loss in ("bce", "focal"):
        for fold in range(1, FOLDS + 1):
            began = time.perf_counter()
            training = fold_training(loss, fold, 2 if options.small else EPOCHS, options)
            if not seconds:
                report(training.machine, options.small)
            outcome = training.run(report=lambda text: None)
            if outcome.failure:
                raise SystemExit(f"{loss}, fold {fold}: {outcome.failure}")
            seconds.append(time.perf_counter() - began)
            row(f"{loss}, fold {fold}", round(seconds[-1], 1), "s")
    row("all", round(sum(seconds), 1), "s")
    row("of it with 20 epochs of 314", "no" if options.small else "yes")


def repeats(options: argparse.Namespace) -> None:
    """Whether two trainings have the same bytes."""
    found = []
    for _ in range(2):
        training = fold_training("dice_ce", 1, 2, options, recipe="robust")
        outcome = training.run(report=lambda text: None)
        found.append([weight.tobytes() for weight in outcome.weights])
    report(training.machine, options.small)
    differ = sum(a != b for a, b in zip(*found, strict=True))
    row("arrays that differ", differ, f"of {len(found[0])}")
    if differ or not found[0]:
        raise SystemExit("two trainings from one seed differ")


PARTS: dict[str, Callable[[argparse.Namespace], None]] = {
    "losses": losses,
    "repeat": repeats,
    "study": study,
    **{f"speed {p}": lambda options, p=p: speed(options, p) for p in PRECISIONS},
    **{f"pytorch {p}": lambda options, p=p: pytorch(options, p) for p in PRECISIONS},
}
VOLUMES: dict[str, Callable[[argparse.Namespace], None]] = {
    "hippocampus": hippocampus,
    "patch bfloat16": lambda options: patch(options, "bfloat16"),
    "patch PyTorch": plain_patch,
    "patch float32": lambda options: patch(options, "float32"),
}


def measured(part: str, limit: float | None) -> tuple[list[list], str]:
    """The rows of a part, and why it did not end well; empty where it did."""
    command = [sys.executable, __file__, *sys.argv[1:], "--one", part]
    failure = ""
    with tempfile.TemporaryFile("w+", encoding="utf-8") as errors:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True)
        try:
            text, _ = process.communicate(timeout=limit)
        except subprocess.TimeoutExpired:
            process.kill()
            text, _ = process.communicate()
            failure = f"not finished within {limit:.0f} s"
        errors.seek(0)
        if process.returncode and not failure:
            lines = errors.read().strip().splitlines() or [f"exit status {process.returncode}"]
            print("\n".join(lines[-15:]), file=sys.stderr, flush=True)
            failure = lines[-1]
    lines = [line for line in text.splitlines() if line.startswith("[")]
    return list(map(json.loads, lines)), failure


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="", help="the hippocampus, with --pack")
    parser.add_argument("--pack", type=Path, help="packs --data into this folder, measures nothing")
    parser.add_argument("--packed", type=Path, help="what --pack wrote; else no hippocampus")
    parser.add_argument("--steps", type=int, default=800, help="of the hippocampus")
    parser.add_argument("--parts", nargs="+", default=list(PARTS), choices=PARTS | VOLUMES)
    parser.add_argument("--output", type=Path, help="the table as TSV")
    parser.add_argument("--small", action="store_true", help="small sizes, for a try on a CPU")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    options = parser.parse_args()
    sys.path.insert(0, str(SCRIPTS))  # before bench/, which has a skull_strip.py too
    if options.pack:
        pack(options.data, options.pack)
        return 0
    if options.one:
        (PARTS | VOLUMES)[options.one](options)
        return 0
    if find_spec("jax"):
        os.environ.setdefault("KERAS_BACKEND", "jax")
    # Trainings whose networks are the same compile once.
    os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", tempfile.mkdtemp(prefix="jax-"))
    os.environ.setdefault("JAX_PERSISTENT_COMPILATION_CACHE_MIN_COMPILE_TIME_SECS", "0")
    ends, failed, table = time.monotonic() + ALL_S, False, ["part\tmeasure\tvalue\tunit"]
    for part in options.parts:
        if part == "hippocampus" and not options.packed:
            continue
        began = time.monotonic()
        limit = None if options.small else max(1.0, min(PART_S, ends - began))
        rows, failure = measured(part, limit)
        rows.append(["seconds of the part", round(time.monotonic() - began, 1), "s"])
        rows += [["FAILED", failure, ""]] if failure else []
        failed = failed or bool(failure)
        for measure, value, unit in rows:
            shown = "-" if value is None else value
            print(f"{part:15} {measure:34} {shown!s:>12} {unit}", flush=True)
            table.append(f"{part}\t{measure}\t{'NaN' if value is None else value}\t{unit}")
        if options.output:
            options.output.write_text("\n".join([*table, ""]), encoding="utf-8")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
