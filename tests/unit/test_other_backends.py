"""Promises of training on JAX and PyTorch, where TensorFlow is not installed.

The losses on every backend are in test_loss_backends.py.
"""

import importlib
import os
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

import pytest
from test_loss_backends import PYTHONS, ROOT, TORCH

from tumorseg.core import backends
from tumorseg.core.errors import UserError
from tumorseg.training import identity

# .venv's packages, and of .venv-torch those that it lacks.
WITH_TORCH = f"""
import runpy, sys
from pathlib import Path
sys.path += map(str, Path({str(TORCH.parents[1])!r}).glob("lib/python*/site-packages"))
sys.argv = sys.argv[1:]
sys.path.insert(0, str(Path(sys.argv[0]).parent))
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def run(folder: Path, backend: str, *command: str) -> str:
    """What a command prints on a backend, where no other backend and no Snakemake is installed."""
    for name in {"tensorflow", "jax", "torch", "snakemake"} - {backend}:
        Path(folder, f"{name}.py").write_text(f"raise ImportError('no {name}')", encoding="utf-8")
    python = [PYTHONS[backend]]
    if backend == "torch" and command[0] != "-c":  # with the packages that a training needs besides
        python = [sys.executable, "-c", WITH_TORCH]
    environment = os.environ | {
        "KERAS_BACKEND": backend,
        "CUDA_VISIBLE_DEVICES": "",
        "JAX_DISABLE_MOST_OPTIMIZATIONS": "1",  # compiles faster
        "PYTHONPATH": os.pathsep.join([str(folder), str(ROOT / "scripts")]),
    }
    done = subprocess.run(
        [*python, *command], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return done.stdout


@pytest.mark.parametrize("backend", PYTHONS)
def test_auto_is_the_cpu_where_there_is_nothing_better(tmp_path, backend):
    if not PYTHONS[backend].is_file():
        pytest.skip(f"{backend} NOT tried, which is not installed: `make torch` installs it")
    code = (
        "from tumorseg.core.device import other_device\n"
        f"print(other_device('auto', {backend!r}).kind)\n"
        f"try: other_device('gpu', {backend!r})\n"
        "except Exception as error: print(error)\n"
    )
    printed = run(tmp_path, backend, "-c", code).splitlines()
    assert printed == ["cpu", "training.device is gpu, but there is none; set it to auto"]


@pytest.mark.parametrize("backend", PYTHONS)
def test_a_training_resumes_and_ends_bit_identical_and_jax_divides_its_batches(tmp_path, backend):
    if not PYTHONS[backend].is_file():
        pytest.skip(f"{backend} NOT tried, which is not installed: `make torch` installs it")
    script = f"{ROOT}/tests/unit/small_training.py"
    assert run(tmp_path, backend, script, str(tmp_path)) == f"{backend} 3 epochs\n"


def test_a_backend_that_is_not_installed_is_one_line_that_says_how_to_install_it(monkeypatch):
    monkeypatch.setattr(backends, "find_spec", lambda name: name == "jax")
    line = (
        "training.backend is torch, but torch is not installed here; install it with `python -m "
        "pip install torch`, in the environment of the trainings, or set it to jax "
        "(docs/machines.md, Backends)"
    )
    for refuse in (backends.use_backend, backends.check_installed):
        with pytest.raises(UserError) as error:
            refuse("torch")
        assert str(error.value) == line
    backends.check_installed("jax")
    monkeypatch.setattr(backends, "find_spec", lambda name: None)  # no environment of trainings
    backends.check_installed("torch")
    with pytest.raises(RuntimeError, match="Keras runs on tensorflow in this process"):
        monkeypatch.setattr(backends, "find_spec", lambda name: True)
        backends.use_backend("jax")


def test_one_backend_does_not_import_another(monkeypatch):
    """Keras does where it is installed, for seconds, whenever it is given a seed."""
    monkeypatch.delitem(sys.modules, "jax", raising=False)
    with backends.alone("tensorflow"):
        assert "tensorflow" in sys.modules
        with pytest.raises(ImportError):
            importlib.import_module("jax")
        assert find_spec("jax") is None  # PyTorch asks so
    assert "jax" not in sys.modules


def test_without_a_choice_the_backend_is_that_of_the_variable_or_the_first_that_is_installed(
    monkeypatch,
):
    assert backends.use_backend() == "tensorflow"  # Keras runs on it in this process
    monkeypatch.delitem(sys.modules, "keras")
    for found, variable, expected in (
        (("tensorflow", "jax"), "jax", "jax"),
        (("tensorflow", "jax"), "", "tensorflow"),
        (("torch",), "", "torch"),
    ):
        monkeypatch.setattr(backends, "find_spec", lambda name, found=found: name in found)
        monkeypatch.setenv("KERAS_BACKEND", variable)
        assert (backends.use_backend(), os.environ["KERAS_BACKEND"]) == (expected, expected)


def test_a_record_names_the_backend_that_is_installed(monkeypatch):
    def of_a_gpu(name: str) -> str:
        if name == "tensorflow-cpu":
            raise PackageNotFoundError(name)
        return "9" if name == "tensorflow" else version(name)

    assert list(identity.versions())[2:4] == ["keras", "tensorflow-cpu"]
    monkeypatch.setattr(identity, "version", of_a_gpu)
    assert identity.versions()["tensorflow"] == "9"
    monkeypatch.setattr("keras.backend.backend", lambda: "jax")
    assert identity.versions()["jax"] == version("jax")
    assert not {"tensorflow", "tensorflow-cpu"} & set(identity.versions())
    assert identity.versions()["python"] == sys.version.split()[0]
