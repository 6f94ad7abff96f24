r"""Measures a GPU: repeats, the study's experiment, losses, and speed against plain PyTorch.

For a borrowed machine of Linux on x86-64 with Python 3.12, JAX, PyTorch and no network. Here, where
pip works (the folder .whl/ then goes with the repository; `echo /.whl/ >> .git/info/exclude`):

    python3 -m pip download --no-deps --only-binary=:all: --python-version 3.12 \
        --platform manylinux_2_28_x86_64 -d .whl keras==3.15.1 namex optree

There, in two calls one after the other, of six minutes at most and of five; OUT is a folder:

    python3 -m pip install -q --no-index --no-deps --upgrade --target /tmp/site .whl/*.whl
    export PYTHONPATH=/tmp/site PYTHONUNBUFFERED=1
    KERAS_BACKEND=jax python3 bench/gpu.py --output $OUT/jax.tsv

    export PYTHONPATH=/tmp/site PYTHONUNBUFFERED=1
    KERAS_BACKEND=torch python3 bench/gpu.py --output $OUT/torch.tsv \
        --parts repeat study "speed bfloat16" losses "speed float32"

Of requirements.lock it needs only numpy, scipy, pandas, pyyaml, pytest, h5py and
opencv-python-headless besides, in any recent version. `--small` tries every part at small sizes on
a CPU, without limits of time.

repeat: two trainings from the same seed must have the same bytes.
study: two losses x five folds x 20 epochs of 314 made slices at 128 px, trained one after another
as the workflow trains: seconds in all and of each training.
speed: images/s of the workflow's network and step (dice_ce, batch normalisation) on one random
batch, by size and base width; pytorch: of a plain PyTorch U-Net of the same widths with
channels_last and binary cross-entropy, as it is and with torch.compile. The median of the steps
after the first two, with the copy from the host.
losses: every loss in each of its forms, at each of its constants in tests/unit/test_loss_forms.py,
in float32 on the device, against the formula in NumPy; the largest difference relative to the
formula's value, which must be at most 1e-3.
volume: as speed and pytorch, at 128 x 128 x 128 voxels, four channels, three overlapping classes
and base width 32. Only with --parts.

Each part is a process of its own, and its rows are written as they come. A part has its own
seconds (PARTS) and what the parts before it left of theirs; then it is ended, with all that it
started, and the next begins. Ends with an error where a part fails.
"""

import argparse
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from importlib.util import find_spec
from itertools import pairwise, repeat
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from tumorseg.core.device import Device
    from tumorseg.training.loop import Training

ROOT = Path(__file__).resolve().parent.parent
CLOSE = 1e-3  # relative difference of a loss, at most
STEPS = 14  # of each speed
SLICES, FOLDS, EPOCHS = 314, 5, 20  # of the study


class Run(NamedTuple):
    """The part that is measured, and where its rows go."""

    part: str
    small: bool = False
    output: Path | None = None

    def row(self, measure: str, value: object, unit: str = "") -> None:
        """Prints a number, and adds it to the table."""
        print(f"{self.part:17} {measure:38} {value!s:>12} {unit}", flush=True)
        if self.output:
            with self.output.open("a", encoding="utf-8") as table:
                table.write(f"{self.part}\t{measure}\t{value}\t{unit}\n")


class Task(NamedTuple):
    """A network and a batch whose steps are timed."""

    shape: tuple[int, ...]
    batch: int
    width: int
    channels: int = 1
    classes: int = 1


SPEEDS = {
    f"{side} px, base {width}": Task((side, side), batch, width)
    for width in (16, 64)
    for side, batch in ((128, 16), (512, 4))
}
VOLUME = {"128 voxels, base 32": Task((128, 128, 128), 2, 32, channels=4, classes=3)}


def made_small(task: Task) -> Task:
    """The same at a size for a CPU."""
    return task._replace(shape=(32,) * len(task.shape), batch=2, width=4)


