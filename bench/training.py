"""Measures images/s of the workflow's training, a bare Keras loop, plain PyTorch and MONAI's U-Net.

    make bench [ARGS="--dimensions 3 --rounds 5"]

All train a U-Net of base width 16 with the same threads and precision on the same random arrays, in
turn for several rounds, without start-up: in 2-D the study's network, 128 x 128 in batches of 8, in
one process with all threads, and in as many processes of one thread at once, which is how the
workflow uses a machine; in 3-D the same architecture, patches of 64 x 64 x 64 in batches of 2, in
one process. The workflow's rates contain its augmentation and the validation of one batch (3-D: of
one patch). MONAI's network is its BasicUNet with as many feature maps. PyTorch and MONAI are in
.venv-torch (`make torch`); without it their rows are left out.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np


class Task(NamedTuple):
    """What is trained on: images of a shape, so many a step and steps an epoch."""

    shape: tuple[int, ...]
    batch: int
    steps: int


TASKS = {2: Task((128, 128), 8, 12), 3: Task((64, 64, 64), 2, 4)}
EPOCHS = 3  # the first is left out
SCRIPTS = Path(__file__).resolve().parent.parent / "scripts"


def arrays(task: Task, margin: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Images and masks of an epoch, each side longer by a margin."""
    random = np.random.default_rng(0)
    sides = [side + margin for side in task.shape]
    images = random.random((task.batch * task.steps, *sides, 1), np.float32)
    return images, (random.random(images.shape) > 0.95).astype(np.uint8)


def workflow(task: Task, threads: int, normalisation: bool, precision: str) -> float:
    """The workflow's own training: augmentation, steps, weight average, validation of one batch."""
    sys.path.insert(0, str(SCRIPTS))
    from tumorseg.core import device

    machine = device.start(wanted="cpu", threads=threads, seed=1, precision=precision)
    from tumorseg.loss_kit.keras_loss import CaseLoss
    from tumorseg.networks import unet
    from tumorseg.training.cases import Cases
    from tumorseg.training.loop import Training
    from tumorseg.training.patches import Patches
    from tumorseg.training.plan import Plan

    dropout = 0.0 if normalisation else 1.0
    model = unet.build(shape=task.shape, normalisation=normalisation, dropout=dropout)
    plan = Plan(EPOCHS, task.batch, 1e-3, "constant", 0, 0.0, 0.97, 1.0, True, False, 1)
    with tempfile.TemporaryDirectory() as folder:
        cases: tuple[Cases, Cases] | tuple[Patches, Patches]
        if len(task.shape) == 3:
            volumes = stored(Path(folder), *arrays(task, margin=16))
            whole = stored(Path(folder), *(each[:1] for each in arrays(task)))
            cases = (
                Patches(*volumes, task.shape, (1.0, 1.0, 1.0)),
                Patches(*whole, task.shape, (1.0, 1.0, 1.0)),
            )
        else:
            images, masks = arrays(task)
            rows = np.arange(len(images))
            cases = Cases(images, masks, rows), Cases(images, masks, rows[: task.batch])
        training = Training(model, CaseLoss("bce"), plan, *cases, machine=machine)
        outcome = training.run(report=lambda text: None)
    return task.batch * task.steps / min(row["seconds"] for row in outcome.history[1:])


def stored(folder: Path, images: np.ndarray, masks: np.ndarray) -> tuple[list, list, list]:
    """Files of volumes as `pack` writes them, and their index."""
    from tumorseg.core.case_index import indexed

    files: tuple[list, list, list] = ([], [], [])
    for number, pair in enumerate(zip(images, masks, strict=True)):
        for array, kind, paths in zip(pair, ("image", "mask"), files[:2], strict=True):
            paths.append(folder / f"{len(images)}-{number}-{kind}.npy")
            np.save(paths[-1], array)
        files[2].append(indexed(*pair))
    return files


