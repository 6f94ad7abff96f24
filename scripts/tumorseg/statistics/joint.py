"""All losses at once: intervals that hold for whichever is picked, and the places that it can have.

The loss with the highest mean of several owes a part of its lead to luck, because it was picked for
being highest. An interval that holds for all losses at once holds for the picked one as well.
"""

from typing import NamedTuple

import numpy as np
from scipy import stats

from tumorseg.statistics.estimates import LEVEL
from tumorseg.statistics.two_sources import TINY, half_width, two_sources


class Joint(NamedTuple):
    """What several losses' means say together, one value for each loss.

    half_width: of the intervals that hold for all means at once, at 95 %. first: how often the loss
    would have the highest mean. low, high: the best and the worst place that it can have, at 95 %
    for all losses at once. luck: by how much the highest mean is expected to be too high.
    """

    half_width: np.ndarray
    first: np.ndarray
    low: np.ndarray
    high: np.ndarray
    luck: float


def covariances(scores: np.ndarray, folds: np.ndarray) -> np.ndarray:
    """Covariances of the means of scores (losses, patients, seeds), from both sources of chance.

    A covariance is a quarter of the variance of the sum minus that of the difference; negative
    eigenvalues, which such an estimate can have, are set to 0.
    """
    sums, gaps = scores[:, None] + scores[None], scores[:, None] - scores[None]
    matrix = (two_sources(sums, folds).error ** 2 - two_sources(gaps, folds).error ** 2) / 4
    values, vectors = np.linalg.eigh((matrix + matrix.T) / 2)
    return (vectors * np.maximum(values, 0)) @ vectors.T


def compared(scores: np.ndarray, folds: np.ndarray, draws: int, seed: int) -> Joint:
    """The means of scores (losses, patients, seeds), all complete, compared with each other.

    The level of each of several intervals is such that all hold at once in 95 % of draws from a
    normal distribution with the means' covariances; each has its own degrees of freedom (Hasler
    and Hothorn 2008). A loss's places are those that significant differences between pairs of
    losses leave it (Klein, Wright and Wieczorek 2020).
    """
    own, pairs = two_sources(scores, folds), two_sources(scores[:, None] - scores[None], folds)
    number = len(scores)
    if not np.isfinite(own.error).all():
        nothing = np.full(number, np.nan)
        return Joint(nothing, nothing, nothing, nothing, np.nan)
    matrix, means = covariances(scores, folds), np.asarray(own.mean)
    random = np.random.default_rng(seed)
    normal = random.multivariate_normal(np.zeros(number), matrix, draws, method="eigh")
    first, second = np.triu_indices(number, 1)
    level = _level(normal, np.eye(number))
    pairs_level = _level(normal, np.eye(number)[first] - np.eye(number)[second])
    above = means[:, None] - means[None] > half_width(pairs.error, pairs.df, pairs_level)
    np.fill_diagonal(above, False)
    best = (means + normal).argmax(axis=1)
    return Joint(
        half_width=half_width(own.error, own.df, level),
        first=(stats.rankdata(-(means + normal), axis=1, method="min") == 1).mean(axis=0),
        low=1 + above.sum(axis=0),
        high=number - above.sum(axis=1),
        luck=float(normal[np.arange(draws), best].mean()),
    )


def _level(normal: np.ndarray, combinations: np.ndarray) -> float:
    """The level at which the intervals of all these combinations of the means hold at once."""
    values = normal @ combinations.T
    spreads = values.std(axis=0)
    varying = spreads > TINY
    if not varying.any():
        return 1 - LEVEL
    largest = (abs(values[:, varying]) / spreads[varying]).max(axis=1)
    return float(1 - 2 * stats.norm.sf(np.quantile(largest, 1 - LEVEL)))
