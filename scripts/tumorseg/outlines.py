"""A case's annotation as results keep it: polygons in numbers or a mask, no word of a user's."""

import json
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from tumorseg.cases import Case, Part
from tumorseg.errors import UserError
from tumorseg.files import write_text
from tumorseg.images import read_mask, write_mask
from tumorseg.polygons import fill


def fill_parts(parts: Iterable[Part], height: int, width: int) -> np.ndarray:
    """The mask (height, width) uint8 0/1 of polygons with holes, united (rule: polygons.fill).

    The rings of one part count by the even-odd rule: inside its outer ring and in no hole.
    """
    mask = np.zeros((height, width), np.uint8)
    for part in parts:
        inside = np.zeros_like(mask)
        for ring in part:
            inside ^= fill(ring, height, width)
        mask |= inside
    return mask


def mask_of(case: Case) -> np.ndarray:
    """The tumour of a case, drawn or painted, as (height, width) uint8 0/1."""
    return case.mask if case.parts is None else fill_parts(case.parts, *case.image.shape)


def store(path_without_suffix: str | Path, case: Case) -> Path:
    """Writes the case's parts as <path>.json or its mask as <path>.png; returns the file."""
    if case.parts is None:
        path = Path(f"{path_without_suffix}.png")
        write_mask(path, case.mask)
        return path
    path = Path(f"{path_without_suffix}.json")
    parts = [[np.asarray(ring, float).tolist() for ring in part] for part in case.parts]
    write_text(path, json.dumps({"parts": parts}))
    return path


def load(path: str | Path, height: int, width: int) -> np.ndarray:
    """The stored annotation as a mask (height, width) uint8 of 0 and 1.

    Raises UserError for a file that `store` did not write for an image of that size.
    """
    path = Path(path)
    if path.suffix == ".png":
        mask = read_mask(path)
        if mask.shape != (height, width):
            raise UserError(f"{path}: a mask of {mask.shape}, expected {(height, width)}")
        return mask
    try:
        parts = json.loads(path.read_bytes())["parts"]
        return fill_parts([[np.array(ring, float) for ring in p] for p in parts], height, width)
    except (OSError, ValueError, KeyError, TypeError):
        raise UserError(f"{path}: not a stored annotation; import the cases again") from None
