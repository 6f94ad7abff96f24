"""Means that count what is undefined, three ways of averaging, intervals and paired tests."""

import math
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import stats
from scipy.special import stdtrit
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.power import TTestPower

from tumorseg.metrics import METRICS, Counts, overlap

LEVEL = 0.05

AGGREGATIONS = ("pooled", "image", "patient")


class Mean(NamedTuple):
    """A mean over the defined values, and how many of all values are undefined."""

    value: float
    undefined: int
    total: int


class Interval(NamedTuple):
    """A mean and its confidence interval; NaN where too few values are defined."""

    mean: float
    low: float
    high: float


def mean(values: Iterable[float]) -> Mean:
    """Mean of the defined (not NaN) values, NaN if none is; the rest is counted, not dropped."""
    array = np.asarray(list(values), float)
    defined = array[~np.isnan(array)]
    value = math.fsum(defined) / len(defined) if len(defined) else math.nan
    return Mean(value, len(array) - len(defined), len(array))


def t_interval(values: Iterable[float], confidence: float = 0.95) -> Interval:
    """mean -+ t(1 - (1 - confidence)/2, n - 1) s / sqrt(n) over the n defined values.

    s is the sample standard deviation (n - 1). One value has no interval. Over cross-validation
    folds it is somewhat too narrow, since their training sets overlap (Nadeau & Bengio 2003).
    """
    array = np.asarray(list(values), float)
    array = array[~np.isnan(array)]
    centre = mean(array).value
    if len(array) < 2:
        return Interval(centre, math.nan, math.nan)
    t = stdtrit(len(array) - 1, (1 + confidence) / 2)
    half = float(t * array.std(ddof=1) / math.sqrt(len(array)))
    return Interval(centre, centre - half, centre + half)


def pooled(cases: pd.DataFrame) -> dict[str, Mean]:
    """The metrics of all pixels of all cases taken as one picture: large tumours weigh more."""
    counts = Counts(*(int(cases[name].sum()) for name in Counts._fields))
    values = overlap(counts) if len(cases) else dict.fromkeys(METRICS, math.nan)
    return {name: Mean(value, int(math.isnan(value)), 1) for name, value in values.items()}


def per_image(cases: pd.DataFrame, names: Iterable[str] = METRICS) -> dict[str, Mean]:
    """Mean over images of each image's metric."""
    return {name: mean(cases[name]) for name in names}


def per_patient(cases: pd.DataFrame, names: Iterable[str] = METRICS) -> dict[str, Mean]:
    """Mean over patients of each patient's mean over the images in which it is defined."""
    of_patients = cases.groupby("patient", sort=False)[list(names)].mean()
    return {name: mean(of_patients[name]) for name in names}


def aggregate(cases: pd.DataFrame, aggregation: str) -> dict[str, Mean]:
    """METRICS of finished lines of a metrics table, "pooled", per "image" or per "patient"."""
    ways = {"pooled": pooled, "image": per_image, "patient": per_patient}
    return ways[aggregation](cases)


def corrected_interval(
    differences: Iterable[float], test_share: float, confidence: float = 0.95
) -> tuple[Interval, float]:
    """The t interval and p of paired fold differences, corrected for training sets that overlap.

    The variance of the mean is s^2 (1/k + test/train) instead of s^2/k, test/train being
    test_share = 1/(k - 1) in a k-fold cross-validation. Source: Nadeau & Bengio 2003, section 3.
    """
    array = np.asarray(list(differences), float)
    array = array[~np.isnan(array)]
    centre = mean(array).value
    if len(array) < 2:
        return Interval(centre, math.nan, math.nan), math.nan
    error = array.std(ddof=1) * math.sqrt(1 / len(array) + test_share)
    half = float(stdtrit(len(array) - 1, (1 + confidence) / 2) * error)
    p = float(2 * stats.t.sf(abs(centre) / error, len(array) - 1)) if error else math.nan
    return Interval(centre, centre - half, centre + half), p


def bootstrap_interval(
    values: Iterable[float], resamples: int, seed: int, confidence: float = 0.95
) -> Interval:
    """Mean and its BCa bootstrap interval over the defined values (Efron 1987), seeded.

    Values that are all equal have an interval of no width, fewer than two none.
    """
    array = np.asarray(list(values), float)
    array = array[~np.isnan(array)]
    centre = mean(array).value
    if len(array) < 2:
        return Interval(centre, math.nan, math.nan)
    if np.ptp(array) == 0:
        return Interval(centre, centre, centre)
    found = stats.bootstrap(
        (array,),
        np.mean,
        n_resamples=resamples,
        batch=1000,
        confidence_level=confidence,
        method="BCa",
        rng=np.random.default_rng(seed),
    ).confidence_interval
    return Interval(centre, float(found.low), float(found.high))


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
    """
    array = np.asarray(list(differences), float)
    array = array[~np.isnan(array)]
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

    It still counts as a member of the family, so that a failed training makes no other surer.
    """
    array = np.asarray(list(ps), float)
    filled = np.where(np.isnan(array), 1.0, array)
    adjusted = multipletests(filled, method="holm")[1] if len(array) else filled
    return [math.nan if math.isnan(p) else float(a) for p, a in zip(array, adjusted, strict=True)]


def smallest_p(pairs: int) -> float:
    """The smallest two-sided p that a signed-rank test of so many pairs can reach: 2 / 2^n."""
    return min(1.0, 2.0 ** (1 - pairs)) if pairs else math.nan


def detectable_difference(
    spread: float, pairs: int, alpha: float = 0.05, power: float = 0.8
) -> float:
    """The mean difference that a signed-rank test of so many pairs finds with that power.

    spread: standard deviation of the differences. That of the paired t-test with 3/pi as many
    pairs, the test's efficiency where differences are normal (Lehmann 1975, section 4.3).
    """
    pairs_of_t = pairs * 3 / math.pi
    if pairs_of_t < 3 or not spread > 0:
        return math.nan
    effect = TTestPower().solve_power(nobs=pairs_of_t, alpha=alpha, power=power)
    return float(np.squeeze(effect)) * spread


def critical_difference(columns: int, rows: int, alpha: float = 0.05) -> float:
    """Average ranks over rows that differ by less are not told apart by Nemenyi's test.

    q_alpha sqrt(k (k + 1) / (6 N)), q the studentized range over sqrt 2 (Demsar 2006, section
    3.2.2).
    """
    q = stats.studentized_range.ppf(1 - alpha, columns, np.inf) / math.sqrt(2)
    return float(q * math.sqrt(columns * (columns + 1) / (6 * rows)))


def calibration_error(bins: pd.DataFrame) -> float:
    """Expected calibration error: mean |true share - mean probability| of bins, by pixels.

    bins: pixels, probability_sum, true_px. Source: Naeini et al. 2015.
    """
    pixels = bins["pixels"].sum()
    gaps = (bins["true_px"] - bins["probability_sum"]).abs()
    return float(gaps.sum() / pixels) if pixels else math.nan


def p_text(p: float) -> str:
    """A p value as it is printed: = .032, or < .001."""
    if math.isnan(p):
        return "p undefined"
    return "p < .001" if p < 0.001 else f"p = {p:.3f}".replace("0.", ".")
