"""Losses in order: ranks over patients, how steady they are, and where scores vary."""

import math

import numpy as np
import pandas as pd
from scipy import stats

from tumorseg.statistics.comparison import Question, interval, patient_weights, resampled_means
from tumorseg.statistics.estimates import critical_difference, mean


def ranking(scores: pd.DataFrame, recipe: str, question: Question) -> pd.DataFrame:
    """One line a loss of a recipe, best first: mean score, ranks and their steadiness.

    scores: comparison.patient_scores. average_rank: over patients, 1 the best, ties shared;
    friedman_p: whether average ranks differ at all; ranks closer than critical_difference are not
    told apart (Nemenyi). p_first and rank_low to rank_high: how often the loss comes first, and its
    95 % range of ranks, when patients (and trainings) are drawn again.
    """
    of_recipe = scores[recipe]
    losses = list(dict.fromkeys(of_recipe.columns.get_level_values("loss")))
    able = [loss for loss in losses if of_recipe[loss].notna().any(axis=None)]
    averaged = {loss: of_recipe[loss].mean(axis=1, skipna=False) for loss in able}
    complete = pd.DataFrame(averaged).dropna()
    lines = []
    for loss in losses:
        centre, low, high = interval(of_recipe[loss], question)
        own = of_recipe[loss].mean(axis=1, skipna=False)
        line = {"recipe": recipe, "loss": loss, "patients": int(own.notna().sum())}
        line |= {"undefined": int(own.isna().sum())}
        lines.append(line | {"mean": centre, "low": low, "high": high, "median": own.median()})
    table = pd.DataFrame(lines).set_index("loss", drop=False)
    ranked = len(able) > 1 and len(complete) > 1
    if ranked:
        ranks = stats.rankdata(-complete.to_numpy(), axis=1)
        random = np.random.default_rng(question.seed)
        weights = patient_weights(len(complete), question.resamples, random)
        sure = of_recipe.loc[complete.index]
        drawn = np.stack([resampled_means(sure[loss], weights, random) for loss in able], axis=1)
        places = stats.rankdata(-drawn, axis=1, method="min")
        low, high = np.quantile(places, [0.025, 0.975], axis=0, method="inverted_cdf")
        steady = {"average_rank": ranks.mean(axis=0), "p_first": (places == 1).mean(axis=0)}
        steady |= {"rank_low": low, "rank_high": high}
        for name, values in steady.items():
            table.loc[able, name] = values
    if ranked and len(able) > 2:
        table["friedman_p"] = stats.friedmanchisquare(*complete.to_numpy().T).pvalue
        table["critical_difference"] = critical_difference(len(able), len(complete))
    else:
        table[["friedman_p", "critical_difference"]] = math.nan
    table["ranked_patients"] = len(complete) if ranked else 0
    return table.sort_values("mean", ascending=False, kind="stable").reset_index(drop=True)


def variance(values: pd.DataFrame) -> dict[str, float]:
    """Standard deviations of one score by its sources: folds, patients, trainings, the rest.

    values: rows (fold, patient), a column a seed; patients and trainings (fold x seed) lie crossed
    inside folds. Method of moments with the mean squares pooled over folds (Searle et al. 1992,
    chapter 4); a negative component is 0. With one seed, trainings and rest are NaN and go with the
    patients.
    """
    values = values.dropna()
    seeds = values.shape[1]
    squares, degrees, means, sizes = np.zeros(3), np.zeros(3), [], []
    for _, fold in values.groupby(level="fold"):
        cells = fold.to_numpy()
        rows, columns, middle = cells.mean(axis=1), cells.mean(axis=0), cells.mean()
        rest = cells - rows[:, None] - columns[None] + middle
        squares += (
            seeds * ((rows - middle) ** 2).sum(),
            len(cells) * ((columns - middle) ** 2).sum(),
            (rest**2).sum(),
        )
        degrees += (len(cells) - 1, seeds - 1, (len(cells) - 1) * (seeds - 1))
        means.append(middle)
        sizes.append(len(cells))
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
    """Where each loss's scores vary, and their differences from the reference; SDs."""
    lines = []
    for recipe, loss in dict.fromkeys((recipe, loss) for recipe, loss, _ in scores.columns):
        own = scores[recipe, loss]
        line = {"recipe": recipe, "loss": loss, "seeds": own.shape[1]}
        lines.append(line | {"of": "score", "mean": mean(own.mean(axis=1)).value, **variance(own)})
        if loss != reference and (recipe, reference) in scores:
            gap = own - scores[recipe, reference]
            centre = mean(gap.mean(axis=1)).value
            lines.append(
                line | {"of": f"difference from {reference}", "mean": centre, **variance(gap)}
            )
    return pd.DataFrame(lines)
