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
from tumorseg.loss_kit.configured import FORMS
from tumorseg.loss_kit.keras_loss import CaseLoss

NAMES = [f"{name}, {form}" for name in registry.names("losses") for form in FORMS]


def of_form(form: str) -> tuple[np.ndarray, np.ndarray]:
    """Masks and float32 probabilities, among them 0 and 1; of two classes unless binary."""
    random = np.random.default_rng(1)
    masks = (random.random((3, 9, 8, 1)) < 0.3).astype(np.float32)
    p = random.uniform(0.001, 0.999, masks.shape).astype(np.float32)
    p[0, 0, :4, 0] = [0, 1, 0, 1]
    masks[0, 0, :4, 0] = [0, 1, 1, 0]
    if form == "binary":
        return masks, p
    other = (random.random(masks.shape) < 0.3).astype(np.float32)
    q = random.uniform(0.001, 0.999, masks.shape).astype(np.float32)
    if form == "overlapping":
        return np.concatenate([masks, other], -1), np.concatenate([p, q], -1)
    both = np.concatenate([masks, other * (1 - masks)], -1)
    return both, np.concatenate([1 - p, p * q, p * (1 - q)], -1)


def values() -> dict[str, dict[str, list]]:
    """Loss and form -> values and gradients."""
    results = {}
    for title in NAMES:
        name, form = title.split(", ")
        loss = CaseLoss(name, form=form)
        masks, p = of_form(form)
        truth = loss.targets(masks)
        value, gradient = value_and_gradient(lambda x, y=truth, f=loss: f.call(y, x), p)
        results[title] = {"value": value.tolist(), "gradient": gradient.ravel().tolist()}
    return results


if __name__ == "__main__":
    battery = {name: check_loss(name, forms=["binary"]) for name in registry.names("losses")}
    print(json.dumps({"keras": keras.backend.backend(), "battery": battery, "values": values()}))