def rate(task: Task, step: Callable[[slice], object]) -> float:
    """Images/s of the fastest epoch but the first."""
    seconds = []
    for _ in range(EPOCHS):
        started = time.perf_counter()
        for number in range(task.steps):
            step(slice(number * task.batch, (number + 1) * task.batch))
        seconds.append(time.perf_counter() - started)
    return task.batch * task.steps / min(seconds[1:])


def keras_loop(task: Task, threads: int, normalisation: bool, precision: str) -> float:
    """A bare loop: train_on_batch on NumPy arrays, Keras' own binary cross-entropy."""
    sys.path.insert(0, str(SCRIPTS))
    from tumorseg.core import device

    device.start(wanted="cpu", threads=threads, seed=1, precision=precision)
    import keras

    from tumorseg.networks import unet

    images, masks = arrays(task)
    masks = masks.astype("float32")
    dropout = 0.0 if normalisation else 1.0
    model = unet.build(shape=task.shape, normalisation=normalisation, dropout=dropout)
    model.compile(keras.optimizers.Adam(), "binary_crossentropy", jit_compile=False)
    return rate(task, lambda part: model.train_on_batch(images[part], masks[part]))


def torch_loop(task: Task, threads: int, normalisation: bool, precision: str) -> float:
    """The same network in plain PyTorch, channels_last."""
    import torch

    torch.manual_seed(1)
    network = torch_net(len(task.shape), normalisation=normalisation, dropout=not normalisation)
    return torch_rate(network, task, threads, precision)


def torch_net(
    dimensions: int,
    *,
    channels: int = 1,
    classes: int = 1,
    base_width: int = 16,
    normalisation: bool = True,
    dropout: bool = False,
):
    """The study's U-Net in plain PyTorch: (batch, channels, spatial...) to logits of the classes.

    Five levels, each of twice as many feature maps as the one above.
    """
    import torch
    from torch import nn

    rates = (0.1, 0.1, 0.2, 0.2, 0.3, 0.2, 0.2, 0.1, 0.1)
    conv, transposed, norm, pool = {
        2: (nn.Conv2d, nn.ConvTranspose2d, nn.BatchNorm2d, nn.functional.max_pool2d),
        3: (nn.Conv3d, nn.ConvTranspose3d, nn.BatchNorm3d, nn.functional.max_pool3d),
    }[dimensions]

    def block(inputs: int, width: int, rate: float) -> nn.Sequential:
        parts = []
        for index, entering in enumerate((inputs, width)):
            parts.append(conv(entering, width, 3, padding=1, bias=not normalisation))
            parts += [norm(width)] if normalisation else []
            parts.append(nn.ReLU())
            if not index and dropout:
                parts.append(nn.Dropout(rate))
        return nn.Sequential(*parts)

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            widths = [base_width * 2**level for level in range(5)]
            pairs = zip([channels, *widths[:-1]], widths, strict=True)
            self.down = nn.ModuleList(block(a, b, rates[i]) for i, (a, b) in enumerate(pairs))
            self.up = nn.ModuleList(transposed(widths[i + 1], widths[i], 2, 2) for i in range(4))
            self.decode = nn.ModuleList(
                block(2 * widths[i], widths[i], rates[8 - i]) for i in range(4)
            )
            self.last = conv(base_width, classes, 1)

        def forward(self, x):
            skips = []
            for level, part in enumerate(self.down):
                x = part(x)
                if level < 4:
                    skips.append(x)
                    x = pool(x, 2)
            for level in reversed(range(4)):
                x = torch.cat([self.up[level](x), skips[level]], 1)
                x = self.decode[level](x)
            return self.last(x)

    return Net()


def monai_loop(task: Task, threads: int, normalisation: bool, precision: str) -> float:
    """MONAI's BasicUNet, channels_last."""
    import torch
    from monai.networks.nets import BasicUNet

    torch.manual_seed(1)
    network = BasicUNet(
        spatial_dims=len(task.shape),
        in_channels=1,
        out_channels=1,
        features=(16, 32, 64, 128, 256, 16),
        act="relu",
        norm="batch" if normalisation else None,
        dropout=0.0 if normalisation else 0.1,
    )
    return torch_rate(network, task, threads, precision)


