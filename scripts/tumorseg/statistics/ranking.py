"""Ranks of the losses, how certain they are, and what makes scores vary."""

import math

import numpy as np
import pandas as pd
from scipy import stats

from tumorseg.statistics.comparison import (
    Question,
    interval,
    patient_weights,
    resampled_means,
    set_ups,
)
from tumorseg.statistics.estimates import critical_difference, mean


def ranking(scores: pd.DataFrame, recipe: str, question: Question) -> pd.DataFrame:
    """One row for each loss of a recipe, best first: mean score, ranks and their uncertainty.

    scores: see comparison.patient_scores. average_rank: over patients, 1 is best, ties share their
    ranks. friedman_p: whether the average ranks differ at all; ranks closer than
    critical_difference do not differ significantly (Nemenyi). p_first, rank_low and rank_high: how
    often the loss comes first, and its 95 % range of ranks, if patients (and trainings) are
    resampled.
    """
    of_recipe = scores[recipe]
    losses = list(dict.fromkeys(of_recipe.columns.get_level_values("loss")))
    trained = [loss for loss in losses if of_recipe[loss].notna().any(axis=None)]
    averaged = {loss: of_recipe[loss].mean(axis=1, skipna=False) for loss in trained}
    complete = pd.DataFrame(averaged).dropna()
    rows = []
    for loss in losses:
        centre, low, high = interval(of_recipe[loss], question)
        of_loss = of_recipe[loss].mean(axis=1, skipna=False)
        row = {"recipe": recipe, "loss": loss, "patients": int(of_loss.notna().sum())}
        row |= {"undefined": int(of_loss.isna().sum())}
        rows.append(row | {"mean": centre, "low": low, "high": high, "median": of_loss.median()})
    table = pd.DataFrame(rows).set_index("loss", drop=False)
    ranked = len(trained) > 1 and len(complete) > 1
    if ranked:
        ranks = stats.rankdata(-complete.to_numpy(), axis=1)
        random = np.random.default_rng(question.seed)
        weights = patient_weights(len(complete), question.resamples, random)
        ranked_scores = of_recipe.loc[complete.index]
        means = np.stack(
            [resampled_means(ranked_scores[loss], weights, random) for loss in trained], axis=1
        )
        places = stats.rankdata(-means, axis=1, method="min")
        low, high = np.quantile(places, [0.025, 0.975], axis=0, method="inverted_cdf")
        columns = {"average_rank": ranks.mean(axis=0), "p_first": (places == 1).mean(axis=0)}
        columns |= {"rank_low": low, "rank_high": high}
        for name, values in columns.items():
            table.loc[trained, name] = values
    if ranked and len(trained) > 2:
        table["friedman_p"] = stats.friedmanchisquare(*complete.to_numpy().T).pvalue
        table["critical_difference"] = critical_difference(len(trained), len(complete))
    else:
        table[["friedman_p", "critical_difference"]] = math.nan
    table["ranked_patients"] = len(complete) if ranked else 0
    return table.sort_values("mean", ascending=False, kind="stable").reset_index(drop=True)


def variance(values: pd.DataFrame) -> dict[str, float]:
    """Standard deviations of one score by source: folds, patients, trainings, the rest.

    values: rows (fold, patient), one column for each seed; patients and trainings (fold x seed) are
    crossed inside folds. Method of moments with the mean squares pooled over folds (Searle et al.
    1992, chapter 4); a negative component is set to 0. With one seed, trainings and rest are NaN:
    their variance is part of that of the patients.
    """
    values = values.dropna()
    seeds = values.shape[1]
    squares, degrees, means, sizes = np.zeros(3), np.zeros(3), [], []
    for _, fold in values.groupby(level="fold"):
        scores = fold.to_numpy()
        of_patients, of_trainings = scores.mean(axis=1), scores.mean(axis=0)
        centre, number = scores.mean(), len(scores)
        residuals = scores - of_patients[:, None] - of_trainings[None] + centre
        squares += (
            seeds * ((of_patients - centre) ** 2).sum(),
            number * ((of_trainings - centre) ** 2).sum(),
            (residuals**2).sum(),
        )
        degrees += (number - 1, seeds - 1, (number - 1) * (seeds - 1))
        means.append(centre)
        sizes.append(number)
    if len(means) < 2 or not degrees[0]:
        return dict.fromkeys(("folds", "patients", "trainings", "rest"), math.nan)
    patients_ms, trainings_ms, rest_ms = (
        s / d if d else math.nan for s, d in zip(squares, degrees, strict=True)
    )
    size = len(sizes) / sum(1 / n for n in sizes)
    if seeds == 1:
        patients, trainings, rest = patients_ms, math.nan, math.nan
        within = patients / size
    else:
        rest = rest_ms
        patients = max(0.0, (patients_ms - rest) / seeds)
        trainings = max(0.0, (trainings_ms - rest) / size)
        within = patients / size + trainings / seeds + rest / (size * seeds)
    folds = max(0.0, float(np.var(means, ddof=1)) - within)
    parts = {"folds": folds, "patients": patients, "trainings": trainings, "rest": rest}
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
            rows.append(row | {"mean": mean(values.mean(axis=1)).value, **variance(values)})
    return pd.DataFrame(rows)
