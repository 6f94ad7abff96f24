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
    bootstrap_interval,
    corrected_interval,
    detectable_difference,
    holm,
    mean,
    signed_rank,
    smallest_p,
)

PRIMARY, EXPLORATORY = "primary", "exploratory"
# The threshold of the config, or the one chosen on the validation cases of each training.
FIXED, OWN = "fixed", "own"
SEEDS_FOR_A_LOSS = 3  # with fewer, the results are about the trained models only


class Question(NamedTuple):
    """What the study asks, fixed in the config before anything is trained.

    of: what is segmented, in words; empty where there is one class without a name.
    """

    recipe: str
    reference: str
    resamples: int
    seed: int
    of: str = ""


def patient_scores(cases: pd.DataFrame, name: str = "dice") -> pd.DataFrame:
    """Rows (fold, patient), columns (recipe, loss, seed): means over images, NaN where undefined.

    cases: rows of metrics tables; those of failed trainings are NaN and stay NaN.
    """
    keys = ["fold", "patient", "recipe", "loss", "seed"]
    means = cases.groupby(keys, sort=False)[name].mean()
    columns = cases[["recipe", "loss", "seed"]].drop_duplicates()
    # Keep the order of the table: the bootstrap draws by position, and names may be pseudonyms.
    rows = pd.MultiIndex.from_frame(cases[["fold", "patient"]].drop_duplicates())
    scores = means.unstack(["recipe", "loss", "seed"]).reindex(rows)
    return scores[list(columns.itertuples(index=False))]


def dice_of_counts(curves: pd.DataFrame) -> pd.Series:
    """Dice of each row of a thresholds table; NaN where both masks are empty."""
    pixels = 2 * curves["tp"] + curves["fp"] + curves["fn"]
    return (2 * curves["tp"] / pixels).where(pixels > 0)


def chosen_thresholds(curves: pd.DataFrame) -> pd.DataFrame:
    """recipe, loss, seed, fold, threshold: the one with the best mean Dice of validation patients.

    Of equally good thresholds the one nearest to .5. curves: thresholds tables with recipe and
    loss.
    """
    training = ["recipe", "loss", "seed", "fold"]
    validation = curves[curves["role"] == "validation"].assign(dice=dice_of_counts)
    scores = validation.groupby([*training, "threshold", "patient"], sort=False)["dice"].mean()
    means = scores.groupby([*training, "threshold"], sort=False).mean().reset_index()
    means = means.assign(distance=(means["threshold"] - 0.5).abs())
    best = means.sort_values(["dice", "distance"], ascending=[False, True], kind="stable")
    best = best.groupby(training, sort=False).head(1).sort_index()
    return best[[*training, "threshold"]].reset_index(drop=True)


def at_own_threshold(cases: pd.DataFrame, curves: pd.DataFrame) -> pd.DataFrame:
    """The metrics rows with the Dice at each training's own threshold instead of the config's."""
    keys = ["recipe", "loss", "seed", "fold"]
    tests = curves[curves["role"] == "test"].merge(
        chosen_thresholds(curves), on=[*keys, "threshold"]
    )
    dices = tests.assign(own_dice=dice_of_counts)[[*keys, "case", "own_dice"]]
    both = cases.merge(dices, on=[*keys, "case"], how="left")
    return both.assign(dice=both["own_dice"]).drop(columns="own_dice")


def thresholds(curves: pd.DataFrame, cases: pd.DataFrame, at_own: pd.DataFrame) -> pd.DataFrame:
    """Each training's own threshold, and its test patients' mean Dice at both thresholds.

    curves: see chosen_thresholds; cases, at_own: metrics rows at the fixed and the own one.
    """
    table = chosen_thresholds(curves)
    keys = ["recipe", "loss", "seed", "fold"]
    for name, rows in (("dice_fixed", cases), ("dice_own", at_own)):
        of_patients = rows.groupby([*keys, "patient"], sort=False)["dice"].mean()
        means = of_patients.groupby(keys).mean().rename(name).reset_index()
        table = table.merge(means, on=keys, how="left")
    return table


def set_ups(scores: pd.DataFrame) -> list[tuple[str, str]]:
    """(recipe, loss) of all columns of patient_scores, in their order."""
    return list(dict.fromkeys((recipe, loss) for recipe, loss, _ in scores.columns))


