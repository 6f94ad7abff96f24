"""Cross-validation folds: a patient is never split; balanced by plane and tumour size."""

import warnings

import numpy as np
import pandas as pd

from tumorseg.core.cases import patients_needed
from tumorseg.core.errors import UserError

ROLES = ("train", "validation", "test")


def strata(masks: pd.DataFrame) -> pd.Series:
    """One label per case: its plane and its third of tumour areas within that plane."""
    thirds = masks.groupby("plane")["tumour_px"].transform(
        lambda area: (area.rank(method="first") - 1) * 3 // len(area)
    )
    return masks["plane"] + "-" + thirds.astype(int).astype(str)


def _labels(masks: pd.DataFrame, parts: int) -> pd.Series:
    """The finest strata of which one is large enough for every part; few cases allow only few."""
    for labels in (strata(masks), masks["plane"]):
        if labels.value_counts().max() >= parts:
            return labels
    return pd.Series("all", index=masks.index)


def _parts(masks: pd.DataFrame, count: int, seed: int, remaining: int) -> list[np.ndarray]:
    """The positions of the cases of each of `count` parts; no patient is split, strata balanced.

    No part is empty, and at least `remaining` patients are outside each. Where balanced parts
    break that (few patients with many slices each), patients are distributed evenly instead.
    """
    # Trainings import this module as well, and never need scikit-learn, which starts slowly.
    from sklearn.model_selection import GroupKFold, StratifiedGroupKFold

    # Numbered by first appearance: scikit-learn sorts groups by name, and names may be pseudonyms.
    patients = pd.Series(pd.factorize(masks["patient"])[0])
    for splitter in (
        StratifiedGroupKFold(count, shuffle=True, random_state=seed),
        GroupKFold(count, shuffle=True, random_state=seed),
    ):
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "The least populated class")
            labels = _labels(masks, count)
            positions = [part for _, part in splitter.split(masks, labels, patients)]
        most = patients.nunique() - remaining
        if all(1 <= patients.iloc[part].nunique() <= most for part in positions):
            break
    return positions


def split(masks: pd.DataFrame, count: int, validation_share: float, seed: int) -> pd.DataFrame:
    """Folds 1 to count, each case once per fold: case, patient, plane, fold, role.

    masks: case, patient, plane, tumour_px, one row per case; the result depends on their order and
    on no name. Every case is test in exactly one fold; about validation_share of the others are
    validation. Raises UserError where there are fewer patients than the folds need.
    """
    patients = masks["patient"].nunique()
    if patients < patients_needed(count):
        raise UserError(
            f"folds: {patients} patients cannot make {count} folds with train, validation and test;"
            f" use at least {patients_needed(count)} patients or lower folds.count"
        )
    masks = masks.reset_index(drop=True)  # the table's order counts, as names may be pseudonyms
    tables = []
    for fold, test in enumerate(_parts(masks, count, seed, remaining=2), start=1):
        rest = masks.drop(index=masks.index[test])
        count_inside = min(max(2, round(1 / validation_share)), rest["patient"].nunique())
        validation = _parts(rest, count_inside, seed + fold, remaining=1)[0]
        role = pd.Series("train", index=masks.index)
        role.iloc[test] = "test"
        role.loc[rest.index[validation]] = "validation"
        tables.append(masks[["case", "patient", "plane"]].assign(fold=fold, role=role))
    folds = pd.concat(tables, ignore_index=True)
    check(folds)
    return folds


def positions(folds: pd.DataFrame, fold: int, role: str, cases: pd.Series) -> np.ndarray:
    """The positions in `cases` of those that have the role in the fold, ascending."""
    chosen = folds[(folds["fold"] == fold) & (folds["role"] == role)]
    return np.flatnonzero(cases.isin(chosen["case"]))


def check(folds: pd.DataFrame) -> None:
    """Raises UserError where a patient has several roles, or a role lacks or repeats a case."""
    for fold, rows in folds.groupby("fold"):
        per_patient = rows.groupby("patient")["role"].nunique()
        if (per_patient > 1).any():
            patient = per_patient.idxmax()
            raise UserError(f"folds: patient {patient} has several roles in fold {fold}")
        if rows["case"].duplicated().any():
            case = rows["case"][rows["case"].duplicated()].iloc[0]
            raise UserError(f"folds: case {case} appears twice in fold {fold}")
        missing = set(ROLES) - set(rows["role"])
        if missing:
            raise UserError(f"folds: fold {fold} has no {' and no '.join(sorted(missing))} case")
    tests = folds.loc[folds["role"] == "test", "case"]
    if tests.duplicated().any() or set(tests) != set(folds["case"]):
        raise UserError("folds: every case must be test in exactly one fold")
