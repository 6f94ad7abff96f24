"""What the primary contrasts say: better, worse, equivalent, not worse, or undecided."""

import math

import numpy as np
import pandas as pd
from scipy.special import stdtr

from tumorseg.statistics.estimates import LEVEL
from tumorseg.statistics.planning import needed
from tumorseg.statistics.two_sources import half_width

BETTER, WORSE, EQUIVALENT = "better", "worse", "equivalent"
NOT_WORSE, NOT_BETTER, UNDECIDED = "not worse", "not better", "undecided"
FINAL = (BETTER, WORSE, EQUIVALENT)
# Columns that the table of verdicts takes from the contrasts as they are.
KEPT = (
    *("patients", "undecided", "trainings", "folds", "seeds", "trainings_counted", "df"),
    *("spread_patients", "spread_trainings", "models_low", "models_high", "another_seed"),
    *("better", "equal", "worse"),
)
TRAININGS, PATIENTS, BOTH = "too few trainings", "too few patients", "too few of both"
NO_SPREAD = "no spread"


def verdict(low: float, high: float, margin: float) -> str:
    """What an interval of a difference says; a difference below the margin does not matter.

    An interval inside the margin is "equivalent", also where it excludes 0: the difference is then
    too small to matter.

    >>> verdict(0.01, 0.06, margin=0.02), verdict(-0.01, 0.01, margin=0.02)
    ('better', 'equivalent')
    >>> verdict(-0.01, 0.05, margin=0.02), verdict(-0.03, 0.05, margin=0.02)
    ('not worse', 'undecided')
    """
    if math.isnan(low) or math.isnan(high):
        return UNDECIDED
    if -margin < low and high < margin:
        return EQUIVALENT
    if low > 0 or high < 0:
        return BETTER if low > 0 else WORSE
    if low > -margin:
        return NOT_WORSE
    return NOT_BETTER if high < margin else UNDECIDED


def holm_levels(ps: np.ndarray) -> np.ndarray:
    """The confidence level at which Holm's procedure (1979) tests each of several p values.

    The smallest p of k is tested at .05/k, the next at .05/(k - 1), and so on; from the first that
    is not significant on, all have its level. So an interval of this level excludes 0 if and only
    if the adjusted p is below .05. A NaN counts as 1.

    >>> holm_levels(np.array([0.01, 0.04, 0.03])).round(4).tolist()
    [0.9833, 0.975, 0.975]
    """
    filled = np.where(np.isnan(ps), 1.0, ps)
    levels, left = np.empty(len(filled)), len(filled)
    stopped = False
    for place in np.argsort(filled, kind="stable"):
        levels[place] = 1 - LEVEL / left
        stopped = stopped or filled[place] >= LEVEL / left
        left -= not stopped
    return levels


def p_equivalent(mean: float, error: float, df: float, margin: float) -> float:
    """Twice the larger p of the two one-sided t tests of |difference| >= margin (Schuirmann 1987).

    Twice, so that .05 belongs to the 95 % interval, as for the difference from 0: below .05 if and
    only if this interval is inside the margin.
    """
    if not error > 0:
        return math.nan
    return float(min(1.0, 2 * stdtr(df, (abs(mean) - margin) / error)))


def verdicts(contrasts: pd.DataFrame, margin: float) -> pd.DataFrame:
    """One row for each primary contrast: what it says, and all numbers of the sentence about it.

    contrasts: rows of comparison.contrasts, all of one family of Holm's correction. The verdict
    follows from `adjusted_low` and `adjusted_high`, the interval at the level of Holm's procedure;
    `low` and `high` are those of 95 %. docs/statistics.md describes the columns.
    """
    if contrasts.empty:
        return pd.DataFrame(columns=["recipe", "loss", "against", "verdict", "reason"])
    levels = holm_levels(contrasts["p"].to_numpy(float))
    rows = contrasts.to_dict("records")
    return pd.DataFrame([_row(*pair, margin) for pair in zip(rows, levels.tolist(), strict=True)])


def _row(row: dict, level: float, margin: float) -> dict[str, object]:
    mean, error, df = row["mean_difference"], row["standard_error"], row["df"]
    adjusted = _interval(mean, error, df, level)
    by_models = _interval(mean, row["models_error"], row["models_df"], level)
    said, reason = verdict(*adjusted, margin), ""
    if error == 0:  # as with two patients whom both losses miss: that shows nothing
        said, reason = UNDECIDED, NO_SPREAD
    elif not row["trainings_counted"]:
        said = UNDECIDED
    if said not in FINAL and not reason:
        reason = _reason(row, verdict(*by_models, margin) in FINAL, level, margin)
    spreads = row["spread_patients"], row["spread_trainings"]
    plan = needed(spreads, (row["patients"], row["trainings"]), margin, level)
    kept = {name: row[name] for name in KEPT}
    return {
        **{name: row[name] for name in ("recipe", "loss", "against")},
        **{"verdict": said, "reason": reason},
        **{"mean": mean, "low": row["low"], "high": row["high"], "p": row["p"]},
        **{"p_holm": row["p_holm"], "adjusted_level": level},
        **{"adjusted_low": adjusted[0], "adjusted_high": adjusted[1]},
        **{"margin": margin, "p_equivalent": p_equivalent(mean, error, df, margin)},
        **kept,
        **{f"needed_{name}": number for name, number in plan._asdict().items()},
    }


def _reason(row: dict, decided_by_models: bool, level: float, margin: float) -> str:
    """Of which source there is too little: patients alone would decide, or trainings alone would.

    The interval from trainings alone has the variance that remains without that of the patients.
    """
    if decided_by_models:
        return TRAININGS
    if not row["trainings_counted"]:
        return BOTH
    error = math.sqrt(max(0.0, row["standard_error"] ** 2 - row["models_error"] ** 2))
    alone = _interval(row["mean_difference"], error, max(1, row["trainings"] - 1), level)
    return PATIENTS if verdict(*alone, margin) in FINAL else BOTH


def _interval(mean: float, error: float, df: float, level: float) -> tuple[float, float]:
    half = float(half_width(np.asarray(error), np.asarray(df), level))
    return max(-1.0, mean - half), min(1.0, mean + half)
