"""Reads a data source once; keeps a small record of each slice, no image, and all problems."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd

from tumorseg.checking import near_duplicates
from tumorseg.checking.slice_record import SliceRecord, slice_record
from tumorseg.core.cases import Case, Entry, flat
from tumorseg.core.problems import Problem, each_once, warning
from tumorseg.data import reading
from tumorseg.data.cohort import Cohort
from tumorseg.data.settings import SourceSettings

TINY_PX = 10  # a tumour of fewer pixels is hardly more than its border
FLAT_SHARE = 0.01  # a picture is empty if fewer pixels differ from its most frequent value
IN_AIR = 0.5  # warn if more of the tumour lies in air


class Checked(NamedTuple):
    """What was read: entries, slices, their fingerprints, and problems in reading order.

    slices: a SliceRecord per row, `entry`, its position in entries, and `source_case`, the name for
    source.exclude. fingerprints: (n, 8, 4) uint64, from near_duplicates.
    """

    entries: list[Entry]
    slices: pd.DataFrame
    fingerprints: np.ndarray
    problems: list[Problem]


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
    if row["air_share"] > IN_AIR:
        warnings.append(
            warning(
                "tumour_in_air",
                f"{case}: {row['air_share']:.0%} of the tumour lies in the air around the head",
                "a tumour inside the head, or another organ",
                "check that the annotation is not shifted, rotated, or of another picture",
            )
        )
    if row["shown"] and tumour_px >= TINY_PX:
        warnings.append(
            warning(
                "mask_in_image",
                f"{case}: all pixels of the tumour have one value, and no other pixel has it",
                "an image that does not show its annotation",
                "check that the image is not the mask, and that nothing is painted into it",
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
    """Reads every entry of a source once; of a volume, the slice with the largest tumour counts.

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
    cohort = Cohort(source.get("patients_similar") == "accept", source.get("classes", ()))
    for item in reading.read(source, data_dir, seed, cores):
        problems += item.problems
        row = item.entry.row if item.entry else 0
        if item.entry:
            entries.append(item.entry)
        cohort.expect(item)
        for whole in item.cases:
            cohort.count_classes(whole)
            case, record = flat(whole), slice_record(whole, row, method)
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