def report(machine: "Device", run: Run) -> None:
    """Reports the device; RuntimeError where there is no GPU, unless the part is only tried."""
    import keras

    name = ""
    if machine.backend == "jax":
        import jax

        name = f"{jax.local_devices()[0].device_kind}, jax {jax.__version__}"
    elif machine.backend == "torch":
        name = torch_name()
    versions = f"keras {keras.__version__}, python {sys.version.split()[0]}"
    run.row("device", f"{machine.kind} {name}, {machine.precision}, {versions}")
    if machine.kind == "cpu" and not run.small:
        raise RuntimeError(f"{machine.backend} finds no GPU here; --small tries it on a CPU")


def torch_name() -> str:
    """PyTorch's device and version."""
    import torch

    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else "no GPU"
    return f"{gpu}, torch {torch.__version__}"


def peak_memory(run: Run) -> None:
    """Reports the most memory of the device that was in use, where the library counts it."""
    most = 0
    if "jax" in sys.modules:
        import jax

        most = (jax.local_devices()[0].memory_stats() or {}).get("peak_bytes_in_use", 0)
    elif "torch" in sys.modules:
        import torch

        most = torch.cuda.max_memory_allocated() if torch.cuda.is_available() else 0
    if most:
        run.row("peak memory", round(most / 1e9, 2), "GB")


def fold_training(loss: str, fold: int, epochs: int, recipe: str, small: bool) -> "Training":
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

    count, side = (20, 32) if small else (SLICES, 128)
    random = np.random.default_rng(0)
    y, x = np.mgrid[:side, :side]
    centres = random.uniform(side / 4, 3 * side / 4, (2, count, 1, 1))
    masks = ((y - centres[0]) ** 2 + (x - centres[1]) ** 2 < (side / 9) ** 2)[..., None]
    images = (random.normal(0, 0.3, masks.shape) + masks).astype(np.float32)
    role = (np.arange(count) - fold) % FOLDS  # 0: test, 1: validation
    config = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))["recipes"][recipe]
    network = {"name": "unet", "size_px": side, "base_width": 4 if small else 16}
    rows = [np.flatnonzero(role > 1), np.flatnonzero(role == 1)]
    cases = [Cases(images, masks.astype(np.uint8), chosen, config["channels"]) for chosen in rows]
    with machine.scope():
        model = build_network(network, config)
    plan = Plan(**config["training"] | {"epochs": epochs}, seed=fold)
    return Training(model, CaseLoss(loss), plan, *cases, machine=machine)


def repeats(run: Run) -> None:
    """Whether two trainings have the same bytes."""
    found = []
    for number in range(2):
        training = fold_training("dice_ce", 1, 2, "robust", run.small)
        if not number:
            report(training.machine, run)
        outcome = training.run(report=lambda text: None)
        found.append([weight.tobytes() for weight in outcome.weights])
    differ = sum(a != b for a, b in zip(*found, strict=True))
    run.row("arrays that differ", differ, f"of {len(found[0])}")
    if differ or not found[0]:
        raise RuntimeError("two trainings from one seed differ")


def study(run: Run) -> None:
    """Seconds of the study's trainings, one after another."""
    seconds: list[float] = []
    for loss in ("bce", "focal"):
        for fold in range(1, FOLDS + 1):
            began = time.perf_counter()
            training = fold_training(loss, fold, 2 if run.small else EPOCHS, "paper", run.small)
            if not seconds:
                report(training.machine, run)
            outcome = training.run(report=lambda text: None)
            if outcome.failure:
                raise RuntimeError(f"{loss}, fold {fold}: {outcome.failure}")
            seconds.append(time.perf_counter() - began)
            run.row(f"{loss}, fold {fold}", round(seconds[-1], 1), "s")
    run.row("all", round(sum(seconds), 1), "s")


