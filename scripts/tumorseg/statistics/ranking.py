"""Ranks of the losses, how certain they are, and what makes scores vary."""

import math

import numpy as np
import pandas as pd
from scipy import stats

from tumorseg.statistics.comparison import Question, interval, set_ups
from tumorseg.statistics.estimates import critical_difference, mean
from tumorseg.statistics.joint import compared
from tumorseg.statistics.two_sources import counted, sums_of_squares

JOINT = ("joint_low", "joint_high", "p_first", "place_low", "place_high", "luck")


def ranking(scores: pd.DataFrame, recipe: str, question: Question) -> pd.DataFrame:
    """One row for each loss of a recipe, best first: mean score, places and their uncertainty.

    scores: see comparison.patient_scores. low, high: the loss's own 95 % interval; joint_low and
    joint_high hold for all losses at once, and so for the one that is picked as best; luck: by how
    much the highest mean is expected to be too high. p_first: how often the loss would be best;
    place_low, place_high: the places that it can have, at 95 % for all losses at once (joint.py).
    average_rank, friedman_p and critical_difference count patients only, as other studies do:
    ranks over patients (1 is best), Friedman's test, Nemenyi's critical difference.
    """
    of_recipe = scores[recipe]
    losses = list(dict.fromkeys(of_recipe.columns.get_level_values("loss")))
    trained = [loss for loss in losses if of_recipe[loss].notna().any(axis=None)]
    rows = []
    for loss in losses:
        centre, low, high = interval(of_recipe[loss], least=0)
        of_loss = counted(of_recipe[loss])
        row = {"recipe": recipe, "loss": loss, "patients": int(of_loss.notna().sum())}
        row |= {"undefined": int(of_loss.isna().sum())}
        rows.append(row | {"mean": centre, "low": low, "high": high, "median": of_loss.median()})
    table = pd.DataFrame(rows).set_index("loss", drop=False)
    complete = pd.DataFrame({loss: counted(of_recipe[loss]) for loss in trained}).dropna()
    ranked = len(trained) > 1 and len(complete) > 1
    table[[*JOINT, "average_rank", "friedman_p", "critical_difference"]] = math.nan
    if ranked:
        stacked = np.stack([of_recipe[loss].to_numpy(float) for loss in trained])
        folds = of_recipe.index.get_level_values("fold").to_numpy()
        joint = compared(stacked, folds, question.resamples, question.seed)
        centres = table.loc[trained, "mean"].to_numpy()
        table.loc[trained, "joint_low"] = np.maximum(centres - joint.half_width, 0)
        table.loc[trained, "joint_high"] = np.minimum(centres + joint.half_width, 1)
        table.loc[trained, "p_first"] = joint.first
        table.loc[trained, "place_low"], table.loc[trained, "place_high"] = joint.low, joint.high
        table["luck"] = joint.luck
        ranks = stats.rankdata(-complete.to_numpy(), axis=1)
        table.loc[trained, "average_rank"] = ranks.mean(axis=0)
    if ranked and len(trained) > 2:
        table["friedman_p"] = stats.friedmanchisquare(*complete.to_numpy().T).pvalue
        table["critical_difference"] = critical_difference(len(trained), len(complete))
    table["ranked_patients"] = len(complete) if ranked else 0
    return table.sort_values("mean", ascending=False, kind="stable").reset_index(drop=True)


def variance(values: pd.DataFrame) -> dict[str, float]:
    """Standard deviations of one score by source: folds, patients, trainings, the rest.

    values: rows (fold, patient), one column for each seed; patients and trainings (fold x seed) are
    crossed inside folds. Method of moments with the mean squares pooled over folds (Searle et al.
    1992, chapter 4); a negative component is set to 0. With one seed, trainings and rest are NaN:
    their variance is part of that of the patients.
    """
    folds = values.index.get_level_values("fold").to_numpy()
    squares = sums_of_squares(values.to_numpy(float), folds)
    of_patients, of_trainings, of_rest, of_folds = squares.degrees
    if not of_folds or not of_patients:
        return dict.fromkeys(("folds", "patients", "trainings", "rest"), math.nan)
    sizes, seeds = squares.sizes, squares.seeds
    within = float(squares.patients) / of_patients
    trainings = rest = math.nan
    if of_rest:
        rest = float(squares.rest) / of_rest
        numbers = (sizes * (seeds - 1)).sum()
        trainings = max(0.0, float(squares.trainings - of_trainings * rest) / numbers)
    share, seed = (1 / sizes).mean(), (1 / seeds).mean()
    by_chance = within * share + np.nan_to_num(trainings) * seed
    parts = {"folds": max(0.0, float(squares.means.var(ddof=1)) - by_chance)}
    parts["patients"] = max(0.0, within - float(np.nan_to_num(rest)) * seed)
    parts |= {"trainings": trainings, "rest": rest}
    return {name: math.sqrt(part) for name, part in parts.items()}


def variances(scores: pd.DataFrame, reference: str) -> pd.DataFrame:
    """Standard deviations by source of each loss's scores and of their differences from reference.

    One row for each set-up and one for its difference, if its recipe has the reference loss.
    """
    rows = []
    for recipe, loss in set_ups(scores):
        variables = {"score": scores[recipe, loss]}
        if loss != reference and (recipe, reference) in scores:
            difference = scores[recipe, loss] - scores[recipe, reference]
            variables[f"difference from {reference}"] = difference
        for name, values in variables.items():
            row = {"recipe": recipe, "loss": loss, "seeds": values.shape[1], "of": name}
            rows.append(row | {"mean": mean(counted(values)).value, **variance(values)})
    return pd.DataFrame(rows)
