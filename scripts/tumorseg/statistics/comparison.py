"""Compares losses: each patient's score, and the contrast of every pair of losses.

A score is a patient's mean Dice over the images in which it is defined. Every patient is a test
patient of one fold, so the scores of two losses are paired.
"""

import math
from itertools import combinations
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

from tumorseg.metrics import ratio
from tumorseg.statistics.estimates import (
    LEVEL,
    Interval,
    corrected_interval,
    holm,
    signed_rank,
    smallest_p,
)
from tumorseg.statistics.two_sources import Estimate, counted, half_width, of_table, p_value

PRIMARY, EXPLORATORY = "primary", "exploratory"
# The threshold of the config, or the one chosen on the validation cases of each training.
FIXED, OWN = "fixed", "own"


class Question(NamedTuple):
    """What the study asks, fixed in the config before anything is trained.

    resamples, seed: of the random draws for the ranking. of: what is segmented, in words; empty
    where there is one class without a name. margin: the smallest difference in Dice that matters.
    """

    recipe: str
    reference: str
    resamples: int = 9999
    seed: int = 1
    of: str = ""
    margin: float = 0.02


def patient_scores(cases: pd.DataFrame, name: str = "dice") -> pd.DataFrame:
    """Rows (fold, patient), columns (recipe, loss, seed): means over images, NaN where undefined.

    cases: rows of metrics tables; those of failed trainings are NaN and stay NaN.
    """
    keys = ["fold", "patient", "recipe", "loss", "seed"]
    means = cases.groupby(keys, sort=False)[name].mean()
    columns = cases[["recipe", "loss", "seed"]].drop_duplicates()
    # Keep the order of the table: no number may depend on names, which may be pseudonyms.
    rows = pd.MultiIndex.from_frame(cases[["fold", "patient"]].drop_duplicates())
    scores = means.unstack(["recipe", "loss", "seed"]).reindex(rows)
    return scores[list(columns.itertuples(index=False))]


def set_ups(scores: pd.DataFrame) -> list[tuple[str, str]]:
    """(recipe, loss) of all columns of patient_scores, in their order."""
    return list(dict.fromkeys((recipe, loss) for recipe, loss, _ in scores.columns))


def paired(scores: pd.DataFrame, first: tuple[str, str], second: tuple[str, str]) -> pd.DataFrame:
    """Patients x seeds: first minus second, seed by seed."""
    return scores[first] - scores[second]


def interval(scores: pd.DataFrame, least: float = -1.0) -> Interval:
    """The mean over patients and its 95 % interval, from both sources of chance (two_sources).

    scores: rows (fold, patient), one column for each seed; at least -1 (differences) or 0. With a
    single training the interval counts patients only.
    """
    return _interval(of_table(scores), least)


def _interval(estimate: Estimate, least: float, models: bool = False) -> Interval:
    by_models = estimate.models_error, estimate.models_df
    error, df = by_models if models else (estimate.error, estimate.df)
    centre, half = float(estimate.mean), float(half_width(error, df, 1 - LEVEL))
    if math.isnan(half):
        return Interval(centre, math.nan, math.nan)
    return Interval(centre, max(least, centre - half), min(1.0, centre + half))


def another_seed(estimate: Estimate) -> float:
    """By how much the mean would move, in 95 of 100 cases, were all trainings repeated anew.

    NaN for a single training. With one seed the rest is part of the patients, so it is left out.
    """
    seeds = estimate.trainings / max(1, estimate.folds)
    rest = np.nan_to_num(estimate.spread_rest**2 / max(1.0, estimate.patients * seeds))
    variance = estimate.shares * estimate.spread_trainings**2 + rest
    return float(stats.norm.ppf(1 - LEVEL / 2) * np.sqrt(2 * variance))


