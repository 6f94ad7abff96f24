"""Promise: every loss has the same value and gradient on TensorFlow, JAX and PyTorch, in each form.

PyTorch has its own virtual environment (`make torch`); without it its tests are skipped.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import loss_values
import numpy as np
import pytest

from tumorseg.core import registry

ROOT = Path(__file__).resolve().parents[2]
TORCH = ROOT / ".venv-torch" / "bin" / "python"
PYTHONS = {"jax": Path(sys.executable), "torch": TORCH}
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


def printed_on(backend: str, script: str, *arguments: str, **variables: str) -> dict:
    """What a script of this folder prints as JSON on a backend, which it names as `keras`."""
    command = [PYTHONS[backend], ROOT / "tests" / "unit" / script, *arguments]
    environment = os.environ | {"KERAS_BACKEND": backend, "CUDA_VISIBLE_DEVICES": ""} | variables
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr[-2000:]
    results = json.loads(done.stdout.splitlines()[-1])
    assert results["keras"] == backend
    return results


@pytest.fixture(scope="module", params=PYTHONS)
def other(request):
    """The results of another backend."""
    if request.param == "torch" and not TORCH.is_file():
        pytest.skip(
            "losses NOT compared on PyTorch, which is not installed: `make torch` installs it"
        )
    return printed_on(request.param, "loss_values.py")


@pytest.fixture(scope="module")
def here():
    return loss_values.values()


@pytest.mark.parametrize("name", loss_values.NAMES)
def test_value_and_gradient_are_the_same_on_every_backend(here, other, name):
    for part in ("value", "gradient"):
        expected, values = np.array(here[name][part]), np.array(other["values"][name][part])
        tolerance = 1e-5 * max(1, np.abs(expected).max())
        np.testing.assert_allclose(values, expected, rtol=1e-5, atol=tolerance)


@pytest.mark.parametrize("name", registry.names("losses"))
def test_the_battery_passes_on_every_backend(other, name):
    results = other["battery"][name].items()
    wrong = {check: result for check, result in results if result != "passed"}
    assert not wrong


@pytest.fixture(scope="module")
def monai():
    """Name -> our values and MONAI's."""
    if not TORCH.is_file():
        pytest.skip(
            "losses NOT compared with MONAI, which is not installed: `make torch` installs it"
        )
    command = [TORCH, ROOT / "tests" / "unit" / "monai_values.py"]
    environment = os.environ | {"KERAS_BACKEND": "torch", "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize(
    "name",
    [
        *("dice", "iou", "tversky", "focal"),
        *("dice, overlapping", "iou, overlapping", "tversky, overlapping", "focal, overlapping"),
        *("dice, exclusive", "dice, exclusive without background", "iou, exclusive"),
        *("tversky, exclusive", "focal, exclusive"),
        *("bce, exclusive (PyTorch)", "wbce, exclusive (PyTorch)"),
        *("boundary, overlapping", "boundary, exclusive without background"),
        *("unified_focal, exclusive, focal part", "unified_focal, exclusive, Tversky part"),
    ],
)
def test_monai_agrees_where_it_computes_the_same(monai, name):
    ours, theirs = monai[name]
    np.testing.assert_allclose(ours, theirs, rtol=1e-5)


def test_monai_differs_in_these_ways(monai):
    ours, theirs = monai["dice, empty mask (MONAI's defaults)"]
    assert max(theirs) < min(ours)  # its smoothing is 1e-5: an empty mask costs a little less
    ours, theirs = monai["dice (MONAI's batch=True)"]
    assert len(theirs) == 1 < len(ours)  # one Dice of the whole batch
    ours, theirs = monai["boundary, exclusive (MONAI's background)"]
    assert (
        np.abs(np.array(theirs) - ours) > 1e-3
    ).all()  # its background has no border at the edge
    ours, theirs = monai["focal (MONAI's default alpha)"]
    assert np.min(np.array(theirs) / ours) > 1.3  # no alpha unless it is given
