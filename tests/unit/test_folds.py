"""Folds never split a patient, test every case once, and balance the strata."""

import hashlib

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import split as split_script
from tumorseg.core.cases import patients_needed, tumours_needed
from tumorseg.core.errors import UserError
from tumorseg.core.files import write_table
from tumorseg.data.folds import ROLES, check, split, strata, tumour_problems

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


def few_tumours(patients: int, tumours: int, seed: int) -> pd.DataFrame:
    """Patients with one to five slices each, of which only the first `tumours` have a tumour."""
    table = masks(patients, seed)
    positive = table["patient"].isin([f"p{number}" for number in range(tumours)])
    table["tumour_px"] = np.where(positive, 1 + table["tumour_px"], 0)
    return table.sample(frac=1, random_state=seed, ignore_index=True)


def without_tumour(folds: pd.DataFrame, table: pd.DataFrame) -> list[tuple[str, str]]:
    return [(p.severity, p.value.split(" case ")[0]) for p in tumour_problems(folds, table)]


@settings(max_examples=25, deadline=None)
@given(count=st.integers(2, 6), more=st.integers(2, 25), seed=st.integers(0, 999))
def test_enough_patients_with_a_tumour_give_every_part_of_every_fold_one(count, more, seed):
    patients = count + more
    table = few_tumours(patients, min(patients, max(count, tumours_needed(count))), seed)
    folds = split(table, count, 0.15, seed)
    check(folds)
    assert without_tumour(folds, table) == []


@pytest.mark.parametrize("count", [2, 3, 5, 8])
@pytest.mark.parametrize("seed", range(4))
def test_as_few_tumours_as_the_check_accepts_are_in_training_and_validation_of_every_fold(
    count, seed
):
    table = few_tumours(patients_needed(count) + 3, tumours_needed(count), seed)
    found = without_tumour(split(table, count, 0.15, seed), table)
    assert {severity for severity, _ in found} <= {"warning"}
    assert len(found) == max(0, count - tumours_needed(count))
    fewer = few_tumours(patients_needed(count) + 3, tumours_needed(count) - 1, seed)
    assert "error" in {
        severity for severity, _ in without_tumour(split(fewer, count, 0.15, seed), fewer)
    }


def digest(folds: pd.DataFrame) -> str:
    return hashlib.sha256(folds.to_csv(index=False).encode()).hexdigest()[:12]


def test_folds_whose_parts_all_have_a_tumour_are_those_of_earlier_versions():
    assert digest(split(masks(20, 3), 4, 0.15, 3)) == "d75330266a8b"
    negatives = masks(40, 3).assign(tumour_px=lambda t: t["tumour_px"].where(t.index % 9 > 0, 0))
    assert digest(split(negatives, 5, 0.15, 3)) == "35215116587e"


def test_the_step_stops_at_a_fold_without_a_tumour_and_names_fold_and_remedy(tmp_path, capsys):
    files = {"masks_table": str(tmp_path / "m.tsv"), "folds_table": str(tmp_path / "f.tsv")}
    arguments = {"fold_count": 5, "validation_share": 0.15, "seed": 1}
    write_table(few_tumours(12, 1, 1), tmp_path / "m.tsv")
    with pytest.raises(UserError, match=r"fold \d: no .* case has a tumour \(1 patients .* lower"):
        split_script.main(**files, **arguments)
    assert not (tmp_path / "f.tsv").exists()
    capsys.readouterr()
    write_table(few_tumours(12, 4, 1), tmp_path / "m.tsv")
    split_script.main(**files, **arguments)
    warned = [line for line in capsys.readouterr().out.splitlines() if "WARNING" in line]
    assert len(warned) == 1 and "no test case has a tumour (4 patients have one)" in warned[0]


@settings(max_examples=25, deadline=None)
@given(tests=st.integers(1, 30), more=st.integers(2, 60), seed=st.integers(0, 999))
def test_a_fixed_split_tests_exactly_so_many_patients_evenly_from_all_strata(tests, more, seed):
    table = masks(tests + more, seed, most=1)
    table["tumour_px"] += 1
    folds = split(table, 1, 0.2, seed, test_patients=tests)
    assert sorted(folds["case"]) == sorted(table["case"])
    assert (folds.groupby("patient")["role"].nunique() == 1).all()
    assert folds.loc[folds["role"] == "test", "patient"].nunique() == tests
    chosen = set(folds.loc[folds["role"] == "test", "case"])
    for _, cases in table["case"].groupby(strata(table)):
        share = len(cases) * tests / (tests + more)
        assert abs(cases.isin(chosen).sum() - share) < 2  # systematic: at most one off at each end


def test_a_fixed_split_depends_on_the_seed_and_not_on_names():
    table = masks(40)
    renamed = table.assign(
        patient=table["patient"].map(lambda name: hashlib.sha1(name.encode()).hexdigest())
    )
    roles = [split(rows, 1, 0.2, 1, test_patients=9)["role"].tolist() for rows in (table, renamed)]
    assert roles[0] == roles[1]
    assert split(table, 1, 0.2, 2, test_patients=9)["role"].tolist() != roles[0]


def test_a_fixed_split_of_too_few_patients_is_one_line():
    with pytest.raises(UserError, match=r"9 patients cannot make 1 folds.*folds\.test_patients"):
        split(masks(9), 1, 0.2, 1, test_patients=8)
