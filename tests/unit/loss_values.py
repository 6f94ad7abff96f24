"""Prints the value, gradient and check results of every loss on one Keras backend as JSON.

    KERAS_BACKEND=jax python tests/unit/loss_values.py

test_loss_backends.py runs it once per backend, because Keras chooses its backend at its start.
"""

import json
import os
import sys
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))

import keras
import numpy as np

from tumorseg.core import registry
from tumorseg.core.backend import value_and_gradient
from tumorseg.loss_kit.check import check_loss
from tumorseg.loss_kit.keras_loss import CaseLoss


def values() -> dict[str, dict[str, list]]:
    """Loss -> values and gradients at fixed float32 probabilities, among them 0 and 1."""
    random = np.random.default_rng(1)
    masks = (random.random((3, 9, 8, 1)) < 0.3).astype(np.float32)
    p = random.uniform(0.001, 0.999, masks.shape).astype(np.float32)
    p[0, 0, :4, 0] = [0, 1, 0, 1]
    masks[0, 0, :4, 0] = [0, 1, 1, 0]
    results = {}
    for name in registry.names("losses"):
        loss = CaseLoss(name)
        truth = loss.targets(masks)
        value, gradient = value_and_gradient(lambda x, y=truth, f=loss: f.call(y, x), p)
        results[name] = {"value": value.tolist(), "gradient": gradient.ravel().tolist()}
    return results


if __name__ == "__main__":
    battery = {name: check_loss(name) for name in registry.names("losses")}
    print(json.dumps({"keras": keras.backend.backend(), "battery": battery, "values": values()}))
