"""Means that count what is undefined, three ways of averaging, and the interval over folds."""

import math
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.special import stdtrit

from tumorseg.metrics import METRICS, Counts, overlap

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
    of_patients = cases.groupby("patient")[list(names)].mean()
    return {name: mean(of_patients[name]) for name in names}


def aggregate(cases: pd.DataFrame, aggregation: str) -> dict[str, Mean]:
    """METRICS of finished lines of a metrics table, "pooled", per "image" or per "patient"."""
    ways = {"pooled": pooled, "image": per_image, "patient": per_patient}
    return ways[aggregation](cases)
