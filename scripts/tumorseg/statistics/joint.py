"""All losses at once: intervals that hold for whichever is picked, and the places that it can have.

The loss with the highest mean of several owes a part of its lead to luck, because it was picked for
being highest. An interval that holds for all losses at once holds for the picked one as well.
"""

from typing import NamedTuple

import numpy as np
from scipy import stats

from tumorseg.statistics.estimates import LEVEL
from tumorseg.statistics.two_sources import two_sources


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

    Critical values are quantiles of the largest of all |t| (max-t), drawn from a multivariate t
    distribution. A loss's places are those that significant differences between pairs of losses
    leave it (Klein, Wright and Wieczorek 2020).
    """
    own, pairs = two_sources(scores, folds), two_sources(scores[:, None] - scores[None], folds)
    if not np.isfinite(own.error).all():
        nothing = np.full(len(scores), np.nan)
        return Joint(nothing, nothing, nothing, nothing, np.nan)
    matrix = covariances(scores, folds)
    random = np.random.default_rng(seed)
    normal = random.multivariate_normal(np.zeros(len(scores)), matrix, draws, method="eigh")
    degrees = np.concatenate([own.df, pairs.df[np.triu_indices(len(scores), 1)]])
    df = float(np.nanmin(degrees)) if np.isfinite(degrees).any() else np.inf
    heavy = normal * np.sqrt(df / random.chisquare(df, draws))[:, None] if df < np.inf else normal
    means = np.asarray(own.mean)
    deviations = np.sqrt(np.diag(matrix))
    largest = _standardized(heavy, deviations).max(axis=1)
    gap_deviations = np.sqrt(
        np.maximum(deviations[:, None] ** 2 + deviations[None] ** 2 - 2 * matrix, 0)
    )
    first, second = np.triu_indices(len(scores), 1)
    gaps = _standardized(heavy[:, first] - heavy[:, second], gap_deviations[first, second])
    critical = np.quantile(gaps.max(axis=1), 1 - LEVEL)
    above = means[:, None] - means[None] > critical * pairs.error
    np.fill_diagonal(above, False)
    best = (means + normal).argmax(axis=1)
    return Joint(
        half_width=np.quantile(largest, 1 - LEVEL) * own.error,
        first=(stats.rankdata(-(means + normal), axis=1, method="min") == 1).mean(axis=0),
        low=1 + above.sum(axis=0),
        high=len(scores) - above.sum(axis=1),
        luck=float(normal[np.arange(draws), best].mean()),
    )


def _standardized(draws: np.ndarray, deviations: np.ndarray) -> np.ndarray:
    """|t| of each draw; 0 where nothing varies."""
    none = deviations == 0
    return np.abs(draws) / np.where(none, 1, deviations) * ~none
