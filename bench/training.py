"""Measures images/s of the workflow's training, a bare Keras loop and plain PyTorch.

    make bench

All three train the study's U-Net (base 16, 128x128, batch 8, same threads and precision) on the
same random arrays, in turn for several rounds, without start-up: in one process with all threads,
and in as many processes of one thread at once, which is how the workflow uses a machine.
PyTorch is in .venv-torch (`make torch`); without it that row is left out.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

BATCH, SIZE, STEPS = 8, 128, 12
SCRIPTS = Path(__file__).resolve().parent.parent / "scripts"


def arrays():
    import numpy as np

    random = np.random.default_rng(0)
    images = random.random((BATCH * STEPS, SIZE, SIZE, 1), np.float32)
    masks = (random.random((BATCH * STEPS, SIZE, SIZE, 1)) > 0.95).astype(np.uint8)
    return images, masks


def workflow(threads: int, normalisation: bool, precision: str) -> float:
    """The workflow's own training: augmentation, steps, weight average, validation of one batch."""
    sys.path.insert(0, str(SCRIPTS))
    from tumorseg.core import device

    machine = device.start(wanted="cpu", threads=threads, seed=1, precision=precision)
    import numpy as np

    from tumorseg.loss_kit.keras_loss import CaseLoss
    from tumorseg.networks import unet
    from tumorseg.training.cases import Cases
    from tumorseg.training.loop import Training
    from tumorseg.training.plan import Plan

    images, masks = arrays()
    model = unet.build(normalisation=normalisation, dropout=0.0 if normalisation else 1.0)
    plan = Plan(3, BATCH, 1e-3, "constant", 0, 0.0, 0.97, 1.0, True, False, 1)
    cases = Cases(images, masks, np.arange(len(images)))
    validation = Cases(images, masks, np.arange(BATCH))
    loss = CaseLoss("bce")
    training = Training(model, loss, plan, cases, validation, machine=machine)
    outcome = training.run(report=lambda text: None)
    return len(images) / min(row["seconds"] for row in outcome.history[1:])


def keras_loop(threads: int, normalisation: bool, precision: str) -> float:
    """A bare loop: train_on_batch on NumPy arrays, Keras' own binary cross-entropy."""
    sys.path.insert(0, str(SCRIPTS))
    from tumorseg.core import device

    device.start(wanted="cpu", threads=threads, seed=1, precision=precision)
    import keras

    from tumorseg.networks import unet

    images, masks = arrays()
    masks = masks.astype("float32")
    model = unet.build(normalisation=normalisation, dropout=0.0 if normalisation else 1.0)
    model.compile(keras.optimizers.Adam(), "binary_crossentropy", jit_compile=False)
    seconds = []
    for _ in range(3):
        started = time.perf_counter()
        for i in range(0, len(images), BATCH):
            model.train_on_batch(images[i : i + BATCH], masks[i : i + BATCH])
        seconds.append(time.perf_counter() - started)
    return len(images) / min(seconds[1:])


def torch_loop(threads: int, normalisation: bool, precision: str) -> float:
    """The same network in plain PyTorch, channels_last."""
    import torch
    from torch import nn

    torch.set_num_threads(threads)
    torch.manual_seed(1)
    rates = (0.1, 0.1, 0.2, 0.2, 0.3, 0.2, 0.2, 0.1, 0.1)

    def block(inputs: int, width: int, rate: float) -> nn.Sequential:
        parts = []
        for index, entering in enumerate((inputs, width)):
            parts.append(nn.Conv2d(entering, width, 3, padding=1, bias=not normalisation))
            parts += [nn.BatchNorm2d(width)] if normalisation else []
            parts.append(nn.ReLU())
            if not index and not normalisation:
                parts.append(nn.Dropout(rate))
        return nn.Sequential(*parts)

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            widths = [16, 32, 64, 128, 256]
            pairs = zip([1, *widths[:-1]], widths, strict=True)
            self.down = nn.ModuleList(block(a, b, rates[i]) for i, (a, b) in enumerate(pairs))
            self.up = nn.ModuleList(
                nn.ConvTranspose2d(widths[i + 1], widths[i], 2, 2) for i in range(4)
            )
            self.decode = nn.ModuleList(
                block(2 * widths[i], widths[i], rates[8 - i]) for i in range(4)
            )
            self.last = nn.Conv2d(16, 1, 1)

        def forward(self, x):
            skips = []
            for level, part in enumerate(self.down):
                x = part(x)
                if level < 4:
                    skips.append(x)
                    x = nn.functional.max_pool2d(x, 2)
            for level in reversed(range(4)):
                x = torch.cat([self.up[level](x), skips[level]], 1)
                x = self.decode[level](x)
            return self.last(x)

    images, masks = arrays()
    layout = {"memory_format": torch.channels_last}
    images = torch.from_numpy(images).permute(0, 3, 1, 2).contiguous(**layout)
    masks = torch.from_numpy(masks).float().permute(0, 3, 1, 2).contiguous(**layout)
    model = Net().to(**layout)
    optimizer = torch.optim.Adam(model.parameters())
    seconds = []
    for _ in range(3):
        started = time.perf_counter()
        for i in range(0, len(images), BATCH):
            optimizer.zero_grad()
            with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bfloat16"):
                output = model(images[i : i + BATCH]).float()
            nn.functional.binary_cross_entropy_with_logits(output, masks[i : i + BATCH]).backward()
            optimizer.step()
        seconds.append(time.perf_counter() - started)
    return len(images) / min(seconds[1:])


KINDS = {"workflow": workflow, "bare Keras loop": keras_loop, "PyTorch": torch_loop}


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
    parser.add_argument("--precisions", nargs="+", default=["float32", "bfloat16"])
    parser.add_argument("--one", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        kind, threads, normalisation, precision = json.loads(options.one)
        print(json.dumps(KINDS[kind](threads, normalisation, precision)))
        return
    kinds = [kind for kind in KINDS if kind != "PyTorch" or options.torch_python]
    print(f"{processor()}; auto precision here: {cpu_precision(SHORT_PAYS)}")
    for precision in options.precisions:
        for processes, threads in ((1, options.threads), (options.threads, 1)):
            for normalisation in (False, True):
                setting = [threads, normalisation, precision]
                rates = measured(kinds, processes, setting, options)
                kind = "batch" if normalisation else "no"
                title = f"{precision}, {processes} x {threads} thread(s), {kind} normalisation"
                show(title, rates)


def measured(
    kinds: list[str], processes: int, setting: list, options: argparse.Namespace
) -> dict[str, list[float]]:
    """Images/s of each kind in each round, all processes together."""
    rates: dict[str, list[float]] = {kind: [] for kind in kinds}
    for _ in range(options.rounds):
        for kind in kinds:
            python = options.torch_python if kind == "PyTorch" else sys.executable
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
