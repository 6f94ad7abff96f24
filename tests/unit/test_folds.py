"""Folds never split a patient, test every case once, and balance the strata."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tumorseg.core.errors import UserError
from tumorseg.data.folds import ROLES, check, split, strata

PLANES = ("axial", "coronal", "sagittal")


def masks(patients: int, seed: int = 0, most: int = 5) -> pd.DataFrame:
    """Patients with 1 to `most` slices each, of random plane and tumour size."""
    random = np.random.default_rng(seed)
    rows = [
        {"patient": f"p{patient}", "plane": random.choice(PLANES)}
        for patient in range(patients)
        for _ in range(random.integers(1, most + 1))
    ]
    table = pd.DataFrame(rows)
    table["case"] = [f"{number:04d}" for number in range(len(table))]
    table["tumour_px"] = random.integers(0, 9000, len(table))
    return table


@settings(max_examples=25, deadline=None)
@given(
    count=st.integers(2, 6),
    more=st.integers(2, 25),
    share=st.floats(0.05, 0.5),
    seed=st.integers(0, 999),
)
def test_every_case_is_test_once_and_no_patient_has_two_roles(count, more, share, seed):
    table = masks(count + more, seed)
    folds = split(table, count, share, seed)
    assert sorted(folds["fold"].unique()) == list(range(1, count + 1))
    for _, rows in folds.groupby("fold"):
        assert sorted(rows["case"]) == sorted(table["case"])
        assert (rows.groupby("patient")["role"].nunique() == 1).all()
        assert set(rows["role"]) == set(ROLES)
    tests = folds.loc[folds["role"] == "test", "case"]
    assert sorted(tests) == sorted(table["case"])


def test_each_case_keeps_its_patient_and_plane():
    table = masks(12)
    folds = split(table, 3, 0.2, 1)
    for _, rows in folds.groupby("fold"):
        together = rows.merge(table, on=["case", "patient", "plane"])
        assert len(together) == len(table)


def test_folds_depend_on_the_seed_and_not_on_names():
    table = masks(20)
    first = split(table, 5, 0.15, 7)
    names = {name: f"q{hash(name)}" for name in table["patient"]}
    renamed = table.assign(patient=table["patient"].map(names), case=[*reversed(table["case"])])
    again = split(renamed, 5, 0.15, 7)
    pd.testing.assert_frame_equal(
        first[["plane", "fold", "role"]], again[["plane", "fold", "role"]]
    )
    assert list(first["patient"].map(names)) == list(again["patient"])
    assert not first["role"].equals(split(table, 5, 0.15, 8)["role"])


def test_planes_and_sizes_are_balanced():
    """With many small patients, each test fold has nearly the overall share of every stratum."""
    table = masks(400, most=2)
    table["stratum"] = strata(table)
    assert table["stratum"].nunique() == 9
    assert table.groupby("plane")["stratum"].value_counts().groupby("plane").agg(np.ptp).max() <= 1
    folds = split(table, 5, 0.15, 1)
    tests = folds[folds["role"] == "test"].merge(table[["case", "stratum"]], on="case")
    counts = pd.crosstab(tests["stratum"], tests["fold"])
    assert (counts.max(axis=1) - counts.min(axis=1)).max() <= 3
    shares = folds.groupby(["fold", "role"])["case"].count().unstack() / len(table)
    assert shares["test"].between(0.18, 0.22).all()
    assert (shares["validation"] / (1 - shares["test"])).between(0.11, 0.19).all()


def test_strata_are_thirds_of_the_area_within_each_plane():
    table = pd.DataFrame({"plane": ["axial"] * 6, "tumour_px": [60, 10, 50, 20, 40, 30]})
    assert list(strata(table)) == [f"axial-{third}" for third in (2, 0, 2, 0, 1, 1)]


def test_too_few_patients_are_rejected_with_the_number_needed():
    with pytest.raises(UserError, match="at least 7 patients or lower"):
        split(masks(6), 5, 0.15, 1)


def planted(change) -> pd.DataFrame:
    folds = split(masks(12), 3, 0.2, 1)
    return change(folds)


def leak_a_patient(folds):
    several = folds.groupby("patient")["case"].nunique()
    patient = several[several > 1].index[0]
    chosen = folds.index[(folds["patient"] == patient) & (folds["fold"] == 1)]
    others = {"train": "validation", "validation": "train", "test": "train"}
    folds.loc[chosen[0], "role"] = others[folds.loc[chosen[0], "role"]]
    return folds


def drop_validation(folds):
    folds.loc[(folds["fold"] == 2) & (folds["role"] == "validation"), "role"] = "train"
    return folds


def repeat_a_case(folds):
    return pd.concat([folds, folds.iloc[[0]]], ignore_index=True)


def test_twice(folds):
    row = folds[(folds["fold"] == 1) & (folds["role"] == "test")].iloc[0]
    chosen = (folds["fold"] == 2) & (folds["patient"] == row["patient"])
    folds.loc[chosen, "role"] = "test"
    return folds


def forget_a_test(folds):
    patient = folds[(folds["fold"] == 1) & (folds["role"] == "test")]["patient"].iloc[0]
    folds.loc[(folds["fold"] == 1) & (folds["patient"] == patient), "role"] = "train"
    return folds


test_twice.__test__ = False


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (leak_a_patient, "has several roles in fold 1"),
        (drop_validation, "fold 2 has no validation case"),
        (repeat_a_case, "appears twice in fold 1"),
        (test_twice, "test in exactly one fold"),
        (forget_a_test, "test in exactly one fold"),
    ],
)
def test_check_rejects_each_planted_fault(change, message):
    with pytest.raises(UserError, match=message):
        check(planted(change))


def test_check_accepts_valid_folds():
    check(planted(lambda folds: folds))
