"""Reads a data source once; keeps a small record of each slice, and all problems."""

from collections.abc import Iterator
from typing import NamedTuple, TypedDict

import cv2
import numpy as np
import pandas as pd

from tumorseg.checking import near_duplicates
from tumorseg.checking.burned_in import has_letters
from tumorseg.core.cases import Case, Entry
from tumorseg.core.problems import Problem, each_once, warning
from tumorseg.data import cohort, reading
from tumorseg.data.cohort import Cohort
from tumorseg.data.settings import SourceSettings
from tumorseg.data.storing import mask_of
from tumorseg.imaging import skull_strip, strip_harm

HEAD_GRID_PX = 128  # the head is searched in a copy of this size, which takes a tenth of the time
TINY_PX = 10  # a tumour of fewer pixels is hardly more than its border
FLAT_SHARE = 0.01  # a picture is empty if fewer pixels differ from its most frequent value
OUTSIDE_SHARE = 0.5  # warn if more of the tumour lies outside the head
RIM, DEEP = 0.05, 0.15  # depth below the skin in head diameters
_SAMPLE_PX = 1 << 16


class Checked(NamedTuple):
    """What was read: entries, slices, their fingerprints, and problems in reading order.

    slices: a SliceRecord per row, `entry`, its position in entries, and `source_case`, the name for
    source.exclude. fingerprints: (n, 8, 4) uint64, from near_duplicates.
    """

    entries: list[Entry]
    slices: pd.DataFrame
    fingerprints: np.ndarray
    problems: list[Problem]


class SliceRecord(TypedDict):
    """What the checks need of a slice.

    low, middle, high: quantiles .01, .5 and .99 of the measured values. other_share: share of
    pixels that differ from the most frequent value. lowest_share: share of pixels with the lowest
    value. outside_share: the tumour's share outside the head's convex hull, NaN without a tumour.
    rim_share: share of pixels in the outer 5 % of the head that are brighter than its inside, large
    where there is a scalp (measured: bench/check.py), NaN where no head is detected. lettered:
    whether a row of letters is visible beside the head. digest: of the pixels, empty for a blank
    image. kept, kept_by_head: of strip_harm.kept_shares.
    """

    case: str
    patient: str
    plane: str
    file: str
    row: int
    height_px: int
    width_px: int
    bits: int
    pixel_height_mm: float
    pixel_width_mm: float
    low: float
    middle: float
    high: float
    other_share: float
    lowest_share: float
    tumour_px: int
    tumour_share: float
    at_border: bool
    outside_share: float
    rim_share: float
    lettered: bool
    digest: str
    kept: float
    kept_by_head: float


