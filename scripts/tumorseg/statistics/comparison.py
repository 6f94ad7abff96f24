"""The comparison itself: patients' scores, and each pair of losses held against each other.

A score is a patient's mean Dice over the images in which it is defined. Every patient is a test
patient of one fold, so scores of two losses are paired.
"""

import math
from itertools import combinations
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

from tumorseg.metrics import ratio
from tumorseg.statistics.estimates import (
    Interval,
    bootstrap_interval,
    corrected_interval,
    detectable_difference,
    holm,
    mean,
    signed_rank,
    smallest_p,
)

PRIMARY, EXPLORATORY = "primary", "exploratory"
FIXED, OWN = "fixed", "own"  # thresholds: the config's, or the one that validation cases choose
SEEDS_FOR_A_LOSS = 3  # with fewer, a claim is about the trained models


class Question(NamedTuple):
    """What is compared, fixed by the config before anything is trained."""

    recipe: str
    reference: str
    resamples: int
    seed: int


def patient_scores(cases: pd.DataFrame, name: str = "dice") -> pd.DataFrame:
    """Rows (fold, patient), columns (recipe, loss, seed): means over images; NaN where undefined.

    cases: lines of metrics tables; those of failed trainings hold NaN and stay NaN.
    """
    keys = ["fold", "patient", "recipe", "loss", "seed"]
    means = cases.groupby(keys, sort=False)[name].mean()
    columns = cases[["recipe", "loss", "seed"]].drop_duplicates()
    # In the order of the lines: the bootstrap draws by place, and names may be pseudonyms.
    rows = pd.MultiIndex.from_frame(cases[["fold", "patient"]].drop_duplicates())
    scores = means.unstack(["recipe", "loss", "seed"]).reindex(rows)
    return scores[list(columns.itertuples(index=False))]


def dice_of_counts(curves: pd.DataFrame) -> pd.Series:
    """Dice of each line of a thresholds table; NaN where both masks are empty."""
    whole = 2 * curves["tp"] + curves["fp"] + curves["fn"]
    return (2 * curves["tp"] / whole).where(whole > 0)


def chosen_thresholds(curves: pd.DataFrame) -> pd.DataFrame:
    """recipe, loss, seed, fold, threshold: the best mean patient Dice of the validation cases.

    Of equal ones the nearest to .5. curves: thresholds tables with recipe and loss.
    """
    training = ["recipe", "loss", "seed", "fold"]
    seen = curves[curves["role"] == "validation"].assign(dice=dice_of_counts)
    scores = seen.groupby([*training, "threshold", "patient"], sort=False)["dice"].mean()
    means = scores.groupby([*training, "threshold"], sort=False).mean().reset_index()
    means = means.assign(distance=(means["threshold"] - 0.5).abs())
    best = means.sort_values(["dice", "distance"], ascending=[False, True], kind="stable")
    best = best.groupby(training, sort=False).head(1).sort_index()
    return best[[*training, "threshold"]].reset_index(drop=True)


def at_own_threshold(cases: pd.DataFrame, curves: pd.DataFrame) -> pd.DataFrame:
    """The metrics lines with the Dice of each training's own threshold instead of the config's."""
    keys = ["recipe", "loss", "seed", "fold"]
    tests = curves[curves["role"] == "test"].merge(
        chosen_thresholds(curves), on=[*keys, "threshold"]
    )
    own = tests.assign(own_dice=dice_of_counts)[[*keys, "case", "own_dice"]]
    both = cases.merge(own, on=[*keys, "case"], how="left")
    return both.assign(dice=both["own_dice"]).drop(columns="own_dice")


def paired(scores: pd.DataFrame, first: tuple[str, str], second: tuple[str, str]) -> pd.DataFrame:
    """Patients x seeds: first minus second, seed by seed."""
    return scores[first] - scores[second]


def interval(differences: pd.DataFrame, question: Question) -> Interval:
    """Mean difference over patients and its 95 % interval.

    differences: rows (fold, patient), a column a seed. Up to two seeds: BCa over patients, of the
    mean over seeds, so it speaks of the trained models. From three on: percentile bootstrap that
    draws patients and, inside each fold, trainings, so it speaks of the losses.
    """
    of_patients = differences.mean(axis=1, skipna=False).dropna()
    if differences.shape[1] < SEEDS_FOR_A_LOSS or len(of_patients) < 2:
        return bootstrap_interval(of_patients, question.resamples, question.seed)
    sure = differences.loc[of_patients.index]
    random = np.random.default_rng(question.seed)
    weights = patient_weights(len(sure), question.resamples, random)
    low, high = np.quantile(resampled_means(sure, weights, random), [0.025, 0.975])
    return Interval(mean(of_patients).value, float(low), float(high))


