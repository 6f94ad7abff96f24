"""Writes and reads a case in the project's format: images and annotation as files, plus one row."""

import json
from pathlib import Path
from typing import NotRequired, TypedDict

import numpy as np
import pandas as pd

from tumorseg.core.cases import PLANES, Case, Drawn
from tumorseg.core.errors import UserError
from tumorseg.core.files import write_text
from tumorseg.core.images import (
    case_file,
    of_channel,
    of_class,
    read_mask,
    write_case,
    write_case_mask,
)
from tumorseg.outlines.polygons import fill_parts


class CaseRow(TypedDict):
    """A row of cases.tsv; paths are relative to its folder, NaN where a value is unknown.

    image, intensity_offset, intensity_scale and channel are those of the first channel. The others
    are stored below cases/channel-2/ and so on, with intensity_offset_2, channel_2, ...
    """

    case: str
    patient: str
    plane: str
    image: str
    annotation: str
    height_px: int
    width_px: int
    pixel_height_mm: float
    pixel_width_mm: float
    depth_px: NotRequired[int]
    pixel_depth_mm: NotRequired[float]
    intensity_offset: float
    intensity_scale: float
    true_brain: str | float
    tumour_type: str | float
    channel: int | float
    site: NotRequired[str]


def store_case(case: Case, name: str, patient: str, folder: Path) -> CaseRow:
    """Writes images, annotation and known brain of a case below `folder`."""
    image = write_case(folder / "cases", name, case.image, case.affine)
    further: dict[str, float] = {}
    for position, channel in enumerate(case.further, 2):
        place = of_channel(folder / "cases", position)
        place.mkdir(exist_ok=True)
        write_case(place, name, channel.image, case.affine)
        further |= {
            f"intensity_offset_{position}": channel.offset,
            f"intensity_scale_{position}": channel.scale,
            f"channel_{position}": np.nan if channel.number is None else channel.number,
        }
    annotation, *_ = (
        store_annotation(of_class(folder / "annotations", position), name, drawn, case)
        for position, drawn in enumerate(every_class(case), 1)
    )
    brain: str | float = np.nan
    if case.true_brain is not None:
        path = write_case_mask(folder / "true_brain", name, case.true_brain, case.affine)
        brain = f"true_brain/{path.name}"
    height, width = case.image.shape[-2:]
    row: CaseRow = {
        "case": name,
        "patient": patient,
        "plane": case.plane,
        "image": f"cases/{image.name}",
        "annotation": f"annotations/{annotation.name}",
        "height_px": height,
        "width_px": width,
        "pixel_height_mm": case.spacing_mm[-2],
        "pixel_width_mm": case.spacing_mm[-1],
        "intensity_offset": case.offset,
        "intensity_scale": case.scale,
        "true_brain": brain,
        "tumour_type": case.tumour_type or np.nan,
        "channel": np.nan if case.channel is None else case.channel,
    }
    if case.image.ndim == 3:
        row |= {"depth_px": case.image.shape[0], "pixel_depth_mm": case.spacing_mm[0]}
    if case.site:
        row["site"] = case.site
    return row | further  # type: ignore[return-value]  # the further channels' columns


def summary(table: pd.DataFrame, excluded: int, empty: int) -> str:
    """What was imported, in one line. table: of CaseRow; the numbers of images that were not."""
    planes = ", ".join(f"{(table['plane'] == plane).sum()} {plane}" for plane in PLANES)
    out = f"; {excluded} cases left out (source.exclude)" if excluded else ""
    out += f"; {empty} images left out, which have no tumour" if empty else ""
    return f"imported {len(table)} cases of {table['patient'].nunique()} patients: {planes}{out}"


def every_class(case: Case) -> list[Drawn]:
    """What was drawn of each class of a case, the primary one first."""
    return [Drawn(case.parts, case.mask), *case.other_classes]


def mask_of(case: Case) -> np.ndarray:
    """The primary class of a case as (height, width) uint8 0/1; polygons are filled."""
    return filled(every_class(case)[0], case.image.shape)


def filled(drawn: Drawn, shape: tuple[int, ...]) -> np.ndarray:
    """What was drawn of a class as uint8 0/1 of the image's shape; polygons are filled."""
    if drawn.parts is not None:
        return fill_parts(drawn.parts, *shape)
    assert drawn.mask is not None  # for the type checker: it has parts or a mask
    return drawn.mask


def store_annotation(folder: Path, name: str, drawn: Drawn, case: Case) -> Path:
    """Writes what was drawn of one class of a case, parts as JSON or a mask; returns the file."""
    folder.mkdir(exist_ok=True)
    if drawn.parts is None:
        return write_case_mask(folder, name, filled(drawn, case.image.shape), case.affine)
    path = folder / f"{name}.json"
    parts = [[np.asarray(ring, float).tolist() for ring in part] for part in drawn.parts]
    write_text(path, json.dumps({"parts": parts}))
    return path


def load_annotation(folder: str | Path, name: str, shape: tuple[int, ...]) -> np.ndarray:
    """A stored annotation as a mask of the image's shape, uint8 of 0 and 1.

    Raises UserError for a file that `store_annotation` did not write, or of another size.
    """
    path = Path(folder) / f"{name}.json"
    if not path.is_file():
        path = case_file(folder, name)
        mask = read_mask(path)
        if mask.shape != shape:
            raise UserError(f"{path}: a mask of {mask.shape}, expected {shape}")
        return mask
    try:
        stored = json.loads(path.read_bytes())["parts"]
        parts = [tuple(np.array(ring, float) for ring in part) for part in stored]
        return fill_parts(parts, *shape)
    except (OSError, ValueError, KeyError, TypeError):
        raise UserError(f"{path}: not a stored annotation; import the cases again") from None
