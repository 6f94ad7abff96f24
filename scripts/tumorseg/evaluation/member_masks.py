"""The masks that each member of an ensemble predicts for a case, packed, and their Dice."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tumorseg.core.files import replacing
from tumorseg.metrics import count, overlap


def store(folder: Path, case: str, members: Sequence[str], masks: Sequence[np.ndarray]) -> None:
    """Writes <case>.npz: for each member the bits of its mask, as numpy.packbits gives them."""
    arrays: dict[str, Any] = dict(zip(members, masks, strict=True))
    with replacing(folder / f"{case}.npz") as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, **arrays)


def dice(folder: Path, case: str, truth: np.ndarray) -> dict[str, float]:
    """Each member's Dice with the true mask; NaN where both masks are empty."""
    with np.load(folder / f"{case}.npz") as stored:
        masks = {
            name: np.unpackbits(stored[name], count=truth.size).reshape(truth.shape)
            for name in stored.files
        }
    return {name: overlap(count(truth, mask))["dice"] for name, mask in masks.items()}
