"""The mean of patients' scores, with two sources of chance: patients and trainings.

A score y of patient i, tested in fold f by the training of seed s, is modelled as

    y(i, s) = mean + patient(i) + training(f, s) + rest(i, s)

so that all patients whom one training predicts share its luck. In each fold patients and trainings
are crossed; patients are nested in folds. This is the split-plot design of studies with several
readers and cases, where trainings are the readers: Obuchowski, Gallas and Hillis 2012. The variance
of the mean is estimated by the method of moments (Searle et al. 1992, chapter 4), its degrees of
freedom after Satterthwaite 1946. docs/statistics.md has the simulations that chose this estimator.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.special import stdtr, stdtrit

TINY = 1e-9  # a standard error below this is rounding: the scores do not vary at all


class Squares(NamedTuple):
    """Sums of squares of the scores of one table, or of a stack of tables.

    means: (..., folds); sizes, seeds: patients and trainings of each fold; patients, trainings,
    rest: sums of squares inside folds, those of patients about the patients' means over seeds.
    """

    means: np.ndarray
    sizes: np.ndarray
    seeds: np.ndarray
    patients: np.ndarray
    trainings: np.ndarray
    rest: np.ndarray

    @property
    def centre(self) -> np.ndarray:
        """The mean over all patients."""
        return (self.means * self.sizes).sum(axis=-1) / self.sizes.sum()

    @property
    def folds(self) -> np.ndarray:
        """Sum of squares of the folds' means about the mean over all patients."""
        return (self.sizes * (self.means - self.centre[..., None]) ** 2).sum(axis=-1)

    @property
    def degrees(self) -> tuple[int, int, int, int]:
        """Degrees of freedom of patients, trainings, rest and folds."""
        patients, seeds = self.sizes - 1, self.seeds - 1
        numbers = patients.sum(), seeds.sum(), (patients * seeds).sum(), len(self.sizes) - 1
        return tuple(map(int, numbers))  # type: ignore[return-value]


class Estimate(NamedTuple):
    """A mean with its standard error and degrees of freedom; floats, or arrays of a stack.

    models_error, models_df: with the patients as the only source of chance, for these trained
    models. spread_patients: standard deviation of the patients' means over seeds inside a fold;
    spread_trainings: of trainings; spread_rest: of the rest, NaN with one seed, where it is part of
    the patients'. shares: sum over trainings of their squared shares in the mean. both: whether the
    error has both sources: a single training has no spread.
    """

    mean: np.ndarray
    error: np.ndarray
    df: np.ndarray
    models_error: np.ndarray
    models_df: int
    spread_patients: np.ndarray
    spread_trainings: np.ndarray
    spread_rest: np.ndarray
    shares: float
    patients: int
    trainings: int
    folds: int
    both: bool


def sums_of_squares(values: np.ndarray, folds: np.ndarray) -> Squares:
    """The sums of squares of scores (..., patients, seeds); folds: the fold of each patient.

    A training without any score (it failed) is left out, then a patient without a score of each
    training that is left. A stack of tables lacks the same cells everywhere.
    """
    known = np.isfinite(values).reshape(-1, *values.shape[-2:]).all(axis=0)
    means, sizes, seeds = [], [], []
    patients = trainings = rest = np.zeros(values.shape[:-2])
    for rows, trained in _counted(known, folds):
        scores = values[..., rows[:, None], trained]
        of_patients, of_trainings = scores.mean(axis=-1), scores.mean(axis=-2)
        centre = of_patients.mean(axis=-1)
        patients = patients + ((of_patients - centre[..., None]) ** 2).sum(axis=-1)
        deviations = of_trainings - centre[..., None]
        trainings = trainings + len(rows) * (deviations**2).sum(axis=-1)
        residuals = scores - of_patients[..., None] - deviations[..., None, :]
        rest = rest + (residuals**2).sum(axis=(-1, -2))
        means.append(centre)
        sizes.append(len(rows))
        seeds.append(len(trained))
    stacked = np.stack(means, axis=-1) if means else np.empty((*values.shape[:-2], 0))
    numbers = np.array(sizes, int), np.array(seeds, int)
    return Squares(stacked, *numbers, patients, trainings, rest)