def contrast(
    scores: pd.DataFrame, first: tuple[str, str], second: tuple[str, str]
) -> dict[str, object]:
    """One row of the contrasts: how the first loss differs from the second.

    first, second: (recipe, loss); scores: see patient_scores. docs/statistics.md describes the
    columns. `undecided` counts patients without a score of both losses by every training that
    finished in their fold.
    """
    differences = paired(scores, first, second)
    estimate, of_patients = of_table(differences), counted(differences)
    centre, low, high = _interval(estimate, -1)
    _, models_low, models_high = _interval(estimate, -1, models=True)
    test = signed_rank(of_patients)
    decided = of_patients.notna()
    of_first, of_second = (scores[name].mean(axis=1)[decided] for name in (first, second))
    rank_sum = stats.mannwhitneyu(of_first, of_second).pvalue if decided.any() else math.nan
    folds = of_patients.groupby(level="fold").mean()
    corrected, fold_p = corrected_interval(folds, ratio(1, len(folds) - 1))
    return {
        "patients": estimate.patients,
        "undecided": len(decided) - estimate.patients,
        "trainings": estimate.trainings,
        "folds": estimate.folds,
        "seeds": differences.shape[1],
        "mean_difference": centre,
        "low": low,
        "high": high,
        "p": float(p_value(estimate.mean, estimate.error, estimate.df)),
        "standard_error": float(estimate.error),
        "df": float(estimate.df),
        "trainings_counted": estimate.both,
        "models_low": models_low,
        "models_high": models_high,
        "models_error": float(estimate.models_error),
        "models_df": estimate.models_df,
        "another_seed": another_seed(estimate),
        "spread_patients": float(estimate.spread_patients),
        "spread_trainings": float(estimate.spread_trainings),
        "median_difference": test.median,
        "better": int((of_patients > 0).sum()),
        "equal": test.zeros,
        "worse": int((of_patients < 0).sum()),
        "rank_biserial": test.rank_biserial,
        "p_signed_rank": test.p,
        "p_rank_sum": float(rank_sum),
        "folds_low": corrected.low,
        "folds_high": corrected.high,
        "folds_p": fold_p,
        "folds_smallest_signed_rank_p": smallest_p(int(folds.notna().sum())),
    }


def contrasts(by_threshold: dict[str, pd.DataFrame], question: Question) -> pd.DataFrame:
    """The contrast of every pair of losses of each recipe, the primary contrasts first.

    by_threshold: FIXED (and OWN) -> patient_scores. Primary contrasts compare each loss with the
    reference, at the fixed threshold and with the question's recipe; Holm's correction is over
    these. All others are exploratory, with Holm's correction over all of them together.
    """
    rows = []
    for threshold, scores in by_threshold.items():
        for first, second in combinations(set_ups(scores), 2):
            if first[0] != second[0]:
                continue
            if first[1] == question.reference:
                first, second = second, first
            primary = threshold == FIXED and (question.recipe, question.reference) == second
            row = {"role": PRIMARY if primary else EXPLORATORY, "recipe": first[0]}
            row |= {"threshold": threshold, "loss": first[1], "against": second[1]}
            rows.append(row | contrast(scores, first, second))
    if not rows:
        return pd.DataFrame(columns=["role", "recipe", "threshold", "loss", "against"])
    table = pd.DataFrame(rows)
    for _, family in table.groupby("role"):
        for name in ("p", "p_signed_rank", "p_rank_sum"):
            table.loc[family.index, f"{name}_holm"] = holm(family[name])
    return table.sort_values("role", ascending=False, kind="stable").reset_index(drop=True)


def between_recipes(scores: pd.DataFrame) -> pd.DataFrame:
    """The contrast of every pair of recipes with the same loss, at the fixed threshold.

    All are exploratory, with Holm's correction over them. The later recipe is compared with the
    earlier one, so that the question's recipe, which is the first, is what others are compared
    with. scores: see patient_scores.
    """
    rows = [
        {"loss": first[1], "recipe": second[0], "against": first[0]}
        | contrast(scores, second, first)
        for first, second in combinations(set_ups(scores), 2)
        if first[0] != second[0] and first[1] == second[1]
    ]
    table = pd.DataFrame(rows)
    if rows:
        table["p_holm"] = holm(table["p"])
    return table
