"""Padding: numbers in an image that measure nothing, such as those outside a CT's circle.

Padding becomes the darkest measured value, so that it stretches no range and enters no mean.
"""

from typing import Any

import numpy as np
import pydicom

from tumorseg.core.problems import Problem, warning

_VALUES = ("PixelPaddingValue", "FloatPixelPaddingValue", "DoubleFloatPixelPaddingValue")
_LIMITS = tuple(name.replace("Value", "RangeLimit") for name in _VALUES)
# No CT measures less than air (-1000; noise reaches lower), no other modality a lone value so low.
BELOW_AIR, GAP, SHARE = -1500.0, 400.0, 0.01


def declared(stored: np.ndarray, header: pydicom.Dataset) -> np.ndarray | None:
    """Where stored DICOM values are padding by their header; None where it declares none.

    stored: before rescaling. A value written with the wrong sign (63536 for -2000) is understood.
    """
    value, limit = (_number(header, names, stored.dtype) for names in (_VALUES, _LIMITS))
    if value is None:
        return None
    low, high = sorted((value, value if limit is None else limit))
    return (stored >= low) & (stored <= high)


def _number(header: pydicom.Dataset, names: tuple[str, ...], kind: np.dtype) -> Any:
    value = next((header.get(name) for name in names if header.get(name) is not None), None)
    if isinstance(value, bytes):  # an element of unknown type
        value = int.from_bytes(value[: kind.itemsize], "little")
    if isinstance(value, int) and kind.kind in "iu" and not _fits(value, kind):
        bits = 8 * kind.itemsize
        value %= 2**bits
        value -= 2**bits if not _fits(value, kind) else 0
    return value if isinstance(value, int | float) else None


def _fits(value: int, kind: np.dtype) -> bool:
    return bool(np.iinfo(kind).min <= value <= np.iinfo(kind).max)


def filled(
    values: np.ndarray, padded: np.ndarray, notes: list[Problem], *, inverted: bool = False
) -> np.ndarray:
    """The values with padding replaced by the darkest of the others.

    padded: bool, of the same shape. inverted: the highest value is the darkest. Padding that lies
    between measured values stays, with a warning added to notes: it cannot be told from them.
    """
    if not padded.any() or padded.all():
        return values
    real, pads = (_range(values, which) for which in (~padded, padded))
    if real[0] < pads[0] and real[1] > pads[1]:
        value = f"padding of {pads[0]:g} declared amid measured values, {real[0]:g} to {real[1]:g}"
        hint = "it was taken as measured; correct the header if it is padding"
        notes.append(warning("padding_inside", value, "padding below or above them", hint))
        return values
    return np.where(padded, values.dtype.type(real[1] if inverted else real[0]), values)


def _range(values: np.ndarray, where: np.ndarray) -> tuple[Any, Any]:
    chosen = values[where]
    return chosen.min(), chosen.max()


def undeclared(values: np.ndarray, notes: list[Problem], *, inverted: bool = False) -> np.ndarray:
    """The values with certain padding replaced as in `filled`, and then a warning in notes.

    Certain: the lowest value is below -1500, has 1 % of the pixels or more, and all others are
    above -1500 and at least 400 higher, as -2000, -3024 and -32768 outside the circle of a CT.
    """
    low = values.min()
    if not low < BELOW_AIR:
        return values
    padded = values == low
    share = float(padded.mean())
    if share < SHARE or padded.all():
        return values
    lowest, highest = _range(values, ~padded)
    if lowest < BELOW_AIR or float(lowest) - float(low) < GAP:
        return values
    darkest = highest if inverted else lowest
    value = f"{share:.0%} of the pixels are {low:g}, all others {lowest:g} or more"
    hint = f"they were taken as padding and count as {darkest:g}"
    notes.append(warning("padding_replaced", value, "measured values only", hint))
    return np.where(padded, darkest, values)
