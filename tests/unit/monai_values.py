"""Prints our losses and MONAI's on the same cases as JSON: name -> [ours, MONAI's] per case.

    KERAS_BACKEND=torch .venv-torch/bin/python tests/unit/monai_values.py

test_loss_backends.py runs it in the environment that has PyTorch and MONAI.
"""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))

import numpy as np
import torch
from monai import losses

from tumorseg.loss_kit.keras_loss import CaseLoss

random = np.random.default_rng(7)
truth = (random.random((3, 16, 12)) < 0.2).astype(np.float32)
logits = random.normal(0, 1.5, truth.shape).astype(np.float32)
ours = truth[..., None], (1 / (1 + np.exp(-logits)))[..., None]
theirs = torch.tensor(logits)[:, None], torch.tensor(truth)[:, None]
# Ours smooths TP, which counts twice in MONAI's Dice.
dice = {"sigmoid": True, "smooth_nr": 2e-6, "smooth_dr": 2e-6, "reduction": "none"}
tversky = {"sigmoid": True, "smooth_nr": 1e-6, "smooth_dr": 1e-6, "reduction": "none"}
PAIRS = {
    "dice": ({}, losses.DiceLoss(**dice)),
    "iou": ({}, losses.DiceLoss(**dice | {"smooth_nr": 1e-6, "smooth_dr": 1e-6}, jaccard=True)),
    # MONAI's alpha weighs false positives, its beta false negatives.
    "tversky": ({}, losses.TverskyLoss(alpha=0.3, beta=0.7, **tversky)),
    "focal": ({}, losses.FocalLoss(alpha=0.25, gamma=2.0, reduction="none")),
    "dice (MONAI's defaults)": ({}, losses.DiceLoss(sigmoid=True, reduction="none")),
    "dice (MONAI's batch=True)": ({}, losses.DiceLoss(**dice, batch=True)),
    "focal (MONAI's default alpha)": ({}, losses.FocalLoss(gamma=2.0, reduction="none")),
}


def by_case(values: torch.Tensor) -> list[float]:
    return values.reshape(len(values), -1).mean(1).tolist()


results = {}
for title, (constants, loss) in PAIRS.items():
    own = CaseLoss(title.split(" ")[0], constants).call(*ours)
    results[title] = [by_case(torch.as_tensor(own)), by_case(loss(*theirs))]
empty = np.zeros_like(truth)[..., None], np.full_like(ours[1], 1e-3)
small = torch.full_like(theirs[0], float(np.log(1e-3 / (1 - 1e-3))))
blank = torch.zeros_like(theirs[1])
results["dice, empty mask (MONAI's defaults)"] = [
    by_case(torch.as_tensor(CaseLoss("dice").call(*empty))),
    by_case(losses.DiceLoss(sigmoid=True, reduction="none")(small, blank)),
]
print(json.dumps(results))
