"""The input checks of losses: number types, shapes and values. They refuse, and change nothing."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from keras import KerasTensor, backend, ops

CHANGES_NO_RESULT = True  # the input passes unchanged or is refused (workflow/code_digest.py)


def check_number_type(name: str, which: str, values: Any) -> None:
    """Raises TypeError for words, objects and complex numbers."""
    given = getattr(values, "dtype", None) or np.asarray(values).dtype
    try:
        kind = backend.standardize_dtype(given)
    except ValueError:
        kind = ""
    if not kind.startswith(("float", "bfloat", "int", "uint", "bool")):
        raise TypeError(f"{name}: {which} must hold real numbers, not {given}")


def check_shapes(name: str, y: Sequence, p: Sequence, targets: int) -> None:
    """Raises ValueError unless y has p's shape, with `targets` more channels for each of p's."""
    expected = (*p[:-1], None if p[-1] is None else p[-1] * (1 + targets))
    same = len(y) == len(p) >= 3 and all(
        None in pair or pair[0] == pair[1] for pair in zip(y, expected, strict=True)
    )
    if not same:
        more = f" with {targets} more channel(s) a class" if targets else ""
        raise ValueError(
            f"{name}: y_pred must be (batch, ..., channels) and y_true of its shape{more}; "
            f"they are {tuple(p)} and {tuple(y)}"
        )
    if 0 in p[1:]:
        raise ValueError(f"{name}: y_pred has no pixel; its shape is {tuple(p)}")


def _value(tensor: Any) -> np.ndarray | None:
    """The values of an eager tensor; None while a graph is traced."""
    if isinstance(tensor, KerasTensor):
        return None
    try:
        return np.asarray(ops.convert_to_numpy(tensor))
    except (NotImplementedError, TypeError, AttributeError):
        return None


def check_values(name: str, y: Any, p: Any, from_logits: bool) -> None:
    """Raises ValueError for NaN, wrong labels and what is no probability; in eager calls only."""
    truth, prediction = _value(y), _value(p)
    if truth is None or prediction is None:
        return
    if not (np.isfinite(truth).all() and np.isfinite(prediction).all()):
        raise ValueError(f"{name}: y_true or y_pred contains NaN or infinity")
    labels = truth[..., : prediction.shape[-1]]
    wrong = labels[(labels != 0) & (labels != 1)]
    if wrong.size:
        raise ValueError(
            f"{name}: y_true must contain only 0 and 1, it contains {wrong[0]:g}"
            + ("; divide a 0/255 mask by 255" if labels.max() == 255 else "")
        )
    if labels.shape[-1] > 1 and not (labels.sum(-1) == 1).all():
        raise ValueError(f"{name}: y_true of several classes must be one-hot: one 1 per pixel")
    low, high = (prediction.min(), prediction.max()) if prediction.size else (0, 0)
    if not from_logits and not (low >= 0 and high <= 1):
        bad = low if low < 0 else high
        raise ValueError(f"{name}: y_pred must lie in [0, 1], it contains {bad:g}")
