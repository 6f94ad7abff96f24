"""How many patients and trainings a comparison needs, from what one has measured."""

import math
from collections.abc import Callable
from typing import NamedTuple

from scipy.special import stdtrit

MOST = 1_000_000  # more patients or trainings than this are "no number"
POWER = 0.8


class Needed(NamedTuple):
    """Patients with the same trainings, trainings with the same patients, or more of both."""

    patients: float
    trainings: float
    both_patients: float
    both_trainings: float


def needed(
    spreads: tuple[float, float], numbers: tuple[int, int], margin: float, level: float
) -> Needed:
    """How many patients and trainings a verdict needs, one of them or both raised alike.

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
        return Needed(*[math.nan] * 4)

    def enough(patients: int, trainings: int) -> bool:
        parts = spreads[0] ** 2 / patients, spreads[1] ** 2 / trainings
        degrees = max(1, patients - 1), max(1, trainings - 1)
        df = sum(parts) ** 2 / sum(p**2 / d for p, d in zip(parts, degrees, strict=True))
        tails = stdtrit(df, (1 + level) / 2) + stdtrit(df, (1 + POWER) / 2)
        return bool(tails * math.sqrt(sum(parts)) <= margin)

    patients, trainings = numbers
    per_training = patients / trainings
    both = _smallest(lambda number: enough(math.ceil(number * per_training), number))
    return Needed(
        patients=_smallest(lambda number: enough(number, trainings)),
        trainings=_smallest(lambda number: enough(patients, number)),
        both_patients=math.ceil(both * per_training) if both == both else math.nan,
        both_trainings=both,
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
