"""The cases on which check.py tries a loss, in each of its forms."""

from typing import Any

import keras
import numpy as np

from tumorseg.loss_kit.keras_loss import CaseLoss, with_background

SHAPES = {"2-D": (4, 12, 10), "3-D": (4, 6, 5, 4)}  # cases and their pixels


def require(condition: Any, complaint: str) -> None:
    """Raises AssertionError unless the condition holds everywhere."""
    if not np.all(condition):
        raise AssertionError(complaint)


def uniform(loss: CaseLoss, value: int, shape: tuple[int, ...]) -> np.ndarray:
    """Labels of masks without a tumour (0) or with the first class everywhere (1)."""
    masks = np.zeros((*shape, classes(loss)))
    masks[..., 0] = value
    return labels(loss, masks)


def classes(loss: CaseLoss) -> int:
    """How many classes a loss is tried with."""
    return 1 if loss.form == "binary" else 2


def labels(loss: CaseLoss, masks: np.ndarray) -> np.ndarray:
    """What a perfect network returns for masks (n, ..., K): exclusive with the background."""
    return with_background(masks) if loss.form == "exclusive" else masks


def truth(loss: CaseLoss, certain: np.ndarray, dtype: Any = np.float32) -> np.ndarray:
    """The y_true of labels; at least float32: float16 holds neither distances nor long sums."""
    wide = np.float64 if dtype == np.float64 else np.float32
    masks = certain[..., 1:] if loss.form == "exclusive" else certain
    return loss.targets(masks).astype(wide)


def values(loss: CaseLoss, certain: np.ndarray, p: np.ndarray) -> np.ndarray:
    """The loss of predictions p, one value per case; certain: the labels."""
    return keras.ops.convert_to_numpy(loss.call(truth(loss, certain, p.dtype), p))


def case(
    loss: CaseLoss, seed: int, shape: tuple[int, ...] = SHAPES["2-D"]
) -> tuple[np.ndarray, np.ndarray]:
    """Labels with a box a class in each case, and probabilities away from 0 and 1; float64."""
    random = np.random.default_rng(seed)
    masks = np.zeros((*shape, classes(loss)))
    for mask in masks:
        for number in range(mask.shape[-1]):
            corner = [int(random.integers(0, side // 2)) for side in shape[1:]]
            size = [int(random.integers(2, side // 2 + 1)) for side in shape[1:]]
            mask[(*(slice(c, c + s) for c, s in zip(corner, size, strict=True)), number)] = 1
    if loss.form == "exclusive":
        masks[..., 0] *= 1 - masks[..., 1]
    certain = labels(loss, masks)
    return certain, on_scale(loss, random.uniform(0.02, 0.98, certain.shape))


def on_scale(loss: CaseLoss, p: np.ndarray) -> np.ndarray:
    """Positive numbers as probabilities: those of exclusive classes sum to 1."""
    return p / p.sum(-1, keepdims=True) if loss.form == "exclusive" else p


def opposite(loss: CaseLoss, certain: np.ndarray) -> np.ndarray:
    """The prediction that is wrong everywhere: 1 - labels, exclusive the next class."""
    return np.roll(certain, 1, axis=-1) if loss.form == "exclusive" else 1 - certain


def probabilities(loss: CaseLoss, logits: np.ndarray) -> np.ndarray:
    """The sigmoid of logits, exclusive their softmax."""
    if loss.form == "exclusive":
        powers = np.exp(logits - logits.max(-1, keepdims=True))
        return powers / powers.sum(-1, keepdims=True)
    return 1 / (1 + np.exp(-logits))


def logit_gradient(loss: CaseLoss, gradient: np.ndarray, p: np.ndarray) -> np.ndarray:
    """The gradient with respect to the logits of p, from that with respect to p."""
    if loss.form == "exclusive":
        return p * (gradient - (gradient * p).sum(-1, keepdims=True))
    return gradient * p * (1 - p)