def losses(run: Run) -> None:
    """The largest relative difference of each loss, over forms and constants."""
    from tumorseg.core import device

    report(device.start(wanted="auto", threads=1, seed=1), run)
    sys.path.insert(0, str(ROOT / "tests" / "unit"))
    import numpy_class_losses
    import test_loss_forms as forms

    from tumorseg.loss_kit.configured import FORMS

    wrong = []
    for form in FORMS:
        masks, p = forms.case(form, 1 if form == "binary" else 2)
        y = forms.with_background(masks) if form == "exclusive" else masks
        formula = getattr(numpy_class_losses, "exclusive" if form == "exclusive" else "overlapping")
        most: dict[str, float] = {}
        for name, constants in forms.WITH_CONSTANTS + forms.OF_FORM.get(form, []):
            expected = [formula(name, *pair, **constants) for pair in zip(y, p, strict=True)]
            found = forms.value(name, form, masks, p.astype(np.float32), **constants)
            assert found.dtype == np.float32
            worst = float(np.abs(found / np.array(expected) - 1).max())
            most[name] = max(most.get(name, 0.0), worst if worst <= CLOSE else np.inf)
        for name, worst in most.items():
            run.row(f"{name}, {form}", f"{worst:.2g}", "of the value")
            wrong += [] if worst <= CLOSE else [f"{name}, {form}"]
    if wrong:
        raise RuntimeError(f"more than {CLOSE} from the formula: {'; '.join(wrong)}")


def batch_of(task: Task) -> tuple[np.ndarray, np.ndarray]:
    """Random images and masks, channels last."""
    random = np.random.default_rng(0)
    images = random.standard_normal((task.batch, *task.shape, task.channels), np.float32)
    return images, (random.random((*images.shape[:-1], task.classes)) < 0.1).astype(np.uint8)


def report_steps(run: Run, name: str, task: Task, ends: list[float]) -> None:
    """Reports a task's steps. ends: the moment before the first step, and after each."""
    seconds = [after - before for before, after in pairwise(ends)]
    assert len(seconds) == STEPS, "the loss became infinite"
    run.row(f"{name}: first step", round(seconds[0], 1), "s")
    run.row(f"{name}: images", round(task.batch / statistics.median(seconds[2:]), 2), "a second")


def speed(tasks: dict[str, Task], precision: str, run: Run) -> None:
    """Images/s of the workflow's network and step."""
    import yaml

    from tumorseg.core import device

    machine = device.start(wanted="auto", threads=1, seed=1, precision=precision)
    report(machine, run)
    from tumorseg.loss_kit.keras_loss import CaseLoss
    from tumorseg.training.model import build_network, form_of
    from tumorseg.training.optimizer import compile_model
    from tumorseg.training.plan import Plan

    config = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    for name, wanted in tasks.items():
        task = made_small(wanted) if run.small else wanted
        images, masks = batch_of(task)
        recipe = config["recipes"]["robust"] | {"channels": task.channels}
        network = {"name": "unet", "patch": list(task.shape), "base_width": task.width}
        network |= {"classes": task.classes, "exclusive": False}
        with machine.scope():
            model = build_network(network, recipe)
            loss = CaseLoss("dice_ce", form=form_of(network))
            compile_model(model, loss, Plan(**recipe["training"], seed=1), STEPS, machine)
        batches = partial(repeat, (images, loss.targets(masks)), STEPS)
        ends = [time.perf_counter()]
        machine.train_epoch(model, batches, STEPS, lambda e=ends: e.append(time.perf_counter()))
        report_steps(run, name, task, ends)
    peak_memory(run)


def pytorch(tasks: dict[str, Task], precision: str, run: Run) -> None:
    """Images/s of plain PyTorch: of all tasks as they are, then compiled, which may fail."""
    import torch

    run.row("device", f"{torch_name()}, {precision}")
    place = "cuda" if torch.cuda.is_available() else "cpu"
    if place == "cpu" and not run.small:
        raise RuntimeError("PyTorch finds no GPU here")
    torch.backends.cudnn.benchmark = True
    for compiled in (False, True):
        for name, wanted in tasks.items():
            task = made_small(wanted) if run.small else wanted
            ends = torch_steps(task, place, precision, compiled)
            report_steps(run, f"{name}{', compiled' if compiled else ''}", task, ends)
    peak_memory(run)


