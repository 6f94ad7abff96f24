"""Prints our losses and MONAI's on the same cases as JSON: name -> [ours, MONAI's] per case.

In all forms: one class, two overlapping classes, two exclusive classes and the background.

    KERAS_BACKEND=torch .venv-torch/bin/python tests/unit/monai_values.py

test_loss_backends.py runs it in the environment that has PyTorch and MONAI.
"""

import json
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))

import numpy as np
import torch
from monai import losses

from tumorseg.loss_kit.keras_loss import CaseLoss, with_background

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


def of_classes(form: str, count: int = 2) -> tuple[tuple, tuple]:
    """The truth and prediction of our losses, the logits and truth of MONAI's."""
    labels = random.integers(0, count + 1, (3, 16, 12))
    labels[:, [0, -1]], labels[..., [0, -1]] = 0, 0  # no class at the image's edge
    masks = np.eye(count + 1, dtype=np.float32)[labels][..., 1:]
    if form == "overlapping":
        masks[..., 1:] = np.maximum(masks[..., 1:], masks[..., :1])
    logits = random.normal(0, 1.5, (3, 16, 12, count + (form == "exclusive"))).astype(np.float32)
    p = 1 / (1 + np.exp(-logits))
    if form == "exclusive":
        p = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    y = with_background(masks) if form == "exclusive" else masks
    first = [torch.tensor(np.moveaxis(part, -1, 1)) for part in (logits, y)]
    return (masks, p), tuple(first)


def add(title: str, form: str, constants: dict, loss: Callable, count: int = 2) -> None:
    """Adds a title, which begins with our loss's name; loss: MONAI's, of logits and truth."""
    (masks, p), inputs = of_classes(form, count)
    own = CaseLoss(title.split(",")[0], constants, form)
    values = own.call(own.targets(masks), p)
    results[title] = [by_case(torch.as_tensor(values)), by_case(loss(*inputs))]


def on_softmax(loss: Callable) -> Callable:
    """A loss of probabilities as one of logits."""
    return lambda x, y: loss(torch.softmax(x, 1), y)


for form in ("overlapping", "exclusive"):
    settings = {"sigmoid": form == "overlapping", "softmax": form == "exclusive"}
    add(f"dice, {form}", form, {}, losses.DiceLoss(**dice | settings))
    of_union = dice | settings | {"smooth_nr": 1e-6, "smooth_dr": 1e-6, "jaccard": True}
    add(f"iou, {form}", form, {}, losses.DiceLoss(**of_union))
    own_tversky = losses.TverskyLoss(alpha=0.3, beta=0.7, **tversky | settings)
    add(f"tversky, {form}", form, {}, own_tversky)
add("focal, overlapping", "overlapping", {}, PAIRS["focal"][1])
# MONAI's mean counts each class's pixels; ours sums over classes. Its alpha is 1 - .25 on class 0.
by_class = losses.FocalLoss(alpha=0.25, gamma=2.0, reduction="none", use_softmax=True)
alpha = {"alpha": [0.75, 0.25, 0.25]}
add("focal, exclusive", "exclusive", alpha, lambda x, y: 3 * by_class(x, y))
softmax = {"sigmoid": False, "softmax": True}
no_background = losses.DiceLoss(**dice | softmax, include_background=False)
without = {"background": False}
add("dice, exclusive without background", "exclusive", without, no_background)
for title, constants, weight in (
    ("bce, exclusive (PyTorch)", {}, None),
    ("wbce, exclusive (PyTorch)", {"weight": [1.0, 3.0, 0.5]}, torch.tensor([1.0, 3.0, 0.5])),
):
    entropy = partial(torch.nn.functional.cross_entropy, weight=weight, reduction="none")
    add(title, "exclusive", constants, entropy)
for title, form, constants, settings in (
    ("boundary, overlapping", "overlapping", {}, {"sigmoid": True}),
    (
        "boundary, exclusive without background",
        "exclusive",
        without,
        softmax | {"include_background": False},
    ),
    ("boundary, exclusive (MONAI's background)", "exclusive", {}, softmax),
):
    region = losses.DiceLoss(**dice | settings)
    border = losses.BoundaryLoss(**settings, reduction="none")

    def both(x: torch.Tensor, y: torch.Tensor, region=region, border=border) -> torch.Tensor:
        return region(x, y)[..., 0, 0] + border(x, y)

    add(title, form, {"weight": 1.0} | constants, both)
# Of two classes only. Theirs has no sum over the classes and 1e-7 for our 1e-6.
entropy_part = losses.unified_focal_loss.AsymmetricFocalLoss(delta=0.6, gamma=0.5, reduction="none")
index_part = losses.unified_focal_loss.AsymmetricFocalTverskyLoss(
    delta=0.6, gamma=0.5, reduction="none"
)
asymmetric = {"asymmetric": True}
for title, lamda, part in (
    ("unified_focal, exclusive, focal part", 1.0, lambda x, y: 2 * entropy_part(x, y)),
    ("unified_focal, exclusive, Tversky part", 0.0, index_part),
):
    add(title, "exclusive", asymmetric | {"lamda": lamda}, on_softmax(part), count=1)
empty = np.zeros_like(truth)[..., None], np.full_like(ours[1], 1e-3)
small = torch.full_like(theirs[0], float(np.log(1e-3 / (1 - 1e-3))))
blank = torch.zeros_like(theirs[1])
results["dice, empty mask (MONAI's defaults)"] = [
    by_case(torch.as_tensor(CaseLoss("dice").call(*empty))),
    by_case(losses.DiceLoss(sigmoid=True, reduction="none")(small, blank)),
]
print(json.dumps(results))
