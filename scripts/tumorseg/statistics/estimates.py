"""Means that count undefined values, three ways of averaging, intervals and paired tests."""

import math
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import stats
from scipy.special import stdtrit

from tumorseg.metrics import METRICS, Counts, overlap

LEVEL = 0.05  # of significance
AGGREGATIONS = ("pooled", "image", "patient")


class Mean(NamedTuple):
    """A mean of the defined values, the number of undefined values, and the number of all."""

    value: float
    undefined: int
    total: int


class Interval(NamedTuple):
    """A mean and its confidence interval, NaN if too few values are defined."""

    mean: float
    low: float
    high: float


def _defined(values: Iterable[float]) -> np.ndarray:
    """The values that are not NaN."""
    array = np.asarray(list(values), float)
    return array[~np.isnan(array)]


def mean(values: Iterable[float]) -> Mean:
    """Mean of the defined (not NaN) values, NaN if there are none; undefined ones are counted.

    >>> mean([1.0, math.nan, 3.0])
    Mean(value=2.0, undefined=1, total=3)
    """
    array = np.asarray(list(values), float)
    defined = _defined(array)
    value = math.fsum(defined) / len(defined) if len(defined) else math.nan
    return Mean(value, len(array) - len(defined), len(array))


def t_interval(values: Iterable[float], confidence: float = 0.95) -> Interval:
    """mean -+ t(1 - (1 - confidence)/2, n - 1) s / sqrt(n) of the n defined values.

    s is the sample standard deviation (n - 1). One value has no interval. For cross-validation
    folds the interval is somewhat too narrow, since their training sets overlap (Nadeau & Bengio
    2003); see corrected_interval.

    >>> interval = t_interval([40.0, 50.0, 60.0])
    >>> interval.mean, round(interval.low, 1), round(interval.high, 1)
    (50.0, 25.2, 74.8)
    """
    array = _defined(values)
    centre = mean(array).value
    if len(array) < 2:
        return Interval(centre, math.nan, math.nan)
    t = stdtrit(len(array) - 1, (1 + confidence) / 2)
    half = float(t * array.std(ddof=1) / math.sqrt(len(array)))
    return Interval(centre, centre - half, centre + half)


def pooled(cases: pd.DataFrame) -> dict[str, Mean]:
    """The metrics of the pixels of all cases together, so that large tumours weigh more."""
    counts = Counts(*(int(cases[name].sum()) for name in Counts._fields))
    values = overlap(counts) if len(cases) else dict.fromkeys(METRICS, math.nan)
    return {name: Mean(value, int(math.isnan(value)), 1) for name, value in values.items()}


def per_image(cases: pd.DataFrame, names: Iterable[str] = METRICS) -> dict[str, Mean]:
    """Mean over images of each metric."""
    return {name: mean(cases[name]) for name in names}


def per_patient(cases: pd.DataFrame, names: Iterable[str] = METRICS) -> dict[str, Mean]:
    """Mean over patients of each patient's mean over the images in which the metric is defined."""
    of_patients = cases.groupby("patient", sort=False)[list(names)].mean()
    return {name: mean(of_patients[name]) for name in names}


def aggregate(cases: pd.DataFrame, aggregation: str) -> dict[str, Mean]:
    """METRICS of finished rows of a metrics table; aggregation: "pooled", "image" or "patient"."""
    functions = {"pooled": pooled, "image": per_image, "patient": per_patient}
    return functions[aggregation](cases)


