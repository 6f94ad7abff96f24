"""Measures every loss in ms, forward and backward, and compares it with MONAI's.

    make bench-losses

Batch 8, 128x128, float32, all on the same arrays and threads in one run; medians over rounds, each
kind in its own process. `of a step`: the loss's time minus bce's, as a share of a training step of
the study's U-Net. MONAI needs .venv-torch (`make torch`); without it its columns are empty.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

BATCH, SIZE, CALLS = 8, 128, 20
SCRIPTS = Path(__file__).resolve().parent.parent / "scripts"


def arrays():
    import numpy as np

    random = np.random.default_rng(0)
    masks = np.zeros((BATCH, SIZE, SIZE, 1), np.float32)
    masks[:, 40:70, 50:75] = 1
    logits = random.normal(0, 2, masks.shape).astype(np.float32)
    return masks, logits


def milliseconds(call) -> float:
    """Median of CALLS calls after three uncounted ones."""
    seconds = []
    for index in range(CALLS + 3):
        started = time.perf_counter()
        call()
        if index >= 3:
            seconds.append(time.perf_counter() - started)
    return 1e3 * statistics.median(seconds)


def ours(threads: int) -> dict[str, float]:
    """The time of each loss in a compiled TensorFlow function, and of one training step."""
    sys.path.insert(0, str(SCRIPTS))
    from tumorseg.core import device

    device.start(wanted="cpu", threads=threads, seed=1)
    import keras
    import tensorflow as tf

    from tumorseg.core import registry
    from tumorseg.loss_kit.keras_loss import CaseLoss
    from tumorseg.networks import unet

    masks, logits = arrays()
    p = tf.sigmoid(logits)
    times = {}
    for name in registry.names("losses"):
        loss = CaseLoss(name)
        truth = tf.constant(loss.targets(masks))

        @tf.function
        def both(y, x, loss=loss):
            with tf.GradientTape() as tape:
                tape.watch(x)
                value = tf.reduce_mean(loss.call(y, x))
            return value, tape.gradient(value, x)

        times[name] = milliseconds(lambda f=both, y=truth: f(y, p)[1].numpy())
    model = unet.build(normalisation=True, dropout=0.0)
    model.compile(keras.optimizers.Adam(), CaseLoss("bce"), jit_compile=False)
    images = logits.copy()
    times["training step"] = milliseconds(lambda: model.train_on_batch(images, masks))
    return times


def monai(threads: int) -> dict[str, float]:
    """The times of MONAI's counterparts, by our names, without the sigmoid before them."""
    import torch
    from monai import losses

    torch.set_num_threads(threads)
    masks, logits = (torch.tensor(part).permute(0, 3, 1, 2) for part in arrays())
    pairs = {
        "dice": losses.DiceLoss(),
        "iou": losses.DiceLoss(jaccard=True),
        "tversky": losses.TverskyLoss(alpha=0.3, beta=0.7),
        "focal": losses.FocalLoss(alpha=0.25),  # takes logits
        "bce": torch.nn.BCELoss(),
        "dice_ce": losses.DiceCELoss(sigmoid=True),  # takes logits
        "dice_focal": losses.DiceFocalLoss(sigmoid=True),  # takes logits
    }
    times = {}
    for name, loss in pairs.items():
        takes_logits = name in ("focal", "dice_ce", "dice_focal")
        x = (logits if takes_logits else torch.sigmoid(logits)).clone().requires_grad_()

        def both(loss=loss, x=x):
            x.grad = None
            loss(x, masks).backward()

        times[name] = milliseconds(both)
    return times


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--torch-python", default="")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--one", choices=["ours", "monai"], help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps({"ours": ours, "monai": monai}[options.one](options.threads)))
        return
    pythons = {"ours": sys.executable, "monai": options.torch_python}
    times: dict[str, dict[str, list[float]]] = {"ours": {}, "monai": {}}
    for _ in range(options.rounds):
        for kind, python in pythons.items():
            if not python:
                continue
            command = [python, __file__, "--one", kind, "--threads", str(options.threads)]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            for name, value in json.loads(done.stdout.splitlines()[-1]).items():
                times[kind].setdefault(name, []).append(value)
    step = statistics.median(times["ours"].pop("training step"))
    floor = statistics.median(times["ours"]["bce"])
    print(f"one training step {step:.0f} ms, {options.threads} thread(s)")
    print(f"{'loss':20} {'ms':>7} {'of a step':>10} {'MONAI ms':>9} {'ours/MONAI':>11}")
    for name, values in times["ours"].items():
        own = statistics.median(values)
        line = f"{name:20} {own:7.2f} {100 * (own - floor) / step:9.2f}%"
        if name in times["monai"]:
            pairs = zip(values, times["monai"][name], strict=True)
            ratio = statistics.median(ours / theirs for ours, theirs in pairs)
            line += f" {statistics.median(times['monai'][name]):9.2f} {ratio:11.2f}"
        print(line)


if __name__ == "__main__":
    main()
