"""Arithmetic that every row of segmentation results obeys; what breaks it cannot be right.

Values are fractions, each known only to lie in an interval (printing tolerance). A check gives the
range that one value may take beside the others: once for averages over cases, where every case
obeys the pooled identity and Jensen's inequality carries it to the means, and once for pooled
counts, where the identity holds itself. Both ranges are as narrow as the proof allows. The bounds
for averages assume that the same cases are behind every column; a precision that is undefined
(nothing predicted) or a recall that is (nothing there) may be left out where Dice counts as 0.
"""

import math
from collections.abc import Callable, Mapping
from itertools import product
from typing import NamedTuple

Span = tuple[float, float]
Box = Mapping[str, Span]
SHARES = ("accuracy", "dice", "precision", "recall", "specificity", "iou")
NOISE = 1e-9


def harmonic(first: float, second: float) -> float:
    """2PR / (P + R), 0 where both are 0."""
    return 2 * first * second / (first + second) if first + second else 0.0


def f1_averaged(box: Box) -> Span:
    """P + R - 1 <= F1 <= 2PR/(P + R): F1 is concave in (P, R) and P + R - 1 lies below it.

    Sharper than F1 <= (P + R)/2, which follows.
    """
    (p_low, p_high), (r_low, r_high) = box["precision"], box["recall"]
    return p_low + r_low - 1, harmonic(p_high, r_high)


def f1_pooled(box: Box) -> Span:
    """F1 = 2PR/(P + R), rising in both."""
    (p_low, p_high), (r_low, r_high) = box["precision"], box["recall"]
    return harmonic(p_low, r_low), harmonic(p_high, r_high)


def between_parts(first: str, second: str) -> Callable[[Box], Span]:
    """From the smaller of two values to the larger: where a weighted mean of them must lie."""

    def span(box: Box) -> Span:
        lows, highs = zip(box[first], box[second], strict=True)
        return min(lows), max(highs)

    return span


def dice_of_iou_averaged(box: Box) -> Span:
    """J <= Dice <= 2J/(1 + J): the right side is concave in J and meets J at 0 and 1."""
    low, high = box["iou"]
    return low, 2 * high / (1 + high)


def dice_of_iou_pooled(box: Box) -> Span:
    """Dice = 2J/(1 + J)."""
    low, high = box["iou"]
    return 2 * low / (1 + low), 2 * high / (1 + high)


def accuracy_averaged(box: Box) -> Span:
    """R + S - 1 <= accuracy <= R + S, as each case's accuracy lies between its R and S."""
    (r_low, r_high), (s_low, s_high) = box["recall"], box["specificity"]
    return r_low + s_low - 1, r_high + s_high


def prevalence(precision: float, recall: float, specificity: float) -> float:
    """The share of tumour pixels that three pooled values imply: P(1-S) / (P(1-S) + R(1-P)).

    NaN where they leave it open (nothing falsely positive, or nothing found).
    """
    whole = precision * (1 - specificity) + recall * (1 - precision)
    return precision * (1 - specificity) / whole if whole else math.nan


def prevalence_span(box: Box) -> Span:
    """The prevalences that the box allows: rising in P, falling in R and S."""
    (p_low, p_high), (r_low, r_high), (s_low, s_high) = (
        box[name] for name in ("precision", "recall", "specificity")
    )
    low, high = prevalence(p_low, r_high, s_high), prevalence(p_high, r_low, s_low)
    return 0.0 if math.isnan(low) else low, 1.0 if math.isnan(high) else high


def accuracy_pooled(box: Box) -> Span:
    """P, R and S fix the prevalence pi and so the accuracy pi R + (1 - pi) S.

    It is monotone in each of the three, so its extremes lie at the corners of the box.
    """
    possible = []
    for p, r, s in product(box["precision"], box["recall"], box["specificity"]):
        share = prevalence(p, r, s)
        shares = (0.0, 1.0) if math.isnan(share) else (share,)
        possible += [share * r + (1 - share) * s for share in shares]
    return min(possible), max(possible)


class Check(NamedTuple):
    """A value, the values that bound it, and its range among averages and among pooled counts."""

    name: str
    target: str
    needs: tuple[str, ...]
    averaged: Callable[[Box], Span] | None
    pooled: Callable[[Box], Span]


CHECKS = (
    Check(
        "F1 against precision and recall",
        "dice",
        ("precision", "recall"),
        f1_averaged,
        f1_pooled,
    ),
    Check(
        "F1 between precision and recall",
        "dice",
        ("precision", "recall"),
        None,
        between_parts("precision", "recall"),
    ),
    Check("Dice against IoU", "dice", ("iou",), dice_of_iou_averaged, dice_of_iou_pooled),
    Check(
        "accuracy between recall and specificity",
        "accuracy",
        ("recall", "specificity"),
        accuracy_averaged,
        between_parts("recall", "specificity"),
    ),
    Check(
        "accuracy against precision, recall and specificity",
        "accuracy",
        ("precision", "recall", "specificity"),
        None,
        accuracy_pooled,
    ),
)


class Violation(NamedTuple):
    """A value outside its range; by_any: under every averaging, not as pooled counts alone."""

    check: str
    target: str
    needs: tuple[str, ...]
    allowed: Span
    by_any: bool


def outside(span: Span, allowed: Span) -> bool:
    """No value of `span` lies in `allowed`."""
    return span[1] < allowed[0] - NOISE or span[0] > allowed[1] + NOISE


def violations(box: Box, *, averages_only: bool = False) -> list[Violation]:
    """What is impossible in one row: SHARES by name, each as (lowest, highest) fraction.

    averages_only: the row is known to be an average, so nothing is tried as pooled counts.
    """
    found = [
        Violation("a share lies from 0 to 1", name, (), (0.0, 1.0), True)
        for name, span in box.items()
        if outside(span, (0.0, 1.0))
    ]
    if found:
        return found
    inside = {name: (max(low, 0.0), min(high, 1.0)) for name, (low, high) in box.items()}
    for check in CHECKS:
        if not {check.target, *check.needs} <= set(inside):
            continue
        span = inside[check.target]
        if check.averaged and outside(span, allowed := check.averaged(inside)):
            found.append(Violation(check.name, check.target, check.needs, allowed, True))
        elif not averages_only and outside(span, allowed := check.pooled(inside)):
            found.append(Violation(check.name, check.target, check.needs, allowed, False))
    return found