def corrected_interval(
    differences: Iterable[float], test_share: float, confidence: float = 0.95
) -> tuple[Interval, float]:
    """t interval and p of paired fold differences, corrected for overlapping training sets.

    The variance of the mean is s^2 (1/k + test_share) instead of s^2/k; test_share is the ratio of
    test to training cases, 1/(k - 1) in a k-fold cross-validation. Source: Nadeau & Bengio 2003,
    section 3.

    >>> interval, p = corrected_interval([0.02, 0.05, 0.03, 0.06, 0.04], test_share=1 / 4)
    >>> round(interval.low, 3), round(interval.high, 3), round(p, 3)
    (0.011, 0.069, 0.02)
    """
    array = _defined(differences)
    centre = mean(array).value
    if len(array) < 2:
        return Interval(centre, math.nan, math.nan), math.nan
    error = array.std(ddof=1) * math.sqrt(1 / len(array) + test_share)
    half = float(stdtrit(len(array) - 1, (1 + confidence) / 2) * error)
    p = float(2 * stats.t.sf(abs(centre) / error, len(array) - 1)) if error else math.nan
    return Interval(centre, centre - half, centre + half), p


class SignedRank(NamedTuple):
    """Wilcoxon's signed-rank test of paired differences."""

    pairs: int
    zeros: int
    median: float
    rank_biserial: float
    p: float


def signed_rank(differences: Iterable[float]) -> SignedRank:
    """Two-sided signed-rank test of the defined differences; differences of 0 have no rank.

    rank_biserial = (W+ - W-) / (W+ + W-), from -1 (all negative) to 1 (all positive). Exact up to
    50 pairs without ties. Sources: Wilcoxon 1945; Kerby 2014.

    >>> signed_rank([0.1, 0.2, 0.3, 0.4, 0.5])
    SignedRank(pairs=5, zeros=0, median=0.3, rank_biserial=1.0, p=0.0625)
    """
    array = _defined(differences)
    ranked = array[array != 0]
    median = float(np.median(array)) if len(array) else math.nan
    zeros = len(array) - len(ranked)
    if not len(ranked):
        return SignedRank(len(array), zeros, median, 0.0 if len(array) else math.nan, math.nan)
    ranks = stats.rankdata(abs(ranked))
    effect = float((np.sign(ranked) * ranks).sum() / ranks.sum())
    return SignedRank(len(array), zeros, median, effect, float(stats.wilcoxon(ranked).pvalue))


def holm(ps: Iterable[float]) -> list[float]:
    """Holm's adjusted p values (Holm 1979) of one family; a NaN (no test possible) stays NaN.

    A NaN still counts as a member of the family, so that a failed training does not make the other
    contrasts more significant.

    >>> holm([0.25, 0.125, math.nan])
    [0.5, 0.375, nan]
    """
    array = np.asarray(list(ps), float)
    filled = np.where(np.isnan(array), 1.0, array)
    order = np.argsort(filled, kind="stable")
    steps = filled[order] * np.arange(len(array), 0, -1)
    adjusted = np.empty(len(array))
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1)
    return np.where(np.isnan(array), np.nan, adjusted).tolist()


def smallest_p(pairs: int) -> float:
    """The smallest two-sided p of a signed-rank test of this number n of pairs: 2 / 2^n.

    >>> smallest_p(5)
    0.0625
    """
    return min(1.0, 2.0 ** (1 - pairs)) if pairs else math.nan


def critical_difference(columns: int, rows: int, alpha: float = 0.05) -> float:
    """The difference of two average ranks above which Nemenyi's test is significant.

    q_alpha sqrt(k (k + 1) / (6 N)) for k columns ranked in N rows; q is the studentized range
    divided by sqrt 2 (Demsar 2006, section 3.2.2).

    >>> round(critical_difference(columns=4, rows=14), 2)  # Demsar's example
    1.25
    """
    q = stats.studentized_range.ppf(1 - alpha, columns, np.inf) / math.sqrt(2)
    return float(q * math.sqrt(columns * (columns + 1) / (6 * rows)))


def p_text(p: float) -> str:
    """A p value as printed.

    >>> p_text(0.0321), p_text(0.0001)
    ('p = .032', 'p < .001')
    """
    if math.isnan(p):
        return "p undefined"
    return "p < .001" if p < 0.001 else f"p = {p:.3f}".replace("0.", ".")
