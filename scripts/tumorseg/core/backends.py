"""Chooses the backend on which Keras runs; needs neither it nor Keras."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import metadata
from importlib.util import find_spec
from typing import Any

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


@contextmanager
def alone(backend: str) -> Iterator[None]:
    """Hides what Keras and its backend import where it is installed, to wrap what we do not use.

    A fourth of the start, which every training, prediction and trial waits for. PyTorch stays
    visible: SciPy looks into it.
    """
    names = ["sklearn", "matplotlib", "jax" if backend == "tensorflow" else "tensorflow"]
    modules: dict[str, Any] = sys.modules  # None in it stands for a package that is not installed
    hidden = [name for name in names if name not in modules]
    modules.update(dict.fromkeys(hidden))
    try:
        yield
    finally:
        for name in hidden:
            del modules[name]


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
