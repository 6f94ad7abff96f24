"""Does the difference between two losses depend on the subgroup, such as the hospital?

Welch's analysis of variance (1951) of the groups' mean differences: unequal variances are allowed.
"""

import math
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

from tumorseg.statistics.comparison import Question, patient_scores, set_ups
from tumorseg.statistics.estimates import holm
from tumorseg.statistics.two_sources import two_sources

COLUMNS = (
    *("kind", "recipe", "loss", "against", "groups", "patients", "least", "least_difference"),
    *("most", "most_difference", "f", "df", "df_rest", "p", "p_holm", "note"),
)
SEEDS_FOR_LUCK = 3  # of a group's own trainings, to tell their luck from the group
SEVERAL = "not tested: patients have images in several groups"
FEW = "not tested: fewer than two groups of two patients with different scores"
LUCK = "not tested: each group has trainings of its own, which need 3 seeds to tell chance from it"


class Estimate(NamedTuple):
    """A mean, the variance of its estimate, and the degrees of freedom of that variance."""

    mean: float
    variance: float
    df: float


class WelchTest(NamedTuple):
    """Welch's F, its two degrees of freedom, and p."""

    f: float
    df: float
    df_rest: float
    p: float


def of_patients(differences: np.ndarray) -> Estimate:
    """The mean of patients who are the only source of chance. differences: (patients, seeds)."""
    each = differences.mean(axis=1)
    return Estimate(each.mean(), each.var(ddof=1) / len(each), len(each) - 1)


def of_patients_and_trainings(differences: np.ndarray) -> Estimate:
    """The mean of patients whom the same trainings predicted: both are sources of chance.

    differences: (patients, seeds), at least two of both.
    """
    found = two_sources(differences, np.zeros(len(differences), int))
    return Estimate(float(found.mean), float(found.error) ** 2, float(found.df))


def welch(estimates: list[Estimate]) -> WelchTest:
    """Whether means differ by more than chance (Welch 1951); NaN where one has no variance.

    >>> round(welch([Estimate(0.1, 0.01, 9), Estimate(0.4, 0.02, 9)]).p, 3)
    0.102
    """
    means, variances, dfs = (np.array(column, float) for column in zip(*estimates, strict=True))
    count = len(means)
    if count < 2 or not (variances > 0).all():
        return WelchTest(math.nan, math.nan, math.nan, math.nan)
    weights = 1 / variances
    shares = weights / weights.sum()
    between = (weights * (means - shares @ means) ** 2).sum() / (count - 1)
    unequal = ((1 - shares) ** 2 / dfs).sum()
    f = between / (1 + 2 * (count - 2) / (count**2 - 1) * unequal)
    df_rest = (count**2 - 1) / (3 * unequal)
    return WelchTest(f, count - 1, df_rest, float(stats.f.sf(f, count - 1, df_rest)))


def interactions(metrics: pd.DataFrame, table: pd.DataFrame, question: Question) -> pd.DataFrame:
    """One row for each kind of subgroup and each loss: does its lead depend on the group?

    metrics: rows of metrics tables; table: case, kind, group (subgroups.groups). Exploratory; Holm
    over all rows. Groups of fewer than two patients are left out. A kind of which a patient is in
    several groups is not tested. Where all patients of a group have the same trainings, as with
    folds.by site, these are a source of chance as well.
    """
    rows = []
    for kind, of_kind in table.groupby("kind", sort=False):
        merged = metrics.merge(of_kind[["case", "group"]], on="case")
        several = (merged.groupby("patient")["group"].nunique() > 1).any()
        by_group = {group: patient_scores(part) for group, part in merged.groupby("group")}
        for recipe, loss in set_ups(patient_scores(merged)):
            if loss == question.reference:
                continue
            found = {
                str(group): (scores[recipe, loss] - scores[recipe, question.reference]).dropna()
                for group, scores in by_group.items()
            }
            row = {"kind": kind, "recipe": recipe, "loss": loss, "against": question.reference}
            rows.append(row | _row({g: d for g, d in found.items() if len(d) > 1}, several))
    result = pd.DataFrame(rows, columns=COLUMNS)
    return result.assign(p_holm=holm(result["p"]))


def _row(differences: dict[str, pd.DataFrame], several: bool) -> dict[str, object]:
    """The test of one loss. differences: group -> rows (fold, patient), one column a seed."""
    row: dict[str, object] = {"groups": len(differences)}
    row |= {"patients": sum(map(len, differences.values()))}
    means = {group: float(found.to_numpy().mean()) for group, found in differences.items()}
    if means:
        for name, pick in (("least", min), ("most", max)):
            group = pick(means, key=lambda group: means[group])
            row |= {name: group, f"{name}_difference": means[group]}
    own = [found.index.get_level_values("fold").nunique() == 1 for found in differences.values()]
    seeds = min((found.shape[1] for found in differences.values()), default=0)
    if several:
        return row | {"note": SEVERAL}
    if any(own) and seeds < SEEDS_FOR_LUCK:
        return row | {"note": LUCK}
    test = welch(
        [
            (of_patients_and_trainings if alone else of_patients)(found.to_numpy())
            for alone, found in zip(own, differences.values(), strict=True)
        ]
        or [Estimate(math.nan, math.nan, math.nan)]
    )
    return row | test._asdict() | {"note": FEW if math.isnan(test.p) else ""}
