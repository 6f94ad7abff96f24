"""Reads a whole data source once and keeps a small record of each slice, and all that is wrong."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import cv2
import numpy as np
import pandas as pd

from tumorseg.checking import near_duplicates
from tumorseg.checking.burned_in import suspicious
from tumorseg.core.cases import Case, Entry
from tumorseg.core.problems import Problem, warning
from tumorseg.data import cohort, reading
from tumorseg.data.cohort import Cohort
from tumorseg.data.storing import mask_of
from tumorseg.imaging import skull_strip

HEAD_GRID_PX = 128  # the head is looked for in a copy of this size: a tenth of the time
TINY_PX = 10  # a tumour of fewer pixels has hardly an inside
FLAT_SHARE = 0.01  # a picture with fewer pixels of other than its commonest value is empty
OUTSIDE_SHARE = 0.5  # of a tumour that lies in the air
RIM, DEEP = 0.05, 0.15  # depths below the skin, in head diameters
_SAMPLE_PX = 1 << 16


class Checked(NamedTuple):
    """What was read: the entries, a line a slice, its prints, and the problems in reading order.

    slices: as `record` gives them, with `entry`, the position in entries. prints: (n, 8, 4).
    """

    entries: list[Entry]
    slices: pd.DataFrame
    prints: np.ndarray
    problems: list[Problem]


def record(case: Case, row: int = 0) -> tuple[dict[str, Any], np.ndarray]:
    """What the checks need to know of a slice, and its prints; no pixel is kept.

    low, middle, high: quantiles .01, .5 and .99 of the measured values. other_share: pixels that
    have not the commonest value. outside_share: the tumour's share outside the head's convex hull,
    NaN without a tumour. rim_share: pixels in the outer 5 % of the head that are brighter than its
    inside, many where there is a scalp (measured: bench/check.py); NaN where no head is found.
    lettered: whether a row of letters stands beside the head.
    """
    image, mask = case.image, mask_of(case) > 0
    height, width = image.shape
    # Every n-th pixel is enough for quantiles; an odd step meets all columns.
    sample = image.ravel()[:: max(1, image.size // _SAMPLE_PX) | 1]
    quantiles = case.offset + case.scale * np.quantile(sample, (0.01, 0.5, 0.99))
    outside, rim = head_shares(image, mask)
    edges = mask[0].any() or mask[-1].any() or mask[:, 0].any() or mask[:, -1].any()
    found = {
        "case": case.case,
        "patient": case.patient,
        "plane": case.plane,
        "file": case.origin,
        "row": row,
        "height_px": height,
        "width_px": width,
        "bits": 8 * image.itemsize,
        "pixel_height_mm": case.spacing_mm[0],
        "pixel_width_mm": case.spacing_mm[1],
        **dict(zip(("low", "middle", "high"), quantiles, strict=True)),
        "other_share": 1 - np.bincount(image.ravel()).max() / image.size,
        "lowest_share": float((image == image.min()).mean()),
        "tumour_px": int(mask.sum()),
        "tumour_share": float(mask.mean()),
        "at_border": bool(edges),
        "outside_share": outside,
        "rim_share": rim,
        "lettered": suspicious(image),
        "digest": "" if image.min() == image.max() else cohort.pixel_digest(image),
    }
    return found, near_duplicates.picture_print(image)


def head_shares(image: np.ndarray, mask: np.ndarray | None = None) -> tuple[float, float]:
    """The tumour's share outside the head, and the bright share of the head's rim; NaN: unknown."""
    small, depth = skull_strip.head_depth(image, HEAD_GRID_PX)
    deep, rim = small[depth > DEEP], small[(depth > 0) & (depth <= RIM)]
    bright = float((rim > np.median(deep)).mean()) if deep.size and rim.size else np.nan
    if mask is None or not mask.any() or not deep.size:
        return np.nan, bright
    size = small.shape[1], small.shape[0]
    tumour = cv2.resize(mask.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    return float(tumour[depth == 0].sum() / tumour.sum()), bright


def slice_problems(row: dict[str, Any]) -> list[Problem]:
    """What is strange about one slice, from its record."""
    found = []
    case, tumour_px = f"case {row['case']}", row["tumour_px"]
    if row["other_share"] < FLAT_SHARE:
        found.append(
            warning(
                "image_flat",
                f"{case}: {1 - row['other_share']:.1%} of the pixels have one and the same value",
                "a picture with something on it",
                "take the slice out, or look whether the right file is named",
            )
        )
    if 0 < tumour_px < TINY_PX:
        found.append(
            warning(
                "tumour_tiny",
                f"{case}: a tumour of {tumour_px} pixels",
                f"at least {TINY_PX}",
                "look whether it is a stray click or a stray pixel",
            )
        )
    if row["tumour_share"] > 0.5:
        found.append(
            warning(
                "mask_inverted",
                f"{case}: the tumour covers {row['tumour_share']:.0%} of the picture",
                "a tumour smaller than the rest",
                "swap tumour and background, with `labels` in the config or in the file",
            )
        )
    elif row["at_border"]:
        found.append(
            warning(
                "tumour_at_border",
                f"{case}: the tumour touches the picture's border",
                "a tumour inside the picture",
                "look whether picture and annotation belong together and nothing is cut off",
            )
        )
    if row["outside_share"] > OUTSIDE_SHARE:
        found.append(
            warning(
                "tumour_in_air",
                f"{case}: {row['outside_share']:.0%} of the tumour lies outside the head",
                "a tumour inside the head",
                "look whether the annotation is shifted, turned, or of another picture",
            )
        )
    if row["lettered"]:
        found.append(
            warning(
                "burned_in_text",
                f"{case}: a row of what look like letters beside the head",
                "pixels without a name in them",
                "look at the picture before anything of it is passed on",
            )
        )
    return [problem.at(row["file"], row["row"]) for problem in found]


def read_all(
    source: dict[str, Any], data_dir: str, seed: int, fold_count: int, cores: int = 1
) -> Checked:
    """Reads every entry of a source once, a few ahead in `cores` threads; keeps no image.

    fold_count: the folds for which there must be patients enough.
    """
    entries: list[Entry] = []
    lines: list[dict] = []
    prints: list[np.ndarray] = []
    problems: list[Problem] = []
    cohort = Cohort()
    for item in reading.read(source, data_dir, seed, cores):
        problems += item.problems
        row = item.entry.row if item.entry else 0
        if item.entry:
            entries.append(item.entry)
        cohort.expect(item)
        for case in item.cases:
            line, seen = record(case, row)
            spacing = line["pixel_height_mm"], line["pixel_width_mm"]
            new = cohort.add_slice(case.case, case.patient, line["digest"], spacing)
            problems += [*slice_problems(line), *(one.at(case.origin, row) for one in new)]
            lines.append(line | {"entry": len(entries) - 1})
            prints.append(seen)
    problems += cohort.whole(fold_count, f"source {source['kind']}")
    stacked = np.stack(prints) if prints else np.zeros((0, 8, 4), np.uint64)
    return Checked(entries, pd.DataFrame(lines), stacked, problems)


def read_again(
    checked: Checked, source: dict[str, Any], seed: int, names: list[str]
) -> Iterator[Case]:
    """Some of the cases once more, in the order in which they were read."""
    chosen = checked.slices[checked.slices["case"].isin(names)]
    if not checked.entries:  # made cases are made again
        made = (case for item in reading.read(source, "", seed) for case in item.cases)
    else:
        entries = (checked.entries[number] for number in chosen["entry"].unique())
        made = (case for entry in entries for case in reading.cases_of(entry, source)[0])
    wanted = set(names)
    yield from (case for case in made if case.case in wanted)
