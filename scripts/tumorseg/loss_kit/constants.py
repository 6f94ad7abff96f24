"""The kinds of constants of losses, each with its allowed range. Needs no Keras.

The kind is the type of the loss's argument: `gamma: Focus = 2.0`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

CHANGES_NO_RESULT = True  # a constant is accepted unchanged or rejected (workflow/code_digest.py)


@dataclass(frozen=True)
class Range:
    """Numbers from low to high, both allowed; `classes`: also a list with one number per class.

    >>> Range(0, 1).complaint(2)
    'must lie from 0 to 1, not 2'
    """

    low: float
    high: float
    classes: bool = False

    def complaint(self, value: Any) -> str | None:
        """What is wrong with the value, or None."""
        several = isinstance(value, Sequence) and not isinstance(value, str)
        if several and not self.classes:
            return f"must be one number, not {value!r}"
        for number in value if several else [value]:
            if isinstance(number, bool) or not isinstance(number, int | float):
                return f"must be a number, not {number!r}"
            if not self.low <= number <= self.high:
                return f"must lie from {self.low:g} to {self.high:g}, not {number:g}"
        return None


@dataclass(frozen=True)
class OnOff:
    """A part of a loss that can be switched off."""

    def complaint(self, value: Any) -> str | None:
        """What is wrong with the value, or None."""
        return None if isinstance(value, bool) else f"must be true or false, not {value!r}"


Share = Annotated[float, Range(0, 1)]  # the weight of one of two parts; the other has 1 - it
ClassShare = Annotated[float | Sequence[float], Range(0, 1, classes=True)]
Focus = Annotated[float, Range(0, 10)]  # an exponent
Root = Annotated[float, Range(0.1, 10)]  # the inverse of an exponent
Weight = Annotated[float, Range(0, 1e6)]
ClassWeight = Annotated[float | Sequence[float], Range(0, 1e6, classes=True)]
Switch = Annotated[bool, OnOff()]


def kind(annotation: Any) -> Range | OnOff | None:
    """The range of one of the types above; None for any other type."""
    for part in getattr(annotation, "__metadata__", ()):
        if isinstance(part, Range | OnOff):
            return part
    return None