def patient_weights(patients: int, resamples: int, random: np.random.Generator) -> np.ndarray:
    """(resamples, patients): how often each bootstrap sample holds each patient."""
    return random.multinomial(patients, np.full(patients, 1 / patients), resamples)


def resampled_means(
    values: pd.DataFrame, weights: np.ndarray, random: np.random.Generator
) -> np.ndarray:
    """Mean of each bootstrap sample of patients, with each fold's trainings drawn again as well.

    values: rows (fold, patient) as in `weights`, a column a seed.
    """
    resamples, seeds = len(weights), values.shape[1]
    total, fold_of = np.zeros(resamples), values.index.get_level_values("fold")
    for fold in fold_of.unique():
        rows = np.flatnonzero(fold_of == fold)
        drawn = random.multinomial(seeds, np.full(seeds, 1 / seeds), resamples) / seeds
        total += ((drawn @ values.to_numpy()[rows].T) * weights[:, rows]).sum(axis=1)
    return total / len(values)


def contrast(
    scores: pd.DataFrame, first: tuple[str, str], second: tuple[str, str], question: Question
) -> dict[str, object]:
    """One line: how the first loss differs from the second, over patients and over folds.

    `undecided` counts patients without a score of both (a failed training, an undefined Dice).
    """
    differences = paired(scores, first, second)
    of_patients = differences.mean(axis=1, skipna=False)
    centre, low, high = interval(differences, question)
    test = signed_rank(of_patients)
    both = of_patients.notna()
    firsts, seconds = (scores[name].mean(axis=1)[both] for name in (first, second))
    rank_sum = stats.mannwhitneyu(firsts, seconds).pvalue if both.any() else math.nan
    folds = of_patients.groupby(level="fold").mean()
    corrected, fold_p = corrected_interval(folds, ratio(1, len(folds) - 1))
    return {
        "patients": int(both.sum()),
        "undecided": int((~both).sum()),
        "seeds": differences.shape[1],
        "mean_difference": centre,
        "low": low,
        "high": high,
        "median_difference": test.median,
        "better": int((of_patients > 0).sum()),
        "equal": test.zeros,
        "worse": int((of_patients < 0).sum()),
        "rank_biserial": test.rank_biserial,
        "p": test.p,
        "p_rank_sum": float(rank_sum),
        "folds_low": corrected.low,
        "folds_high": corrected.high,
        "folds_p": fold_p,
        "folds_smallest_signed_rank_p": smallest_p(int(folds.notna().sum())),
        "spread": float(of_patients.std(ddof=1)),
    }


def contrasts(by_threshold: dict[str, pd.DataFrame], question: Question) -> pd.DataFrame:
    """Every pair of losses of each recipe, first the primary contrasts.

    by_threshold: FIXED (and OWN) to patient_scores. Primary: at the fixed threshold, with the
    question's recipe, each loss against the reference; Holm over these. All others are
    exploratory: Holm over all of them together. `detectable_difference`: of the signed-rank test at
    a power of 80 % and the level of Holm's first step.
    """
    lines = []
    for threshold, scores in by_threshold.items():
        cells = list(dict.fromkeys((recipe, loss) for recipe, loss, _ in scores.columns))
        for one, other in combinations(cells, 2):
            if one[0] != other[0]:
                continue
            first, second = (other, one) if one[1] == question.reference else (one, other)
            primary = threshold == FIXED and (question.recipe, question.reference) == second
            line = {"role": PRIMARY if primary else EXPLORATORY, "recipe": first[0]}
            line |= {"threshold": threshold, "loss": first[1], "against": second[1]}
            lines.append(line | contrast(scores, first, second, question))
    if not lines:
        return pd.DataFrame(columns=["role", "recipe", "threshold", "loss", "against"])
    table = pd.DataFrame(lines)
    for _, family in table.groupby("role"):
        table.loc[family.index, "p_holm"] = holm(family["p"])
        table.loc[family.index, "p_rank_sum_holm"] = holm(family["p_rank_sum"])
        smallest = [
            detectable_difference(row.spread, row.patients, 0.05 / len(family))
            for row in family.itertuples()
        ]
        table.loc[family.index, "detectable_difference"] = smallest
    return table.sort_values("role", ascending=False, kind="stable").reset_index(drop=True)
