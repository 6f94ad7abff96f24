"""Kinds of constants that losses take, with the range each may lie in; needs no Keras.

A loss names the kind as the type of its argument: `gamma: Focus = 2.0`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

CHANGES_NO_RESULT = True  # a constant is taken as it is or refused (workflow/code_digest.py)


@dataclass(frozen=True)
class Range:
    """Numbers from low to high, both allowed; a constant a class where `classes`."""

    low: float
    high: float
    classes: bool = False

    def refusal(self, value: Any) -> str | None:
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
    """A part of a loss that is on or off."""

    def refusal(self, value: Any) -> str | None:
        """What is wrong with the value, or None."""
        return None if isinstance(value, bool) else f"must be true or false, not {value!r}"


Share = Annotated[float, Range(0, 1)]  # the weight of one of two sides, the other has the rest
ClassShare = Annotated[float | Sequence[float], Range(0, 1, classes=True)]
Focus = Annotated[float, Range(0, 10)]  # an exponent
Root = Annotated[float, Range(0.1, 10)]  # an exponent's inverse
Weight = Annotated[float, Range(0, 1e6)]
Switch = Annotated[bool, OnOff()]


def kind(annotation: Any) -> Range | OnOff | None:
    """The range that a type above carries; None for any other type."""
    for part in getattr(annotation, "__metadata__", ()):
        if isinstance(part, Range | OnOff):
            return part
    return None
