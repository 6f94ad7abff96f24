"""Chooses the backend on which Keras runs, and divides batches among several devices of JAX."""

import os
import sys
from importlib import metadata
from importlib.util import find_spec
from typing import Any

import numpy as np

from tumorseg.core.errors import UserError

# The names of training.backend, which are those of the packages to import, and of those to install.
BACKENDS = {"tensorflow": "tensorflow-cpu", "jax": "jax", "torch": "torch"}


def installed() -> list[str]:
    """The backends that this Python could import; none is imported."""
    return [name for name in BACKENDS if find_spec(name)]


def use_backend(name: str = "") -> str:
    """Makes Keras run on a backend, and returns its name; call it before Keras is imported.

    name: one of BACKENDS. Empty for the one on which Keras runs already, else that of the variable
    KERAS_BACKEND, else the first that is installed.

    Raises:
        UserError: it is not installed.
        RuntimeError: Keras runs on another one already.
    """
    running = sys.modules["keras"].backend.backend() if "keras" in sys.modules else ""
    found = installed()
    name = name or running or os.environ.get("KERAS_BACKEND") or (found or list(BACKENDS))[0]
    if name not in found and name != running:
        raise UserError(not_installed(name, found))
    if running and name != running:
        raise RuntimeError(f"Keras runs on {running} in this process, so it cannot run on {name}")
    os.environ["KERAS_BACKEND"] = name
    return name


def not_installed(name: str, found: list[str]) -> str:
    """The line for a backend that is not installed. found: those that are."""
    others = f", or set it to {' or '.join(found)}" if found else ""
    return (
        f"training.backend is {name}, but {name} is not installed here; install it with "
        f"`python -m pip install {BACKENDS[name]}`, in the environment of the trainings{others} "
        "(docs/machines.md, Backends)"
    )


def check_installed(name: str) -> None:
    """Raises UserError where a backend is missing from an environment that has another one.

    With `--sdm conda` only the environment of the trainings has any: elsewhere nothing is known.
    """
    found = installed()
    if found and name not in found:
        raise UserError(not_installed(name, found))


def made_for_gpus(backend: str) -> bool:
    """Whether the build that is installed can use a GPU; none is touched to find out."""
    if backend == "tensorflow":
        return not any(metadata.distributions(name="tensorflow-cpu"))
    if backend == "jax":
        return any(find_spec(f"jax_cuda{version}_plugin") for version in (12, 13))
    import torch

    return torch.version.cuda is not None


def make_deterministic(backend: str) -> None:
    """Forbids JAX and PyTorch operations of a GPU whose result differs from run to run.

    Call it before the first operation; TensorFlow is told in device.py.
    """
    if backend == "jax":
        flag = "--xla_gpu_deterministic_ops=true"
        if flag not in (flags := os.environ.get("XLA_FLAGS", "")):
            os.environ["XLA_FLAGS"] = f"{flags} {flag}".strip()
    elif backend == "torch":
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        import torch

        # Only a warning: poolings of volumes have no such operation.
        torch.use_deterministic_algorithms(True, warn_only=True)


def seed_epoch(backend: str, seed: tuple[int, int]) -> None:
    """Makes the random numbers of an epoch a function of these numbers alone.

    On PyTorch, Keras draws dropout from a generator that no variable of the model holds.
    """
    if backend == "torch":
        import torch

        torch.manual_seed(int(np.random.SeedSequence(seed).generate_state(1)[0]))


def divide_batches(devices: list[str]) -> None:
    """From now on, JAX divides every batch among these devices; a single one gets it whole.

    The variables of a model built after it are on every device. Each computes its part of a batch,
    and all sums over the batch (loss, gradient, batch normalisation) are over the whole of it, so a
    training is the same, up to rounding, on any number of devices. A batch that has no equal parts,
    as the last of an epoch may be, is computed whole by every device.

    devices: Keras' names, such as "tpu:0".
    """
    import keras

    if len(devices) == 1:
        keras.distribution.set_distribution(None)
        return

    class Batches(keras.distribution.DataParallel):
        def get_data_layout(self, data_shape: tuple[int, ...]) -> Any:
            if data_shape[0] % len(devices) == 0:
                return super().get_data_layout(data_shape)
            return keras.distribution.TensorLayout([None] * len(data_shape), self.device_mesh)

    keras.distribution.set_distribution(Batches(devices=devices, auto_shard_dataset=False))


def divided(batch: Any) -> Any:
    """A batch for predict_on_batch, on the devices of `divide_batches`.

    Keras divides those of train_on_batch itself.
    """
    import keras

    distribution = keras.distribution.distribution()
    if distribution is None:
        return batch
    import jax

    return jax.device_put(batch, distribution.get_data_layout(batch.shape).backend_layout)