def paired(scores: pd.DataFrame, first: tuple[str, str], second: tuple[str, str]) -> pd.DataFrame:
    """Patients x seeds: first minus second, seed by seed."""
    return scores[first] - scores[second]


def interval(differences: pd.DataFrame, question: Question) -> Interval:
    """Mean difference over patients and its 95 % interval.

    differences: rows (fold, patient), one column for each seed. With one or two seeds: BCa
    bootstrap over patients of the mean over seeds, so the interval is about the trained models.
    From three on: percentile bootstrap that draws patients and, inside each fold, trainings, so the
    interval is about the losses.
    """
    of_patients = differences.mean(axis=1, skipna=False).dropna()
    if differences.shape[1] < SEEDS_FOR_A_LOSS or len(of_patients) < 2:
        return bootstrap_interval(of_patients, question.resamples, question.seed)
    complete = differences.loc[of_patients.index]
    random = np.random.default_rng(question.seed)
    weights = patient_weights(len(complete), question.resamples, random)
    low, high = np.quantile(resampled_means(complete, weights, random), [0.025, 0.975])
    return Interval(mean(of_patients).value, float(low), float(high))


def patient_weights(patients: int, resamples: int, random: np.random.Generator) -> np.ndarray:
    """(resamples, patients): how often each bootstrap sample contains each patient."""
    return random.multinomial(patients, np.full(patients, 1 / patients), resamples)


def resampled_means(
    values: pd.DataFrame, weights: np.ndarray, random: np.random.Generator
) -> np.ndarray:
    """Mean of each bootstrap sample of patients; the trainings of each fold are resampled too.

    values: rows (fold, patient) in the order of `weights`, one column for each seed.
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
    """One row of the contrasts: how the first loss differs from the second.

    first, second: (recipe, loss); scores: see patient_scores.

    `undecided` counts patients without a score of both losses (a failed training, an undefined
    Dice).
    """
    differences = paired(scores, first, second)
    of_patients = differences.mean(axis=1, skipna=False)
    centre, low, high = interval(differences, question)
    test = signed_rank(of_patients)
    decided = of_patients.notna()
    of_first, of_second = (scores[name].mean(axis=1)[decided] for name in (first, second))
    rank_sum = stats.mannwhitneyu(of_first, of_second).pvalue if decided.any() else math.nan
    folds = of_patients.groupby(level="fold").mean()
    corrected, fold_p = corrected_interval(folds, ratio(1, len(folds) - 1))
    return {
        "patients": int(decided.sum()),
        "undecided": int((~decided).sum()),
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
    """The contrast of every pair of losses of each recipe, the primary contrasts first.

    by_threshold: FIXED (and OWN) -> patient_scores. Primary contrasts compare each loss with the
    reference, at the fixed threshold and with the question's recipe; Holm's correction is over
    these. All others are exploratory, with Holm's correction over all of them together.
    `detectable_difference`: of the signed-rank test at a power of 80 % and the level of Holm's
    first step.
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
            rows.append(row | contrast(scores, first, second, question))
    if not rows:
        return pd.DataFrame(columns=["role", "recipe", "threshold", "loss", "against"])
    table = pd.DataFrame(rows)
    for _, family in table.groupby("role"):
        table.loc[family.index, "p_holm"] = holm(family["p"])
        table.loc[family.index, "p_rank_sum_holm"] = holm(family["p_rank_sum"])
        smallest = [
            detectable_difference(row.spread, row.patients, LEVEL / len(family))
            for row in family.itertuples()
        ]
        table.loc[family.index, "detectable_difference"] = smallest
    return table.sort_values("role", ascending=False, kind="stable").reset_index(drop=True)


def between_recipes(scores: pd.DataFrame, question: Question) -> pd.DataFrame:
    """The contrast of every pair of recipes with the same loss, at the fixed threshold.

    All are exploratory, with Holm's correction over them. The later recipe is compared with the
    earlier one, so that the question's recipe, which is the first, is what others are compared
    with. scores: see patient_scores.
    """
    rows = [
        {"loss": first[1], "recipe": second[0], "against": first[0]}
        | contrast(scores, second, first, question)
        for first, second in combinations(set_ups(scores), 2)
        if first[0] != second[0] and first[1] == second[1]
    ]
    table = pd.DataFrame(rows)
    if rows:
        table["p_holm"] = holm(table["p"])
    return table
