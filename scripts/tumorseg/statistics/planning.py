"""How many patients and trainings a comparison needs, from what one has measured."""

import math
from collections.abc import Callable

from scipy.special import stdtrit

MOST = 1_000_000  # more patients or trainings than this are "no number"
POWER = 0.8


def needed(
    spreads: tuple[float, float], numbers: tuple[int, int], margin: float, level: float
) -> tuple[float, float]:
    """Patients needed with the same trainings, and trainings needed with the same patients.

    With these numbers the interval of this level is so narrow that, with a probability of 80 %, a
    true difference of 0 is recognized as within the margin; a true difference of the size of the
    margin is then recognized as a difference with 90 %. NaN where no number suffices, because the
    other source alone is too large.

    Args:
        spreads: standard deviations of patients (means over seeds) and of trainings. They are
            estimates, so the numbers are as uncertain as these.
        numbers: of patients and of trainings.
        margin: the smallest difference that matters.
        level: of the interval, for example .95.
    """
    if not all(spread >= 0 for spread in spreads) or not any(spreads):
        return math.nan, math.nan

    def enough(patients: int, trainings: int) -> bool:
        parts = spreads[0] ** 2 / patients, spreads[1] ** 2 / trainings
        degrees = max(1, patients - 1), max(1, trainings - 1)
        df = sum(parts) ** 2 / sum(p**2 / d for p, d in zip(parts, degrees, strict=True))
        tails = stdtrit(df, (1 + level) / 2) + stdtrit(df, (1 + POWER) / 2)
        return bool(tails * math.sqrt(sum(parts)) <= margin)

    patients, trainings = numbers
    return (
        _smallest(lambda number: enough(number, trainings)),
        _smallest(lambda number: enough(patients, number)),
    )


def _smallest(enough: Callable[[int], bool]) -> float:
    """The smallest number from 2 on that is enough, NaN above MOST."""
    high = 2
    while not enough(high):
        high *= 2
        if high > MOST:
            return math.nan
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return float(high)
