"""Promises of training on JAX and PyTorch, where TensorFlow is not installed.

The losses on every backend are in test_loss_backends.py.
"""

import os
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest
from test_loss_backends import PYTHONS, ROOT

from tumorseg.training import identity


def run(folder: Path, backend: str, *command: str) -> str:
    """What a command prints on a backend, where no other backend and no Snakemake is installed."""
    for name in {"tensorflow", "jax", "torch", "snakemake"} - {backend}:
        Path(folder, f"{name}.py").write_text(f"raise ImportError('no {name}')", encoding="utf-8")
    environment = os.environ | {
        "KERAS_BACKEND": backend,
        "CUDA_VISIBLE_DEVICES": "",
        "JAX_DISABLE_MOST_OPTIMIZATIONS": "1",  # compiles faster
        "PYTHONPATH": os.pathsep.join([str(folder), str(ROOT / "scripts")]),
    }
    done = subprocess.run(
        [PYTHONS[backend], *command], cwd=ROOT, env=environment, capture_output=True, text=True
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


def test_a_training_on_jax_resumes_and_ends_bit_identical(tmp_path):
    script = f"{ROOT}/tests/unit/small_training.py"
    assert run(tmp_path, "jax", script, str(tmp_path)) == "jax 3 epochs\n"


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
