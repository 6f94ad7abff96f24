"""Each network's parameters, arithmetic, time of a training step and peak memory.

    PYTHONPATH=scripts .venv/bin/python bench/networks.py [--networks unet r2unet]
        [--shape 128 128] [--channels 1] [--batch 4] [--base-width 16] [--precision float32]
        [--steps 3]

For the patches of the papers: --shape 96 96 96 --batch 2 (BraTS 2020), --shape 80 160 160 --batch 2
(KiTS 2019), --shape 24 160 128 --channels 3 --batch 1 (PI-CAI). Every network runs in a process of
its own, on one thread; the first of its steps, which compiles, is not counted.
"""

import argparse
import json
import resource
import subprocess
import sys
import time


def measure(
    name: str, shape: list[int], channels: int, batch: int, width: int, kind: str, steps: int
) -> dict:
    """One network, in this process."""
    from tumorseg.core import device

    started = device.start(wanted="cpu", threads=1, seed=1, precision=kind, width=width)
    import keras
    import numpy as np

    from tumorseg.core.registry import entry
    from tumorseg.loss_kit.keras_loss import CaseLoss
    from tumorseg.network_kit.counting import multiply_adds

    options = {"shape": tuple(shape), "channels": channels, "base_width": width}
    model = entry("networks", name).build(**options, dropout=0.0, normalisation=True)
    model.compile(keras.optimizers.Adam(1e-3), CaseLoss("dice_ce"))
    x = np.random.default_rng(0).normal(size=(batch, *shape, channels)).astype(np.float32)
    y = (x[..., :1] > 1).astype(np.float32)
    model.train_on_batch(x, y)
    begun = time.perf_counter()
    for _ in range(steps):
        model.train_on_batch(x, y)
    return {
        "network": name,
        "parameters": model.count_params(),
        "gmac": multiply_adds(model) / 1e9,
        "step_s": (time.perf_counter() - begun) / steps,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "precision": started.precision,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--networks", nargs="+")
    parser.add_argument("--shape", nargs="+", type=int, default=[128, 128])
    parser.add_argument("--channels", type=int, default=1)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--base-width", type=int, default=16)
    parser.add_argument("--precision", default="float32")
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--one", help=argparse.SUPPRESS)
    options = parser.parse_args()
    of = [options.shape, options.channels, options.batch, options.base_width, options.precision]
    of.append(options.steps)
    if options.one:
        print(json.dumps(measure(options.one, *of)))
        return
    from tumorseg.core.registry import names

    print(f"shape {options.shape}, batch {options.batch}, base width {options.base_width}")
    print(f"{'network':16}{'parameters':>13}{'GMAC/image':>12}{'s/step':>9}{'peak MB':>9}")
    for name in options.networks or names("networks"):
        command = [sys.executable, *sys.argv, "--one", name]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            print(f"{name:16}failed: {done.stderr.strip().splitlines()[-1][:80]}", flush=True)
            continue
        row = json.loads(done.stdout.splitlines()[-1])
        print(
            f"{name:16}{row['parameters']:13,}{row['gmac']:12.2f}{row['step_s']:9.2f}"
            f"{row['peak_mb']:9.0f}  {row['precision']}",
            flush=True,
        )


if __name__ == "__main__":
    main()