def torch_steps(task: Task, place: str, precision: str, compiled: bool) -> list[float]:
    """When each step of bench/training.py's network on one batch ends; first, when they begin."""
    import torch
    from training import torch_net

    torch.manual_seed(1)
    kind = torch.channels_last_3d if len(task.shape) == 3 else torch.channels_last
    images, masks = (torch.from_numpy(np.moveaxis(each, -1, 1)) for each in batch_of(task))
    model = torch_net(
        len(task.shape), channels=task.channels, classes=task.classes, base_width=task.width
    )
    model = model.to(place, memory_format=kind)
    forward = torch.compile(model, dynamic=False) if compiled else model
    optimizer = torch.optim.Adam(model.parameters())
    ends = [time.perf_counter()]
    for _ in range(STEPS):
        optimizer.zero_grad()
        x, y = (each.to(place).float().to(memory_format=kind) for each in (images, masks))
        with torch.autocast(place, torch.bfloat16, enabled=precision == "bfloat16"):
            output = forward(x).float()
        loss = torch.nn.functional.binary_cross_entropy_with_logits(output, y)
        loss.backward()
        optimizer.step()
        loss.item()  # waits for the device
        ends.append(time.perf_counter())
    return ends


# The seconds of each, 345 together; what matters most comes first.
PARTS: dict[str, tuple[int, Callable[[Run], None]]] = {
    "repeat": (50, repeats),
    "study": (90, study),
    "speed bfloat16": (60, partial(speed, SPEEDS, "bfloat16")),
    "pytorch bfloat16": (45, partial(pytorch, SPEEDS, "bfloat16")),
    "losses": (40, losses),
    "speed float32": (35, partial(speed, SPEEDS, "float32")),
    "pytorch float32": (25, partial(pytorch, SPEEDS, "float32")),
}
MORE: dict[str, tuple[int, Callable[[Run], None]]] = {
    "volume": (90, partial(speed, VOLUME, "bfloat16")),
    "volume pytorch": (60, partial(pytorch, VOLUME, "bfloat16")),
}


def ended(command: list[str], limit: float | None) -> str:
    """Runs a part; why it did not end by itself within so many seconds, empty where it did.

    It has a process group of its own, so that the processes that torch.compile starts end with it,
    and no new session, so that it ends with the command that started all.
    """
    process = subprocess.Popen(command, process_group=0)
    try:
        status = process.wait(limit)
    except subprocess.TimeoutExpired:
        return f"not finished within {limit:.0f} s"
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    return f"ended with status {status}" if status else ""


def main() -> int:
    known = PARTS | MORE
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--parts", nargs="+", default=list(PARTS), choices=known)
    parser.add_argument("--output", type=Path, help="the table as TSV")
    parser.add_argument("--small", action="store_true", help="small sizes, for a try on a CPU")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        sys.path.insert(0, str(ROOT / "scripts"))  # before bench/
        run = Run(options.one, options.small, options.output)
        try:
            known[options.one][1](run)
        except Exception as error:
            traceback.print_exc()
            run.row("failed by", " ".join(f"{type(error).__name__}: {error}".split())[:300])
            return 1
        return 0
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # ended() then ends the part too
    if find_spec("jax"):
        os.environ.setdefault("KERAS_BACKEND", "jax")
    # Trainings whose networks are the same compile once.
    os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", tempfile.mkdtemp(prefix="jax-"))
    os.environ.setdefault("JAX_PERSISTENT_COMPILATION_CACHE_MIN_COMPILE_TIME_SECS", "0")
    if options.output:
        options.output.write_text("part\tmeasure\tvalue\tunit\n", encoding="utf-8")
    ends, failed = time.monotonic(), False
    for part in options.parts:
        began = time.monotonic()
        ends += known[part][0]
        command = [sys.executable, __file__, *sys.argv[1:], "--one", part]
        failure = ended(command, None if options.small else ends - began)
        run = Run(part, output=options.output)
        run.row("seconds of the part", round(time.monotonic() - began, 1), "s")
        if failure:
            run.row("FAILED", failure)
            failed = True
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
