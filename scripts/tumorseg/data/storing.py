"""Writes and reads a case in the project's format: images and annotation as files, plus one row."""

import json
from pathlib import Path
from typing import TypedDict

import numpy as np
import pandas as pd

from tumorseg.core.cases import PLANES, Case
from tumorseg.core.errors import UserError
from tumorseg.core.files import write_text
from tumorseg.core.images import read_mask, write_mask, write_png
from tumorseg.outlines.polygons import fill_parts


class CaseRow(TypedDict):
    """A row of cases.tsv; paths are relative to its folder, NaN where a value is unknown."""

    case: str
    patient: str
    plane: str
    image: str
    annotation: str
    height_px: int
    width_px: int
    pixel_height_mm: float
    pixel_width_mm: float
    intensity_offset: float
    intensity_scale: float
    true_brain: str | float
    tumour_type: str | float
    channel: int | float


def store_case(case: Case, name: str, patient: str, folder: Path) -> CaseRow:
    """Writes image, annotation and known brain of a case below `folder`."""
    write_png(folder / "cases" / f"{name}.png", case.image)
    annotation = store_annotation(folder / "annotations" / name, case)
    brain: str | float = np.nan
    if case.true_brain is not None:
        brain = f"true_brain/{name}.png"
        write_mask(folder / brain, case.true_brain)
    height, width = case.image.shape
    return {
        "case": name,
        "patient": patient,
        "plane": case.plane,
        "image": f"cases/{name}.png",
        "annotation": f"annotations/{annotation.name}",
        "height_px": height,
        "width_px": width,
        "pixel_height_mm": case.spacing_mm[0],
        "pixel_width_mm": case.spacing_mm[1],
        "intensity_offset": case.offset,
        "intensity_scale": case.scale,
        "true_brain": brain,
        "tumour_type": case.tumour_type or np.nan,
        "channel": np.nan if case.channel is None else case.channel,
    }


def summary(table: pd.DataFrame, left_out: int) -> str:
    """What was imported, in one line. table: of CaseRow; left_out: cases that were taken out."""
    planes = ", ".join(f"{(table['plane'] == plane).sum()} {plane}" for plane in PLANES)
    out = f"; {left_out} cases left out (source.exclude)" if left_out else ""
    return f"imported {len(table)} cases of {table['patient'].nunique()} patients: {planes}{out}"


def mask_of(case: Case) -> np.ndarray:
    """The tumour of a case as (height, width) uint8 0/1; polygons are filled."""
    if case.parts is not None:
        return fill_parts(case.parts, *case.image.shape)
    assert case.mask is not None  # for the type checker: a case has parts or a mask
    return case.mask


def store_annotation(path_without_suffix: str | Path, case: Case) -> Path:
    """Writes the case's parts as <path>.json, or its mask as <path>.png; returns the file."""
    if case.parts is None:
        path = Path(f"{path_without_suffix}.png")
        write_mask(path, mask_of(case))
        return path
    path = Path(f"{path_without_suffix}.json")
    parts = [[np.asarray(ring, float).tolist() for ring in part] for part in case.parts]
    write_text(path, json.dumps({"parts": parts}))
    return path


def load_annotation(path: str | Path, height: int, width: int) -> np.ndarray:
    """The stored annotation as a mask (height, width) uint8 of 0 and 1.

    Raises UserError for a file that `store_annotation` did not write, or of another size.
    """
    path = Path(path)
    if path.suffix == ".png":
        mask = read_mask(path)
        if mask.shape != (height, width):
            raise UserError(f"{path}: a mask of {mask.shape}, expected {(height, width)}")
        return mask
    try:
        stored = json.loads(path.read_bytes())["parts"]
        parts = [tuple(np.array(ring, float) for ring in part) for part in stored]
        return fill_parts(parts, height, width)
    except (OSError, ValueError, KeyError, TypeError):
        raise UserError(f"{path}: not a stored annotation; import the cases again") from None
