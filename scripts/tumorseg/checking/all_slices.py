"""Problems visible only across slices; the errors across cases are in tumorseg.data.cohort."""

from collections import Counter

import numpy as np
import pandas as pd

from tumorseg.checking.each_slice import FLAT_SHARE, TINY_PX
from tumorseg.checking.near_duplicates import BITS, near_pairs
from tumorseg.core.cases import PLANES, patients_needed
from tumorseg.core.problems import Problem, warning
from tumorseg.imaging import strip_harm
from tumorseg.imaging.kept_share import KEPT_SHARE

PAIRS_SHOWN = 200
LARGE = 1.5  # a patient is large with more slices than this multiple of a fold's mean
STRIPPED_RIM, STRIPPED_AIR = 0.2, 0.3  # measured on heads and stripped brains: see `_stripped`


def problems(
    slices: pd.DataFrame,
    fingerprints: np.ndarray,
    folds: int,
    method: str,
    accept_harm: bool = False,
) -> list[Problem]:
    """All problems across slices; errors only where skull stripping would remove tumours.

    slices, fingerprints: from each_slice.Checked. folds: their number, 0 where nothing is trained.
    method, accept_harm: of skull stripping.
    Nearly empty pictures are all alike, so they are not compared with others.
    """
    if slices.empty:
        return []
    pictures = slices["other_share"] >= FLAT_SHARE
    return [
        *near_duplicates(slices[pictures], fingerprints[pictures]),
        *_repeated_masks(slices),
        *_planes(slices, folds),
        *_large_patients(slices, folds),
        *_mixed(slices),
        *_stripped(slices, method),
        *_tumours_stripped(slices, method, accept_harm),
    ]


def near_duplicates(slices: pd.DataFrame, fingerprints: np.ndarray) -> list[Problem]:
    """Warns of pictures of different patients that are nearly the same, nearest first.

    slices: case, patient, digest, file, row. Identical pixels are left out, because
    tumorseg.data.cohort reports them.
    """
    pairs = near_pairs(fingerprints, pd.factorize(slices["patient"])[0])
    digests = slices["digest"].to_numpy(object)
    pairs = pairs[digests[pairs["first"]] != digests[pairs["second"]]]
    warnings = []
    for pair in pairs.head(PAIRS_SHOWN).itertuples():
        first, second = slices.iloc[pair.first], slices.iloc[pair.second]
        warnings.append(
            warning(
                "near_duplicate",
                f"case {second['case']} of patient {second['patient']} is nearly the same picture "
                f"as case {first['case']} of patient {first['patient']} ({pair.bits} of {BITS} "
                "bits differ)",
                "different pictures for different patients",
                "name the same patient for both, or remove one",
            ).at(second["file"], int(second["row"]), second["source_case"])
        )
    if len(pairs) > PAIRS_SHOWN:
        warnings.append(
            warning(
                "near_duplicate",
                f"{len(pairs) - PAIRS_SHOWN} further pairs of nearly the same picture",
                "different pictures for different patients",
                "fix those that are listed and check again",
            )
        )
    return warnings


def _repeated_masks(slices: pd.DataFrame) -> list[Problem]:
    """A warning for each mask that slices of several patients have: a cell copied to other rows."""
    drawn = slices[(slices["mask_digest"] != "") & (slices["tumour_px"] >= TINY_PX)]
    drawn = drawn.drop_duplicates("digest")  # the same picture twice is an error by itself
    warnings = []
    for _, same in drawn.groupby("mask_digest", sort=False):
        if same["patient"].nunique() > 1:
            first, last = same.iloc[0], same.iloc[-1]
            value = (
                f"{len(same)} cases of {same['patient'].nunique()} patients have exactly the same "
                f"mask, for instance {first['case']} and {last['case']}"
            )
            hint = "check that each annotation is that of its image"
            found = warning("mask_repeated", value, "a mask for each image", hint)
            warnings.append(found.at(last["file"], int(last["row"]), last["source_case"]))
    return warnings


def _planes(slices: pd.DataFrame, folds: int) -> list[Problem]:
    patients = slices.groupby("plane")["patient"].nunique()
    return [
        warning(
            "plane_rare",
            f"{plane} slices of only {patients[plane]} patients",
            f"at least {folds}, so that each of {folds} folds can have some for testing",
            "add patients, lower folds.count, or interpret results of this plane with care",
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
            f"at most the mean size of a fold, {len(slices) / folds:.0f}",
            "use fewer of its slices, or accept that its fold is larger than the others",
        )
        for patient, count in counts.items()
        if folds and count > LARGE * len(slices) / folds and len(counts) >= patients_needed(folds)
    ]


def _mixed(slices: pd.DataFrame) -> list[Problem]:
    warnings = []
    sizes = Counter(zip(slices["width_px"], slices["height_px"], strict=True)).most_common()
    if len(sizes) > 1 and not slices["depth_px"].any():  # volumes have sizes of their own
        listed = ", ".join(f"{number} of {w} x {h}" for (w, h), number in sizes[:4])
        listed += f" and {len(sizes) - 4} other sizes" if len(sizes) > 4 else ""
        hint = "ignore this if it is intended; all are resized to the network's size"
        warnings.append(warning("size_mixed", f"slices: {listed} pixels", "one size", hint))
    depths = slices["bits"].value_counts()
    if len(depths) > 1:
        listed = ", ".join(f"{number} of {bits} bits" for bits, number in depths.items())
        hint = "export all in the same way, if possible from the original data"
        warnings.append(warning("depth_mixed", f"slices: {listed}", "one bit depth", hint))
    return warnings


def _stripped(slices: pd.DataFrame, method: str) -> list[Problem]:
    """Warns if most brains seem stripped already: black around them, no bright scalp at their rim.

    Measured: the median share of rim pixels brighter than the inside is .29 to .60 in whole heads
    (three scanners and the phantom), and .08 to .12 in the same heads stripped, whose pictures are
    black in .63 to .83 of their pixels.
    """
    rim, air = slices["rim_share"].median(), slices["lowest_share"].median()
    if method == "none" or not (rim < STRIPPED_RIM and air > STRIPPED_AIR):
        return []
    value = f"stripped brains: most slices show no scalp, and {air:.0%} of a slice is black"
    expected = f"whole heads, because skull_strip.method is {method}"
    hint = "set skull_strip.method to none, because stripping twice removes parts of the brain"
    return [warning("brain_stripped", value, expected, hint)]


def _tumours_stripped(slices: pd.DataFrame, method: str, accepted: bool) -> list[Problem]:
    """Each slice whose tumour the stripping in use would cut, and whether they are too many."""
    worst = slices[slices["kept"] < KEPT_SHARE].sort_values("kept", kind="stable")
    found = strip_harm.problem(method, slices["kept"], slices["kept_by_head"], accepted)
    return [
        *([found] if found else []),
        *(
            warning(
                "tumour_stripped",
                f"case {row.case}: skull stripping by {method} removes {1 - row.kept:.0%} of the "
                "tumour",
                f"at most {1 - KEPT_SHARE:.0%}",
                "look at the outline in this slice, or use another skull_strip.method",
            ).at(row.file, int(row.row), row.source_case)
            for row in worst.itertuples()
        ),
    ]
