"""Arithmetic that every row of segmentation results must satisfy; other rows are impossible.

Values are fractions, and each is only known to lie in an interval (from the printed digits). A
check gives the range of one value that the others allow, in two versions. Pooled counts satisfy an
identity. For averages over cases, each case satisfies that identity, and Jensen's inequality gives
bounds for the means. Both ranges are as narrow as the proof allows. The bounds for averages assume
that every column covers the same cases; an undefined precision (nothing predicted) or recall
(no tumour) may be left out of its mean if Dice counts as 0 there.
"""

import math
from collections.abc import Callable, Mapping
from itertools import product
from typing import NamedTuple

Span = tuple[float, float]
Box = Mapping[str, Span]
SHARES = ("accuracy", "dice", "precision", "recall", "specificity", "iou")
NOISE = 1e-9  # rounding errors of the arithmetic here


def harmonic(first: float, second: float) -> float:
    """2PR / (P + R), 0 if both are 0."""
    return 2 * first * second / (first + second) if first + second else 0.0


def f1_averaged(box: Box) -> Span:
    """P + R - 1 <= F1 <= 2PR/(P + R): F1 is concave in (P, R) and P + R - 1 is below it.

    The upper bound is sharper than F1 <= (P + R)/2, which follows from it.
    """
    (p_low, p_high), (r_low, r_high) = box["precision"], box["recall"]
    return p_low + r_low - 1, harmonic(p_high, r_high)


def f1_pooled(box: Box) -> Span:
    """F1 = 2PR/(P + R), which increases with both."""
    (p_low, p_high), (r_low, r_high) = box["precision"], box["recall"]
    return harmonic(p_low, r_low), harmonic(p_high, r_high)


def between_parts(first: str, second: str) -> Callable[[Box], Span]:
    """The range from the smaller to the larger of two values, which contains any weighted mean."""

    def span(box: Box) -> Span:
        lows, highs = zip(box[first], box[second], strict=True)
        return min(lows), max(highs)

    return span


def dice_of_iou_averaged(box: Box) -> Span:
    """J <= Dice <= 2J/(1 + J): the right side is concave in J and equals J at 0 and 1."""
    low, high = box["iou"]
    return low, 2 * high / (1 + high)


def dice_of_iou_pooled(box: Box) -> Span:
    """Dice = 2J/(1 + J)."""
    low, high = box["iou"]
    return 2 * low / (1 + low), 2 * high / (1 + high)


def accuracy_averaged(box: Box) -> Span:
    """R + S - 1 <= accuracy <= R + S, because the accuracy of a case is between its R and S."""
    (r_low, r_high), (s_low, s_high) = box["recall"], box["specificity"]
    return r_low + s_low - 1, r_high + s_high


def prevalence(precision: float, recall: float, specificity: float) -> float:
    """The share of tumour pixels that three pooled values imply: P(1-S) / (P(1-S) + R(1-P)).

    NaN if they do not determine it (no false positives, or no true positives).
    """
    denominator = precision * (1 - specificity) + recall * (1 - precision)
    return precision * (1 - specificity) / denominator if denominator else math.nan


def prevalence_span(box: Box) -> Span:
    """The prevalences that the box allows; they increase with P and decrease with R and S."""
    (p_low, p_high), (r_low, r_high), (s_low, s_high) = (
        box[name] for name in ("precision", "recall", "specificity")
    )
    low, high = prevalence(p_low, r_high, s_high), prevalence(p_high, r_low, s_low)
    return 0.0 if math.isnan(low) else low, 1.0 if math.isnan(high) else high


def accuracy_pooled(box: Box) -> Span:
    """P, R and S determine the prevalence pi and the accuracy pi R + (1 - pi) S.

    The accuracy is monotone in each of the three, so its extremes are at corners of the box.
    """
    possible = []
    for p, r, s in product(box["precision"], box["recall"], box["specificity"]):
        share = prevalence(p, r, s)
        shares = (0.0, 1.0) if math.isnan(share) else (share,)
        possible += [share * r + (1 - share) * s for share in shares]
    return min(possible), max(possible)


class Check(NamedTuple):
    """A value, the values that bound it, and its range for averages and for pooled counts."""

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
    """A value outside its range; by_any: under any averaging, not only for pooled counts."""

    check: str
    target: str
    needs: tuple[str, ...]
    allowed: Span
    by_any: bool


def outside(span: Span, allowed: Span) -> bool:
    """Whether no value of `span` is in `allowed`."""
    return span[1] < allowed[0] - NOISE or span[0] > allowed[1] + NOISE


def violations(box: Box, *, averages_only: bool = False) -> list[Violation]:
    """The impossible values of one row.

    box: (lowest, highest) fraction of each of SHARES. averages_only: the row is known to be an
    average, so the checks of pooled counts are skipped.
    """
    broken = [
        Violation("a share lies from 0 to 1", name, (), (0.0, 1.0), True)
        for name, span in box.items()
        if outside(span, (0.0, 1.0))
    ]
    if broken:
        return broken
    inside = {name: (max(low, 0.0), min(high, 1.0)) for name, (low, high) in box.items()}
    for check in CHECKS:
        if not {check.target, *check.needs} <= set(inside):
            continue
        span = inside[check.target]
        if check.averaged and outside(span, allowed := check.averaged(inside)):
            broken.append(Violation(check.name, check.target, check.needs, allowed, True))
        elif not averages_only and outside(span, allowed := check.pooled(inside)):
            broken.append(Violation(check.name, check.target, check.needs, allowed, False))
    return broken
