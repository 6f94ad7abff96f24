"""What is strange about slices when they are held together; what is wrong: tumorseg.data.cohort."""

from collections import Counter

import numpy as np
import pandas as pd

from tumorseg.checking.each_slice import FLAT_SHARE
from tumorseg.checking.near_duplicates import BITS, near_pairs
from tumorseg.core.cases import PLANES, patients_needed
from tumorseg.core.problems import Problem, warning

PAIRS_SHOWN = 200
LARGE = 1.5  # times a fold's worth of slices makes a patient too large
STRIPPED_RIM, STRIPPED_AIR = 0.2, 0.3  # see `_stripped`; measured on heads and stripped brains


def problems(slices: pd.DataFrame, prints: np.ndarray, folds: int, method: str) -> list[Problem]:
    """All of it. slices, prints: of data_check.Checked; folds: how many; method: skull stripping.

    Pictures with hardly anything on them are alike and count in no comparison of pictures.
    """
    if slices.empty:
        return []
    pictures = slices["other_share"] >= FLAT_SHARE
    return [
        *near_duplicates(slices[pictures], prints[pictures]),
        *_planes(slices, folds),
        *_large_patients(slices, folds),
        *_mixed(slices),
        *_stripped(slices, method),
    ]


def near_duplicates(slices: pd.DataFrame, prints: np.ndarray) -> list[Problem]:
    """Warnings for pictures of different patients that are nearly the same, nearest first.

    slices: case, patient, digest, file, row; the very same pixels are told by tumorseg.cohort.
    """
    pairs = near_pairs(prints, pd.factorize(slices["patient"])[0])
    digests = slices["digest"].to_numpy(object)
    pairs = pairs[digests[pairs["first"]] != digests[pairs["second"]]]
    found = []
    for pair in pairs.head(PAIRS_SHOWN).itertuples():
        first, second = slices.iloc[pair.first], slices.iloc[pair.second]
        found.append(
            warning(
                "near_duplicate",
                f"case {second['case']} of patient {second['patient']} is nearly the same picture "
                f"as case {first['case']} of patient {first['patient']} ({pair.bits} of {BITS} "
                "bits differ)",
                "different pictures of different patients",
                "give both the same patient, or remove one",
            ).at(second["file"], int(second["row"]))
        )
    if len(pairs) > PAIRS_SHOWN:
        found.append(
            warning(
                "near_duplicate",
                f"{len(pairs) - PAIRS_SHOWN} further pairs of nearly the same picture",
                "different pictures of different patients",
                "mend those that are listed and check again",
            )
        )
    return found


def _planes(slices: pd.DataFrame, folds: int) -> list[Problem]:
    patients = slices.groupby("plane")["patient"].nunique()
    return [
        warning(
            "plane_rare",
            f"{plane} slices of only {patients[plane]} patients",
            f"at least {folds}, so that every one of {folds} folds can test some",
            "bring more, lower folds.count, or read results of this plane with care",
        )
        for plane in PLANES
        if 0 < patients.get(plane, 0) < folds
    ]


def _large_patients(slices: pd.DataFrame, folds: int) -> list[Problem]:
    counts = slices["patient"].value_counts()
    return [
        warning(
            "patient_large",
            f"patient {patient} has {count} of {len(slices)} slices",
            f"no more than a fold's worth, {len(slices) / folds:.0f}",
            "take fewer of its slices, or its fold will be larger than the others",
        )
        for patient, count in counts.items()
        if count > LARGE * len(slices) / folds and len(counts) >= patients_needed(folds)
    ]


def _mixed(slices: pd.DataFrame) -> list[Problem]:
    found = []
    sizes = Counter(zip(slices["width_px"], slices["height_px"], strict=True)).most_common()
    if len(sizes) > 1:
        listed = ", ".join(f"{number} of {w} x {h}" for (w, h), number in sizes[:4])
        listed += f" and {len(sizes) - 4} other sizes" if len(sizes) > 4 else ""
        hint = "nothing if that is meant; the network sees all at one size"
        found.append(warning("size_mixed", f"slices {listed} pixels", "one size", hint))
    depths = slices["bits"].value_counts()
    if len(depths) > 1:
        listed = ", ".join(f"{number} of {bits} bits" for bits, number in depths.items())
        hint = "export all in the same way, from the original data where you can"
        found.append(warning("depth_mixed", f"slices {listed}", "one bit depth", hint))
    return found


def _stripped(slices: pd.DataFrame, method: str) -> list[Problem]:
    """Where brains seem stripped already: black around them, and no bright scalp at their rim.

    Median share of the rim brighter than the inside, measured: whole heads .29 to .60 (three
    scanners and the phantom), the same stripped .08 to .12; their black, .63 to .83 of the picture.
    """
    rim, air = slices["rim_share"].median(), slices["lowest_share"].median()
    if method == "none" or not (rim < STRIPPED_RIM and air > STRIPPED_AIR):
        return []
    value = f"most slices show no scalp, and {air:.0%} of a slice is black: stripped brains"
    expected = f"whole heads, as skull_strip.method is {method}"
    hint = "set skull_strip.method to none: stripping twice cuts into the brain"
    return [warning("brain_stripped", value, expected, hint)]
