"""Chooses the cases that figures show, and the part of each slice that is shown."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from tumorseg.core.cases import PLANES, largest_slice
from tumorseg.imaging.boxes import head_box


class ShownCase(NamedTuple):
    """A case in a figure; arrays are (height, width) at native size, brain and mask 0/1."""

    label: str
    image: np.ndarray
    stripped: np.ndarray
    brain: np.ndarray
    mask: np.ndarray


def flat(mask: np.ndarray, *arrays: np.ndarray) -> tuple[np.ndarray, ...]:
    """Arrays of a case as slices: as they are, or of a volume the slice with most of the mask."""
    if mask.ndim == 2:
        return arrays
    number = largest_slice(mask)
    return tuple(array[number] for array in arrays)


class ShownPrediction(NamedTuple):
    """One loss's prediction of a case: probability (height, width), 0 to 1, and its Dice."""

    loss: str
    probability: np.ndarray
    dice: float


def chosen_cases(masks: pd.DataFrame, number: int = 6) -> list[str]:
    """Cases for a figure, chosen by plane and tumour size and never by a result.

    masks: case, plane, tumour_px. Each plane's cases are sorted by tumour size and divided into
    equal groups; the middle case of each is chosen. Two per plane are the two quartiles.
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
    """Cases at equal steps of rank by Dice, from worst to best; ties keep their order.

    cases: metrics of the reference loss. Cases with an undefined Dice (failed training, no tumour
    at all) are left out.
    """
    ranked = cases.dropna(subset=["dice"]).sort_values("dice", kind="stable")
    places = np.linspace(0, len(ranked) - 1, min(number, len(ranked))).round().astype(int)
    return list(ranked["case"].iloc[places])


def head(case: ShownCase) -> tuple[slice, slice]:
    """The rows and columns to show: the head, found by intensity, and the whole mask."""
    top, left, height, width = head_box(case.image)
    bottom, right = top + height, left + width
    rows, columns = np.nonzero(case.mask)
    if rows.size:
        top, left = min(top, rows.min()), min(left, columns.min())
        bottom, right = max(bottom, rows.max() + 1), max(right, columns.max() + 1)
    return slice(top, bottom), slice(left, right)


def cut_to_head(case: ShownCase) -> ShownCase:
    """The case with all its arrays cut to the head."""
    box = head(case)
    return ShownCase(case.label, *(array[box] for array in case[1:]))


def first_folders(predictions: list[str]) -> dict[tuple[str, str, int], Path]:
    """The first seed's folder of each (recipe, loss, fold).

    Folders are <recipe>/<loss>/fold-<k> or <recipe>/<loss>/seed-<s>/fold-<k>, lowest seed first.
    """
    folders: dict[tuple[str, str, int], Path] = {}
    for folder in map(Path, predictions):
        loss = folder.parent
        if loss.name.startswith("seed-"):
            loss = loss.parent
        fold = int(folder.name.removeprefix("fold-"))
        folders.setdefault((loss.parent.name, loss.name, fold), folder)
    return folders
