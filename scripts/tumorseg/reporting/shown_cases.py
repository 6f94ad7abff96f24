"""Which cases figures and pages show, and the part of a slice that they show."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from tumorseg.core.cases import PLANES
from tumorseg.imaging.placement import head_box


class Slice(NamedTuple):
    """One case to be shown; arrays are (height, width) at native size, masks 0/1."""

    label: str
    image: np.ndarray
    stripped: np.ndarray
    brain: np.ndarray
    mask: np.ndarray


class Prediction(NamedTuple):
    """One loss's answer for a case: probability (height, width) and its Dice; None where failed."""

    loss: str
    probability: np.ndarray
    dice: float


def chosen_cases(masks: pd.DataFrame, number: int = 6) -> list[str]:
    """Cases for a figure, chosen by plane and tumour size, without looking at any result.

    masks: case, plane, tumour_px. Of k cases a plane the i-th stands in the middle of the i-th
    k-th of that plane's cases, small to large: with two, the lower and the upper quartile.
    """
    planes = [plane for plane in PLANES if (masks["plane"] == plane).any()]
    per_plane = max(1, number // max(1, len(planes)))
    chosen = []
    for plane in planes:
        ranked = masks[masks["plane"] == plane].sort_values("tumour_px", kind="stable")
        places = (np.arange(per_plane) + 0.5) / per_plane * len(ranked)
        chosen += list(dict.fromkeys(ranked["case"].iloc[places.astype(int)]))
    return chosen


def cases_by_dice(cases: pd.DataFrame, number: int = 6) -> list[str]:
    """Worst to best in equal steps of rank of the per-case Dice, ties as they stand.

    cases: the reference loss's metrics; undefined Dice and failed folds are left out.
    """
    ranked = cases.dropna(subset=["dice"]).sort_values("dice", kind="stable")
    places = np.linspace(0, len(ranked) - 1, min(number, len(ranked))).round().astype(int)
    return list(ranked["case"].iloc[places])


def head(item: Slice) -> tuple[slice, slice]:
    """The part of a slice to show: the head, found by intensity, and all of the tumour."""
    top, left, height, width = head_box(item.image)
    bottom, right = top + height, left + width
    rows, columns = np.nonzero(item.mask)
    if rows.size:
        top, left = min(top, rows.min()), min(left, columns.min())
        bottom, right = max(bottom, rows.max() + 1), max(right, columns.max() + 1)
    return slice(top, bottom), slice(left, right)


def cut_to_head(item: Slice) -> Slice:
    """The slice with all its arrays cut to the head."""
    box = head(item)
    return Slice(item.label, *(array[box] for array in item[1:]))
