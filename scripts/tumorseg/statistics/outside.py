"""How well the losses do on outside data, and how much less well than inside.

All trainings of a loss predict each outside case together, so there is one set of predictions of
each loss: the tests and intervals about it have patients as the only source of chance.
"""

import math

import numpy as np
import pandas as pd
from scipy import stats

from tumorseg.statistics.comparison import FIXED, Question, contrasts, patient_scores, set_ups
from tumorseg.statistics.estimates import Interval, mean, t_interval
from tumorseg.statistics.two_sources import half_width, two_sources

ABOUT = "these trainings together; patients are the only source of chance"
MEMBERS = ("recipe", "loss", "seed", "fold", "case", "patient", "dice")


def scores_of(metrics: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """FIXED (and OWN) -> patient_scores of the outside metrics. metrics: rows with `choice`."""
    return {choice: patient_scores(rows) for choice, rows in metrics.groupby("choice", sort=False)}


def single_scores(members: pd.DataFrame) -> dict[tuple[str, str], pd.DataFrame]:
    """(recipe, loss) -> the Dice of each patient (rows) with each training (columns: fold, seed).

    members: columns MEMBERS. A patient's Dice is the mean over the images in which it is defined.
    """
    keys = ["patient", "fold", "seed"]
    return {
        (str(recipe), str(loss)): rows.groupby(keys, sort=False)["dice"].mean().unstack(keys[1:])
        for (recipe, loss), rows in members.groupby(["recipe", "loss"], sort=False)
    }


def welch_interval(first: pd.Series, second: pd.Series) -> Interval:
    """mean(first) - mean(second) of two groups of patients, with Welch's interval of 95 %."""
    first, second = first.dropna(), second.dropna()
    centre = mean(first).value - mean(second).value
    if min(len(first), len(second)) < 2:
        return Interval(centre, math.nan, math.nan)
    low, high = stats.ttest_ind(first, second, equal_var=False).confidence_interval()
    return Interval(centre, float(low), float(high))


def results(
    metrics: pd.DataFrame,
    members: pd.DataFrame,
    inside: dict[str, pd.DataFrame],
) -> pd.DataFrame:
    """One row for each recipe, loss and threshold: Dice outside, inside, and the drop.

    `dice` is that of all trainings together, `single_dice` the mean of the trainings one by one, as
    inside, where each patient is predicted by those that did not see him. So `drop` = inside_dice -
    single_dice compares like with like; at the own threshold there are no single trainings.
    Intervals: t over outside patients, cut at 0 and 1, and Welch's of the two groups of patients.

    metrics, members: of the outside data; inside: FIXED and OWN -> patient_scores.
    """
    single = {name: table.mean(axis=1) for name, table in single_scores(members).items()}
    trainings = members.groupby(["recipe", "loss"])[["seed", "fold"]].apply(
        lambda rows: len(rows.drop_duplicates())
    )
    rows = []
    for choice, scores in scores_of(metrics).items():
        for recipe, loss in set_ups(scores):
            cases = metrics[
                (metrics[["choice", "recipe", "loss"]] == [choice, recipe, loss]).all(axis=1)
            ]
            together = scores[recipe, loss].mean(axis=1)
            within = inside[choice][recipe, loss].mean(axis=1)
            dice, low, high = map(float, np.clip(t_interval(together), 0.0, 1.0))
            row: dict[str, object] = {"recipe": recipe, "loss": loss, "choice": choice}
            row |= {"threshold": cases["threshold"].iloc[0], "cases": len(cases)}
            row |= {"patients": len(together), "undefined": int(together.isna().sum())}
            row |= {"trainings": int(trainings.get((recipe, loss), 0))}
            row |= {"missed": int(cases["missed"].sum()), "dice": dice, "low": low, "high": high}
            row |= {"inside_patients": len(within), "inside_dice": mean(within).value}
            if choice == FIXED and (recipe, loss) in single:
                alone = single[recipe, loss]
                drop = welch_interval(within, alone)
                row |= {"single_dice": mean(alone).value}
                row |= {"drop": drop.mean, "drop_low": drop.low, "drop_high": drop.high}
            rows.append(row)
    return pd.DataFrame(rows)


def outside_contrasts(
    metrics: pd.DataFrame, members: pd.DataFrame, question: Question
) -> pd.DataFrame:
    """The contrasts of `comparison`, of outside patients, with the trainings one by one beside.

    Outside there are no folds, and so no column of theirs.

    `about` says of what the p value speaks. single_difference is the mean over outside patients and
    over pairs of trainings of the same fold and seed, with an interval for which both are sources
    of chance (two_sources).
    """
    table = contrasts(scores_of(metrics), question)
    table = table.drop(columns=[name for name in table if name.startswith("folds_")])
    single = single_scores(members)
    found = [
        _single_difference(single, (row.recipe, row.loss), (row.recipe, row.against))
        if row.threshold == FIXED
        else Interval(math.nan, math.nan, math.nan)
        for row in table.itertuples()
    ]
    columns = ["single_difference", "single_low", "single_high"]
    table[columns] = pd.DataFrame(found, columns=columns, index=table.index, dtype=float)
    return table.assign(about=ABOUT)


def _single_difference(
    single: dict[tuple[str, str], pd.DataFrame], first: tuple[str, str], second: tuple[str, str]
) -> Interval:
    """The mean difference over patients and trainings; no interval for one of either."""
    if first not in single or second not in single:
        return Interval(math.nan, math.nan, math.nan)
    differences = (single[first] - single[second]).dropna(axis=1, how="all").dropna()
    if not differences.size:
        return Interval(math.nan, math.nan, math.nan)
    if min(differences.shape) < 2:
        return Interval(float(differences.to_numpy().mean()), math.nan, math.nan)
    found = two_sources(differences.to_numpy(), np.zeros(len(differences), int))
    centre, half = float(found.mean), float(half_width(found.error, found.df, 0.95))
    return Interval(centre, centre - half, centre + half)
