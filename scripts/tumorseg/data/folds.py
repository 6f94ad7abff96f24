"""Cross-validation folds: a patient is never split; balanced by plane and tumour size.

Where tumours are rare, first of all every part of a fold gets one.
"""

import warnings
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import TypeVar

import numpy as np
import pandas as pd

from tumorseg.core.cases import patients_needed
from tumorseg.core.errors import UserError
from tumorseg.core.problems import Problem, warning

ROLES = ("train", "validation", "test")
Parts = list[np.ndarray]  # the positions of the cases of each part
Choice = TypeVar("Choice")


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


def _divisions(masks: pd.DataFrame, count: int, seed: int, remaining: int) -> Iterator[Parts]:
    """Ways to divide the cases into `count` parts without splitting a patient, the best first.

    With balanced strata; patients distributed evenly, for few patients with many slices each; those
    with a tumour dealt first, for few tumours. Each part has a patient, and at least `remaining`
    patients are outside each.
    """
    # Trainings import this module as well, and never need scikit-learn, which starts slowly.
    from sklearn.model_selection import GroupKFold, StratifiedGroupKFold

    # Numbered by first appearance: scikit-learn sorts groups by name, and names may be pseudonyms.
    patients = pd.Series(pd.factorize(masks["patient"])[0])
    most = patients.nunique() - remaining
    for splitter in (
        StratifiedGroupKFold(count, shuffle=True, random_state=seed),
        GroupKFold(count, shuffle=True, random_state=seed),
    ):
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "The least populated class")
            labels = _labels(masks, count)
            positions = [part for _, part in splitter.split(masks, labels, patients)]
        if all(1 <= patients.iloc[part].nunique() <= most for part in positions):
            yield positions
    shuffled = np.random.default_rng(seed).permutation(patients.nunique())
    with_tumour = np.isin(shuffled, patients[masks["tumour_px"].to_numpy() > 0])
    order = shuffled[np.argsort(~with_tumour, kind="stable")]
    yield [np.flatnonzero(patients.isin(order[first::count])) for first in range(count)]


def _tumours(masks: pd.DataFrame, part: np.ndarray, remaining: int) -> tuple[bool, bool]:
    """Whether `remaining` patients outside the part have a tumour, and whether one inside has."""
    inside = np.isin(np.arange(len(masks)), part)
    tumour = masks["tumour_px"].to_numpy() > 0
    within, beyond = (masks["patient"][tumour & where].nunique() for where in (inside, ~inside))
    return beyond >= remaining, within >= 1


def _best(choices: Iterable[Choice], quality: Callable[[Choice], tuple[bool, ...]]) -> Choice:
    """The first choice of the best quality; later ones are not made where an earlier has all."""
    judged = []
    for choice in choices:
        judged.append((quality(choice), choice))
        if all(judged[-1][0]):
            break
    return max(judged, key=lambda pair: pair[0])[1]


def _fixed_test(masks: pd.DataFrame, count: int, seed: int) -> np.ndarray:
    """The positions of the cases of so many patients, drawn evenly from all strata.

    A patient's stratum is that of the largest tumour. Systematic sampling: patients are shuffled,
    sorted by stratum, and taken at equal distances from a random start.
    """
    patients = pd.Series(pd.factorize(masks["patient"])[0])
    random = np.random.default_rng(seed)
    largest = masks["tumour_px"].reset_index(drop=True).groupby(patients).idxmax()
    labels = strata(masks).to_numpy()[largest.to_numpy()]
    shuffled = random.permutation(len(labels))
    order = shuffled[np.argsort(labels[shuffled], kind="stable")]
    chosen = order[np.floor((np.arange(count) + random.random()) * len(order) / count).astype(int)]
    return np.flatnonzero(patients.isin(chosen))


def split(
    masks: pd.DataFrame,
    count: int,
    validation_share: float,
    seed: int,
    test_patients: int = 0,
    tests: Parts | None = None,
) -> pd.DataFrame:
    """Folds 1 to count, each case once per fold: case, patient, plane, fold, role.

    masks: case, patient, plane, tumour_px, one row per case; the result depends on their order and
    on no name. Every case is test in exactly one fold; about validation_share of the others are
    validation. As far as there are enough tumours, each part of each fold has one. A single fold is
    a fixed split with so many test_patients. tests: each fold's test cases, where they are not
    drawn here. Raises UserError where there are fewer patients than the folds need.
    """
    patients = masks["patient"].nunique()
    needed = test_patients + 2 if count == 1 else patients_needed(count)
    if patients < needed:
        raise UserError(
            f"folds: {patients} patients cannot make {count} folds with train, validation and test;"
            f" use at least {needed} patients or lower folds."
            + ("test_patients" if count == 1 else "count")
        )
    masks = masks.reset_index(drop=True)  # the table's order counts, as names may be pseudonyms
    tables = []

    def of_all_parts(parts: Parts) -> tuple[bool, ...]:
        return tuple(map(all, zip(*(_tumours(masks, part, 2) for part in parts), strict=True)))

    if tests is None and count == 1:
        tests = [_fixed_test(masks, test_patients, seed)]
    elif tests is None:
        tests = _best(_divisions(masks, count, seed, remaining=2), of_all_parts)
    for fold, test in enumerate(tests, start=1):
        rest = masks.drop(index=masks.index[test])
        count_inside = min(max(2, round(1 / validation_share)), rest["patient"].nunique())
        divisions = _divisions(rest, count_inside, seed + fold, remaining=1)
        each_part = (part for parts in divisions for part in parts)
        validation = _best(each_part, partial(_tumours, rest, remaining=1))
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
    """Raises UserError where a patient has several roles, or a role lacks or repeats a case.

    Of several folds every case must be test in one; a single fold is a fixed split.
    """
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
    several = folds["fold"].nunique() > 1
    if tests.duplicated().any() or (several and set(tests) != set(folds["case"])):
        raise UserError("folds: every case must be test in exactly one fold")


def tumour_problems(folds: pd.DataFrame, masks: pd.DataFrame) -> list[Problem]:
    """The parts of folds in which no case has a tumour, fold by fold.

    An error where it is the training part (nothing to learn) or the validation part (nothing to
    choose the epoch by); a warning where it is the test part, whose Dice is then undefined.
    """
    with_tumour = set(masks.loc[masks["tumour_px"] > 0, "case"])
    counts = folds["case"].isin(with_tumour).groupby([folds["fold"], folds["role"]]).sum()
    patients = masks.loc[masks["tumour_px"] > 0, "patient"].nunique()
    problems = []
    for (fold, role), number in counts.items():
        value = f"fold {fold}: no {role} case has a tumour ({patients} patients have one)"
        expected = "a tumour in the training, the validation and the test part of every fold"
        hint = "lower folds.count or add patients with a tumour"
        if not number and role == "test":
            hint += "; otherwise the fold has no Dice"
            problems.append(warning("fold_without_tumour", value, expected, hint))
        elif not number:
            problems.append(Problem("fold_without_tumour", value, expected, hint))
    return problems