def _counted(known: np.ndarray, folds: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The patients and the trainings of each fold that count; a fold without any is left out."""
    for fold in dict.fromkeys(folds.tolist()):
        rows = np.flatnonzero(folds == fold)
        trained = np.flatnonzero(known[rows].any(axis=0))
        rows = rows[known[np.ix_(rows, trained)].all(axis=1)]
        if len(rows) and len(trained):
            yield rows, trained


def counted(scores: pd.DataFrame) -> pd.Series:
    """Each patient's mean over seeds, NaN for a patient whom of_table leaves out."""
    values, folds = scores.to_numpy(float), scores.index.get_level_values("fold").to_numpy()
    means = pd.Series(np.nan, index=scores.index)
    for rows, trained in _counted(np.isfinite(values), folds):
        means.iloc[rows] = values[np.ix_(rows, trained)].mean(axis=1)
    return means


def two_sources(values: np.ndarray, folds: np.ndarray) -> Estimate:
    """The mean of the scores (..., patients, seeds) over patients, and its error.

    The variance of the mean is, for patients' means over seeds of variance p and trainings of
    variance t, p/N + t sum over folds of (n/N)^2/S. Two estimates of it are averaged, weighted by
    the degrees of freedom of their trainings: one takes t from the differences between the seeds of
    a fold, at least 0; one from the differences between the folds' means beyond those of their
    patients. With one seed only the second exists (equal folds: the t test of the folds' means),
    with one fold only the first; with one fold and one seed only the patients are counted.
    """
    squares = sums_of_squares(values, folds)
    sizes, seeds = squares.sizes, squares.seeds
    of_patients, of_trainings, of_rest, of_folds = squares.degrees
    number = int(sizes.sum())
    if not number:
        none = np.full(values.shape[:-2], np.nan)
        return Estimate(none, none, none, none, 0, none, none, none, np.nan, 0, 0, 0, False)
    within = squares.patients / of_patients if of_patients else 0 * squares.patients
    rest = squares.rest / of_rest if of_rest else np.full_like(within, np.nan)
    shares = float(((sizes / number) ** 2 / seeds).sum())
    seeds_weight = of_trainings if of_rest else 0
    weights = seeds_weight + of_folds
    # Each term: a share of a mean square, and that mean square's degrees of freedom.
    terms = []
    if seeds_weight:
        weight = seeds_weight / weights
        factor = weight * shares * of_trainings / (sizes * (seeds - 1)).sum()
        mean_square = squares.trainings / of_trainings
        above = mean_square > rest
        terms += [(factor * mean_square * above, of_trainings), (-factor * rest * above, of_rest)]
        patients_factor = weight / number
    else:
        patients_factor = 0.0 if weights else 1 / number
    if of_folds:
        weight = of_folds / weights
        factor = shares * of_folds / ((sizes - sizes**2 / number) / seeds).sum()
        terms.append((weight * factor * squares.folds / of_folds, of_folds))
        patients_factor += weight * max(0.0, 1 / number - factor)
    terms.append((patients_factor * within, of_patients))
    variance = sum(term for term, _ in terms)
    with np.errstate(divide="ignore", invalid="ignore"):
        df = variance**2 / sum(term**2 / degrees for term, degrees in terms if degrees)
        models = np.sqrt(within / number) if of_patients else np.full_like(within, np.nan)
        error = np.sqrt(variance) if weights or of_patients else np.full_like(within, np.nan)
        of_training = np.maximum(variance - within / number, 0) / shares
    return Estimate(
        mean=squares.centre,
        error=np.where(error < TINY, 0.0, error),
        df=df,
        models_error=models,
        models_df=of_patients,
        spread_patients=np.sqrt(within) if of_patients else np.full_like(within, np.nan),
        spread_trainings=np.sqrt(of_training) if weights else np.full_like(within, np.nan),
        spread_rest=np.sqrt(rest),
        shares=shares,
        patients=number,
        trainings=int(seeds.sum()),
        folds=len(sizes),
        both=bool(weights),
    )


def of_table(scores: pd.DataFrame) -> Estimate:
    """two_sources of a table with rows (fold, patient) and one column for each seed."""
    return two_sources(scores.to_numpy(float), scores.index.get_level_values("fold").to_numpy())


def half_width(error: np.ndarray, df: np.ndarray | float, confidence: float) -> np.ndarray:
    """Half of the width of a t interval; 0 where nothing varies, NaN where nothing is known."""
    none = np.asarray(error) == 0
    quantile = stdtrit(np.where(none, 1, df), (1 + confidence) / 2)
    return np.where(none, 0.0, quantile * error)


def p_value(mean: np.ndarray, error: np.ndarray, df: np.ndarray) -> np.ndarray:
    """Two-sided p of a mean of 0 after Student; NaN where nothing varies."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(np.asarray(error) > 0, 2 * stdtr(df, -abs(mean) / error), np.nan)
