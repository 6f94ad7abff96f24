"""Padding: numbers in an image that measure nothing, such as those outside a CT's circle.

Padding becomes the darkest measured value, so that it stretches no range and enters no mean.
"""

from typing import Any, NamedTuple

import numpy as np
import pydicom

from tumorseg.core.problems import Problem, warning

_VALUES = ("PixelPaddingValue", "FloatPixelPaddingValue", "DoubleFloatPixelPaddingValue")
_LIMITS = tuple(name.replace("Value", "RangeLimit") for name in _VALUES)
# What no header declares. No CT measures less than air (-1000; noise reaches lower), no other
# modality a lone value so low.
BELOW_AIR, GAP = -1500.0, 400.0
SHARE = 0.01  # of the pixels: a constant that fewer have is no padding
FAR = 0.5  # of the others' range: saturation lies no farther, because its edges fill the gap
CORNERS = 0.5  # of the image's corners: padding lies around what was measured
FEWEST_VALUES = 16  # of the others: an image of fewer is a drawing
EDGE_PX = 4  # resampling mixes padding with what is beside it
CONSTANTS = 2  # -3024 outside the circle of a CT and -2000 around it, say
APART_SHARE = 0.001  # of the pixels: a constant that fewer have changes no mean


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


class _Constant(NamedTuple):
    """Values at one end of an image's range: where they are, and the range of all others."""

    where: np.ndarray
    texts: list[str]
    low: Any
    high: Any
    edges: bool = False


def undeclared(
    values: np.ndarray, notes: list[Problem], *, inverted: bool = False, low_end: bool = True
) -> np.ndarray:
    """The values with certain padding replaced as in `filled`, and then a warning in notes.

    Certain is a constant of 1 % of the pixels or more

    - below -1500, while all others are above it and at least 400 higher: -2000, -3024, -32768
      outside the circle of a CT;
    - or above all others, or below 0 and all others, by half of their range or more, that is at
      half of the corners or more: 32767, 65535.

    Pixels beside the constant may lie between, as after resampling. A constant as far away that is
    not at the corners stays, with a warning.

    low_end: whether the lowest values are looked at, not only the highest.
    """
    for top in (False, True) if low_end else (True,):
        if not _may_be_far(values, top):
            continue
        found = _padding(values, top)
        if found is None:
            notes += _apart(values, top)
            continue
        darkest = found.high if inverted else found.low
        hint = f"they were taken as padding and count as {darkest:g}"
        value = _described(found, top)
        notes.append(warning("padding_replaced", value, "measured values only", hint))
        values = np.where(found.where, values.dtype.type(darkest), values)
    return values


def _described(found: _Constant, top: bool) -> str:
    limit = f"{found.high:g} or less" if top else f"{found.low:g} or more"
    others = "all others except at their edges" if found.edges else "all others"
    share = float(found.where.mean())
    percent = f"{share:.0%}" if share >= SHARE else f"{share:.1%}"
    return f"{percent} of the pixels are {' or '.join(found.texts)}, {others} {limit}"


def _may_be_far(values: np.ndarray, top: bool) -> bool:
    """Whether one end of the range may be a constant far from all else, in a quick look."""
    extreme = _end(values, top)
    if np.count_nonzero(values == extreme) < APART_SHARE * values.size:
        return False
    if not top and (extreme < BELOW_AIR or extreme >= 0):
        return bool(extreme < BELOW_AIR)
    flat = values.ravel(order="K")
    sample = flat[:: max(1, flat.size // 2**16) | 1].astype(float)
    others = sample[sample != extreme]
    if not others.size:
        return True
    low, high = np.quantile(others, (0.1, 0.9))
    return _gap(extreme, low, high, top) >= FAR * (high - low)


def _end(values: np.ndarray, top: bool) -> Any:
    return values.max() if top else values.min()


def _gap(extreme: Any, low: Any, high: Any, top: bool) -> float:
    return float(extreme) - float(high) if top else float(low) - float(extreme)


def _padding(values: np.ndarray, top: bool) -> _Constant | None:
    """The constants at one end of the range that are certainly padding; None for any others."""
    where = np.zeros(values.shape, bool)
    texts: list[str] = []
    for _ in range(CONSTANTS):
        extreme = _end(values[~where], top)
        lone = values == extreme
        where = where | lone
        if lone.mean() < SHARE or where.all():
            return None
        texts.append(f"{extreme:g}")
        edges = _grown(where) & ~where
        for apart in (~where, ~where & ~edges):
            if 2 * apart.sum() < (~where).sum():
                continue
            low, high = _range(values, apart)
            if _is_certain(extreme, values[apart], where, top):
                beyond = ~where & ~apart & ((values > high) if top else (values < low))
                return _Constant(where | beyond, texts, low, high, bool(beyond.any()))
    return None


def _is_certain(extreme: Any, others: np.ndarray, where: np.ndarray, top: bool) -> bool:
    low, high = others.min(), others.max()
    gap = _gap(extreme, low, high, top)
    if not top and extreme < BELOW_AIR <= low and gap >= GAP:
        return True
    corners = where[np.ix_(*[(0, -1)] * where.ndim)]
    return bool(corners.mean() >= CORNERS) and _is_far(gap, others)


def _is_far(gap: float, others: np.ndarray) -> bool:
    """Whether a constant is far from all other values, and these are those of an image."""
    far = gap > 0 and gap >= FAR * (float(others.max()) - float(others.min()))
    return far and np.unique(others).size >= FEWEST_VALUES


def _grown(where: np.ndarray) -> np.ndarray:
    """The pixels and their neighbours, up to EDGE_PX along each axis."""
    for axis in [*range(where.ndim)] * EDGE_PX:
        near = where.copy()
        here, there = (np.moveaxis(one, axis, 0) for one in (near, where))
        here[1:] |= there[:-1]
        here[:-1] |= there[1:]
        where = near
    return where


def _apart(values: np.ndarray, top: bool) -> list[Problem]:
    """A warning about a constant far from all other values that may be something measured."""
    extreme = _end(values, top)
    where = values == extreme
    if where.all():
        return []
    low, high = _range(values, ~where)
    if not _is_far(_gap(extreme, low, high, top), values[~where]):
        return []
    value = _described(_Constant(where, [f"{extreme:g}"], low, high), top)
    hint = "they stay, and all others look alike: remove them, if they are text or padding"
    return [warning("values_apart", value, "measured values only", hint)]