def torch_rate(network, task: Task, threads: int, precision: str) -> float:
    """The rate of a PyTorch network that is trained with Adam on its logits."""
    import torch

    torch.set_num_threads(threads)
    kind = torch.channels_last if len(task.shape) == 2 else torch.channels_last_3d
    images, masks = (torch.from_numpy(np.moveaxis(each, -1, 1)) for each in arrays(task))
    images, masks = (each.float().to(memory_format=kind) for each in (images, masks))
    model = network.to(memory_format=kind)
    optimizer = torch.optim.Adam(model.parameters())

    def step(part: slice) -> None:
        optimizer.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bfloat16"):
            output = model(images[part]).float()
        torch.nn.functional.binary_cross_entropy_with_logits(output, masks[part]).backward()
        optimizer.step()

    model.train()
    return rate(task, step)


KINDS = {"workflow": workflow, "bare Keras loop": keras_loop}
OF_TORCH = {"PyTorch": torch_loop, "MONAI's U-Net": monai_loop}


def show(title: str, rates: dict[str, list[float]]) -> None:
    """Prints the medians, and the medians of the ratios within a round."""
    print(f"\n{title}")
    print(f"{'':18} {'images/s':>9} {'to Keras loop':>14} {'to PyTorch':>11}")
    for kind, own_rates in rates.items():
        line = f"{kind:18} {statistics.median(own_rates):9.1f}"
        for other in ("bare Keras loop", "PyTorch"):
            pairs = zip(own_rates, rates.get(other, []), strict=False)
            ratios = [own / others for own, others in pairs]
            line += f" {statistics.median(ratios):13.2f}" if ratios else f" {'-':>13}"
        print(line, flush=True)


def main() -> None:
    sys.path.insert(0, str(SCRIPTS))
    from tumorseg.core.device import SHORT_PAYS, cpu_precision

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--torch-python", default="")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--dimensions", nargs="+", type=int, default=[2, 3], choices=TASKS)
    parser.add_argument("--precisions", nargs="+", default=["float32", "bfloat16"])
    parser.add_argument("--one", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        kind, dimensions, *setting = json.loads(options.one)
        print(json.dumps((KINDS | OF_TORCH)[kind](TASKS[dimensions], *setting)))
        return
    kinds = [*KINDS, *(OF_TORCH if options.torch_python else ())]
    print(f"{processor()}; auto precision here: {cpu_precision(SHORT_PAYS)}")
    both = [(1, options.threads), (options.threads, 1)]
    ways = {2: [(*way, norm) for way in both for norm in (False, True)], 3: [(*both[0], True)]}
    for precision in options.precisions:
        for dimensions in options.dimensions:
            for processes, threads, normalisation in ways[dimensions]:
                setting = [dimensions, threads, normalisation, precision]
                rates = measured(kinds, processes, setting, options)
                kind = "batch" if normalisation else "no"
                title = f"{dimensions}-D, {precision}, {processes} x {threads} thread(s), "
                show(f"{title}{kind} normalisation", rates)


def measured(
    kinds: list[str], processes: int, setting: list, options: argparse.Namespace
) -> dict[str, list[float]]:
    """Images/s of each kind in each round, all processes together."""
    rates: dict[str, list[float]] = {kind: [] for kind in kinds}
    for _ in range(options.rounds):
        for kind in kinds:
            python = options.torch_python if kind in OF_TORCH else sys.executable
            command = [python, __file__, "--one", json.dumps([kind, *setting])]
            running = [
                subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
                for _ in range(processes)
            ]
            outputs = [process.communicate()[0] for process in running]
            rates[kind].append(sum(json.loads(text.splitlines()[-1]) for text in outputs))
    return rates


def processor() -> str:
    """The processor's name, and those of its instructions that matter here."""
    text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    name = next(line.split(":")[1].strip() for line in text.splitlines() if "model name" in line)
    known = ("avx2", "avx512f", "avx512_bf16", "amx_bf16")
    return f"{name} ({', '.join(flag for flag in known if flag in text.split())})"


if __name__ == "__main__":
    main()