def slice_record(case: Case, row: int = 0, method: str = "none") -> SliceRecord:
    """Measures a slice. row: in its table, 0 without one; method: of skull stripping."""
    image, mask = case.image, mask_of(case) > 0
    height, width = image.shape
    # Every n-th pixel is enough for quantiles; an odd step reaches all columns.
    sample = image.ravel()[:: max(1, image.size // _SAMPLE_PX) | 1]
    low, middle, high = case.offset + case.scale * np.quantile(sample, (0.01, 0.5, 0.99))
    outside, rim = head_shares(image, mask)
    kept, kept_by_head = strip_harm.kept_shares(image, mask, method)
    edges = mask[0].any() or mask[-1].any() or mask[:, 0].any() or mask[:, -1].any()
    return {
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
        "low": low,
        "middle": middle,
        "high": high,
        "other_share": 1 - np.bincount(image.ravel()).max() / image.size,
        "lowest_share": float((image == image.min()).mean()),
        "tumour_px": int(mask.sum()),
        "tumour_share": float(mask.mean()),
        "at_border": bool(edges),
        "outside_share": outside,
        "rim_share": rim,
        "lettered": has_letters(image),
        "digest": "" if image.min() == image.max() else cohort.pixel_digest(image),
        "kept": kept,
        "kept_by_head": kept_by_head,
    }


def head_shares(image: np.ndarray, mask: np.ndarray | None = None) -> tuple[float, float]:
    """outside_share and rim_share of a slice (see SliceRecord); NaN where unknown."""
    small, depth = skull_strip.head_depth(image, HEAD_GRID_PX)
    deep, rim = small[depth > DEEP], small[(depth > 0) & (depth <= RIM)]
    bright = float((rim > np.median(deep)).mean()) if deep.size and rim.size else np.nan
    if mask is None or not mask.any() or not deep.size:
        return np.nan, bright
    size = small.shape[1], small.shape[0]
    tumour = cv2.resize(mask.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    return float(tumour[depth == 0].sum() / tumour.sum()), bright


def slice_problems(row: SliceRecord) -> list[Problem]:
    """The warnings about one slice, from its record."""
    warnings = []
    case, tumour_px = f"case {row['case']}", row["tumour_px"]
    if row["other_share"] < FLAT_SHARE:
        warnings.append(
            warning(
                "image_flat",
                f"{case}: {1 - row['other_share']:.1%} of the pixels have the same value",
                "a picture that shows something",
                "remove the slice, or check that the right file is given",
            )
        )
    if 0 < tumour_px < TINY_PX:
        warnings.append(
            warning(
                "tumour_tiny",
                f"{case}: a tumour of {tumour_px} pixels",
                f"at least {TINY_PX}",
                "check that it is not an accidental click or pixel",
            )
        )
    if row["tumour_share"] > 0.5:
        warnings.append(
            warning(
                "mask_inverted",
                f"{case}: the tumour covers {row['tumour_share']:.0%} of the picture",
                "a tumour smaller than the rest of the picture",
                "swap tumour and background, with `labels` in the config or in the file",
            )
        )
    elif row["at_border"]:
        warnings.append(
            warning(
                "tumour_at_border",
                f"{case}: the tumour touches the picture's border",
                "a tumour inside the picture",
                "check that picture and annotation belong together and nothing is cut off",
            )
        )
    if row["outside_share"] > OUTSIDE_SHARE:
        warnings.append(
            warning(
                "tumour_in_air",
                f"{case}: {row['outside_share']:.0%} of the tumour lies outside the head",
                "a tumour inside the head",
                "check that the annotation is not shifted, rotated, or of another picture",
            )
        )
    if row["lettered"]:
        warnings.append(
            warning(
                "burned_in_text",
                f"{case}: what looks like a row of letters beside the head",
                "pixels without a name in them",
                "look at the picture before you pass it on",
            )
        )
    return [problem.at(row["file"], row["row"]) for problem in warnings]


def read_all(
    source: SourceSettings,
    data_dir: str,
    seed: int,
    fold_count: int,
    cores: int = 1,
    method: str = "none",
) -> Checked:
    """Reads every entry of a source once; keeps no image.

    Args:
        source: the config's `source`.
        data_dir: the folder of the data.
        seed: of cases that the source makes itself.
        fold_count: number of folds, for which there must be enough patients.
        cores: number of threads that read.
        method: of skull stripping.
    """
    entries: list[Entry] = []
    records: list[SliceRecord] = []
    places: list[tuple[int, str]] = []  # number of the entry, the case's name in the source
    fingerprints: list[np.ndarray] = []
    problems: list[Problem] = []
    cohort = Cohort(source.get("patients_similar") == "accept")
    for item in reading.read(source, data_dir, seed, cores):
        problems += item.problems
        row = item.entry.row if item.entry else 0
        if item.entry:
            entries.append(item.entry)
        cohort.expect(item)
        for case in item.cases:
            record = slice_record(case, row, method)
            new = cohort.add_slice(case, record["digest"], record["tumour_px"] > 0)
            name = item.entry.case if item.entry else case.case
            new = [*slice_problems(record), *new]
            problems += [problem.at(case.origin, row, name) for problem in new]
            records.append(record)
            places.append((len(entries) - 1, name))
            fingerprints.append(near_duplicates.fingerprint(case.image))
    problems += cohort.final_problems(fold_count, f"source {source['kind']}")
    stacked = np.stack(fingerprints) if fingerprints else np.zeros((0, 8, 4), np.uint64)
    slices = pd.DataFrame(records)
    if records:
        slices[["entry", "source_case"]] = places
    return Checked(entries, slices, stacked, each_once(problems))


def read_again(
    checked: Checked, source: SourceSettings, seed: int, names: list[str]
) -> Iterator[Case]:
    """Reads the named cases again, in the order in which they were read first."""
    chosen = checked.slices[checked.slices["case"].isin(names)]
    if not checked.entries:  # the source makes its cases
        cases = (case for item in reading.read(source, "", seed) for case in item.cases)
    else:
        entries = (checked.entries[number] for number in chosen["entry"].unique())
        cases = (case for entry in entries for case in reading.cases_of(entry, source)[0])
    wanted = set(names)
    yield from (case for case in cases if case.case in wanted)
