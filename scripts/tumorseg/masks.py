"""What counts as a mask for distances and metrics; everything else is refused."""

import numpy as np


def as_mask(name: str, values: object) -> np.ndarray:
    """A mask as a boolean array of its shape: True is foreground.

    values: booleans, or numbers that are 0 and at most one other, positive whole number (0 and 1,
    0 and 255). name: what the caller calls it, for messages.

    Raises:
        TypeError: these are not numbers (words, objects), or a masked array.
        ValueError: NaN, infinity, fractions (probabilities), negative or several numbers (labels).

    >>> as_mask("truth", np.array([0, 255, 0])).tolist()
    [False, True, False]
    """
    mask = np.asarray(values)
    if isinstance(values, np.ma.MaskedArray) or mask.dtype.kind not in "biuf":
        kind = "masked array" if isinstance(values, np.ma.MaskedArray) else mask.dtype
        raise TypeError(f"{name} must be a mask of booleans or numbers, not {kind}")
    if mask.dtype == bool or not mask.size:
        return mask.astype(bool, copy=False)
    low, high = mask.min(), mask.max()
    if not np.isfinite(high) or not np.isfinite(low):
        raise ValueError(f"{name} contains NaN or infinity; a mask has 0 and one other number")
    foreground = mask != 0
    one_value = high == 0 or np.array_equal(foreground, mask == high)
    if low < 0 or high % 1 or not one_value:
        raise ValueError(
            f"{name} must have 0 and at most one other, whole number, such as 0 and 1 or 0 and "
            f"255; it has {_shown(mask)}; compare probabilities with a threshold and choose one "
            "label first"
        )
    return foreground


def _shown(mask: np.ndarray) -> str:
    """The first few different numbers, as text."""
    found = np.unique(mask)
    return ", ".join(f"{value:g}" for value in found[:4]) + (", ..." if len(found) > 4 else "")
