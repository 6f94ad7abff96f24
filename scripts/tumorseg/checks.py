"""Arithmetic that every table of segmentation results must obey; what breaks it cannot be right.

Values are fractions. `tolerance` is how far a printed value may lie from the true one, so that only
what no rounding can explain is called a violation.
"""

import math
from collections.abc import Callable, Mapping
from itertools import product

import pandas as pd

Row = Mapping[str, float]
_FLOAT_NOISE = 1e-6


def _ends(row: Row, tolerance: Row, name: str) -> tuple[float, float]:
    slack = tolerance.get(name, 0.0) + _FLOAT_NOISE
    return row[name] - slack, row[name] + slack


def dice_above_average(row: Row, tolerance: Row) -> bool:
    """F1 <= (P + R)/2: a harmonic mean is at most the arithmetic one, pooled and averaged alike."""
    highest = (_ends(row, tolerance, "precision")[1] + _ends(row, tolerance, "recall")[1]) / 2
    return _ends(row, tolerance, "dice")[0] > highest


def dice_above_iou_bound(row: Row, tolerance: Row) -> bool:
    """Dice <= 2 J / (1 + J): equal for one pair of masks, and the right side is concave in J."""
    highest = _ends(row, tolerance, "iou")[1]
    return _ends(row, tolerance, "dice")[0] > 2 * highest / (1 + highest)


def dice_outside_range(row: Row, tolerance: Row) -> bool:
    """min(P, R) <= F1 <= max(P, R), pooled."""
    (p_low, p_high), (r_low, r_high), (low, high) = (
        _ends(row, tolerance, name) for name in ("precision", "recall", "dice")
    )
    return high < min(p_low, r_low) or low > max(p_high, r_high)


def accuracy_above_parts(row: Row, tolerance: Row) -> bool:
    """Accuracy is a weighted mean of recall and specificity, so at most the larger, pooled."""
    highest = max(_ends(row, tolerance, name)[1] for name in ("recall", "specificity"))
    return _ends(row, tolerance, "accuracy")[0] > highest


def prevalence(precision: float, recall: float, specificity: float) -> float:
    """The share of tumour pixels that three pooled values imply: P(1-S) / (P(1-S) + R(1-P)).

    NaN where they leave it open (nothing falsely positive, or nothing found).
    """
    whole = precision * (1 - specificity) + recall * (1 - precision)
    return precision * (1 - specificity) / whole if whole else math.nan


def accuracy_against_prevalence(row: Row, tolerance: Row) -> bool:
    """Pooled P, R and S fix the prevalence pi and so the accuracy pi R + (1 - pi) S.

    That accuracy is monotone in each of the three, so its extremes lie at the corners of the box
    that the tolerances span.
    """
    names = ("precision", "recall", "specificity")
    possible = []
    for corner in product(*(_ends(row, tolerance, name) for name in names)):
        p, r, s = (min(max(value, 0.0), 1.0) for value in corner)
        share = prevalence(p, r, s)
        shares = (0.0, 1.0) if math.isnan(share) else (share,)
        possible += [share * r + (1 - share) * s for share in shares]
    low, high = _ends(row, tolerance, "accuracy")
    return high < min(possible) or low > max(possible)


# name: (violated?, columns needed, only for pooled counts of one set of cases)
CHECKS: dict[str, tuple[Callable[[Row, Row], bool], tuple[str, ...], bool]] = {
    "Dice <= (precision + recall) / 2": (
        dice_above_average,
        ("dice", "precision", "recall"),
        False,
    ),
    "Dice <= 2 IoU / (1 + IoU)": (dice_above_iou_bound, ("dice", "iou"), False),
    "Dice between precision and recall": (
        dice_outside_range,
        ("dice", "precision", "recall"),
        True,
    ),
    "accuracy <= max(recall, specificity)": (
        accuracy_above_parts,
        ("accuracy", "recall", "specificity"),
        True,
    ),
    "accuracy fits precision, recall and specificity": (
        accuracy_against_prevalence,
        ("accuracy", "precision", "recall", "specificity"),
        True,
    ),
}


def violations(
    table: pd.DataFrame, *, pooled: bool, tolerance: Row | None = None, label: str = "{fold}"
) -> pd.DataFrame:
    """Each applicable check over the rows: check, rows, undefined, violated, where.

    table: fractions in columns named as in tumorseg.metrics.METRICS; `label` names a row.
    pooled: every row is made of the pooled counts of one set of cases, not an average.
    undefined: rows in which a needed value is NaN, so that nothing can be said.
    """
    tolerance = tolerance or {}
    rows = table.to_dict("records")
    found = []
    for check, (violated, needed, pooled_only) in CHECKS.items():
        if (pooled_only and not pooled) or not set(needed) <= set(table.columns):
            continue
        sayable = [row for row in rows if not any(math.isnan(row[name]) for name in needed)]
        where = [label.format(**row) for row in sayable if violated(row, tolerance)]
        found.append(
            {
                "check": check,
                "rows": len(rows),
                "undefined": len(rows) - len(sayable),
                "violated": len(where),
                "where": ", ".join(where) or "nowhere",
            }
        )
    return pd.DataFrame(found)
