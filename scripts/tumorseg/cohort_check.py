"""What is wrong or strange about slices only when they are held together."""

from collections import Counter

import numpy as np
import pandas as pd

from tumorseg.cases import PLANES
from tumorseg.duplicates import BITS, near_pairs
from tumorseg.folds import patients_needed
from tumorseg.problems import Problem, warning

PAIRS_SHOWN = 200
SPACING_RATIO = 1.25  # spacings further apart than this factor are worth a word
STRIPPED_RIM, STRIPPED_AIR = 0.2, 0.3  # see `_stripped`; measured on heads and stripped brains


def problems(slices: pd.DataFrame, prints: np.ndarray, folds: int, method: str) -> list[Problem]:
    """All of it. slices, prints: of data_check.Checked; folds: how many; method: skull stripping.

    Pictures with nothing on them are alike and count in no comparison of pictures.
    """
    if slices.empty:
        return []
    pictures = slices["other_share"] > 0
    return [
        *shared_images(slices[pictures]),
        *_near_duplicates(slices[pictures], prints[pictures]),
        *too_few_patients(slices["patient"].nunique(), folds),
        *_planes(slices, folds),
        *_large_patients(slices, folds),
        *_mixed(slices),
        *_stripped(slices, method),
    ]


def shared_images(slices: pd.DataFrame) -> list[Problem]:
    """Pictures whose very pixels another slice has: an error where that is another patient's.

    slices: case, patient, digest, file, row.
    """
    found = []
    firsts: dict[str, tuple] = {}
    for row in slices.itertuples():
        first = firsts.setdefault(row.digest, row)
        if first is row:
            continue
        other = first.patient != row.patient
        code = "patient_shared_image" if other else "image_repeated"
        found.append(
            Problem(
                code,
                f"case {row.case} of patient {row.patient} has the same pixels as case "
                f"{first.case} of patient {first.patient}",
                "an image to be of one patient" if other else "every image once",
                "remove one, or give both the same patient" if other else "remove one",
                row.file,
                row.row,
                "error" if other else "warning",
            )
        )
    return found


def _near_duplicates(slices: pd.DataFrame, prints: np.ndarray) -> list[Problem]:
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


def too_few_patients(patients: int, folds: int) -> list[Problem]:
    """An error where the folds cannot be made of so many patients."""
    needed = patients_needed(folds)
    if patients >= needed:
        return []
    value = f"{patients} patients for {folds} folds"
    expected = f"at least {needed}, so that each fold trains, validates and tests"
    return [
        Problem("patients_too_few", value, expected, "bring more patients or lower folds.count")
    ]


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
        if count > len(slices) / folds and len(counts) >= patients_needed(folds)
    ]


def _mixed(slices: pd.DataFrame) -> list[Problem]:
    found = []
    spacing = slices[["pixel_height_mm", "pixel_width_mm"]].to_numpy(float)
    known = np.isfinite(spacing).all(axis=1)
    low, high = (spacing[known].min(), spacing[known].max()) if known.any() else (1, 1)
    if not known.all():
        found.append(
            warning(
                "spacing_unknown",
                f"{(~known).sum()} of {len(slices)} slices have no pixel spacing",
                "millimetres for all",
                "fill in spacing_mm; distances of these are given in pixels only",
            )
        )
    if high > SPACING_RATIO * low:
        found.append(
            warning(
                "spacing_mixed",
                f"pixels from {low:.3g} to {high:.3g} mm",
                "spacings that are about equal",
                "make sure that they are right; the network sees all at one size",
            )
        )
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
