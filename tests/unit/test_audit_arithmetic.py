"""Tests of tumorseg.audit.arithmetic: exact bounds that every table of real masks satisfies."""

import math

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tumorseg.audit.arithmetic import CHECKS, harmonic, prevalence, prevalence_span, violations
from tumorseg.metrics import METRICS, Counts, overlap
from tumorseg.statistics.estimates import aggregate

COUNT = st.integers(0, 30)
TABLES = st.lists(st.tuples(COUNT, COUNT, COUNT, COUNT), min_size=1, max_size=6)
AGGREGATIONS = st.sampled_from(["pooled", "image", "patient"])


def box(slack=0.0, **values):
    return {
        name: (value - slack, value + slack)
        for name, value in values.items()
        if not math.isnan(value)
    }


def broken(averages_only=False, **values):
    return {
        (item.check, item.by_any) for item in violations(box(**values), averages_only=averages_only)
    }


@given(TABLES, AGGREGATIONS)
def test_no_row_of_real_masks_is_called_impossible(counts, aggregation):
    cases = pd.DataFrame(
        {"patient": index // 2, **Counts(*count)._asdict(), **overlap(Counts(*count))}
        for index, count in enumerate(counts)
    )
    means = aggregate(cases, aggregation)
    row = box(**{name: means[name].value for name in METRICS})
    assert violations(row, averages_only=aggregation != "pooled") == []


@given(TABLES, AGGREGATIONS, st.integers(1, 4), st.booleans())
def test_no_row_of_real_masks_is_called_impossible_after_rounding_or_cutting_off(
    counts, aggregation, decimals, cut
):
    cases = pd.DataFrame(
        {"patient": index // 2, **Counts(*count)._asdict(), **overlap(Counts(*count))}
        for index, count in enumerate(counts)
    )
    step = 10**decimals
    printed = {
        name: (math.floor(value * step) if cut else round(value * step)) / step
        for name, (value, _, _) in aggregate(cases, aggregation).items()
        if name in METRICS and not math.isnan(value)
    }
    assert violations(box(1 / step, **printed), averages_only=aggregation != "pooled") == []


@given(st.tuples(*[st.integers(1, 500)] * 4))
def test_precision_recall_and_specificity_imply_the_prevalence(counts):
    tp, fp, fn, tn = counts
    metrics = overlap(Counts(*counts))
    implied = prevalence(metrics["precision"], metrics["recall"], metrics["specificity"])
    assert implied == pytest.approx((tp + fn) / (tp + fp + fn + tn))


@given(st.tuples(*[st.integers(1, 500)] * 4), st.floats(0, 0.05), st.data())
def test_the_prevalence_is_within_its_span_for_all_values_in_the_box(counts, slack, data):
    metrics = overlap(Counts(*counts))
    names = ("precision", "recall", "specificity")
    spans = {n: (max(metrics[n] - slack, 0.0), min(metrics[n] + slack, 1.0)) for n in names}
    inside = [data.draw(st.floats(*spans[name])) for name in names]
    share = prevalence(*inside)
    low, high = prevalence_span(spans)
    assert math.isnan(share) or low - 1e-9 <= share <= high + 1e-9


def test_the_bounds_for_averages_are_reached_so_they_cannot_be_sharper():
    # Equal cases reach the upper bound; cases that are perfect or have P or R near 0, the lower.
    assert broken(dice=harmonic(0.8, 0.5), precision=0.8, recall=0.5, averages_only=True) == set()
    assert broken(dice=0.3, precision=0.8, recall=0.5, averages_only=True) == set()
    below, above = ("dice", 0.2999), ("dice", harmonic(0.8, 0.5) + 1e-4)
    for name, value in (below, above):
        faults = broken(**{name: value}, precision=0.8, recall=0.5, averages_only=True)
        assert faults == {("F1 against precision and recall", True)}


def test_an_f1_between_the_harmonic_and_the_arithmetic_mean_is_a_fault():
    faults = broken(dice=0.64, precision=0.9, recall=0.4)
    assert 0.64 < (0.9 + 0.4) / 2
    assert faults == {("F1 against precision and recall", True)}


@pytest.mark.parametrize(
    ("values", "check", "by_any"),
    [
        ({"dice": 1.2}, "a share lies from 0 to 1", True),
        ({"dice": 0.6, "iou": 0.5}, "Dice against IoU", False),
        ({"dice": 0.7, "iou": 0.5}, "Dice against IoU", True),
        ({"dice": 0.4, "iou": 0.5}, "Dice against IoU", True),
        (
            {"accuracy": 0.99, "recall": 0.5, "specificity": 0.98},
            "accuracy between recall and specificity",
            False,
        ),
        (
            {"accuracy": 0.3, "recall": 0.9, "specificity": 0.5},
            "accuracy between recall and specificity",
            True,
        ),
        (
            {"accuracy": 0.6, "precision": 0.9, "recall": 0.5, "specificity": 0.99},
            "accuracy against precision, recall and specificity",
            False,
        ),
    ],
)
def test_each_impossible_row_is_found_by_its_check(values, check, by_any):
    assert (check, by_any) in broken(**values)
    others = {name: value for name, value in values.items() if name != CHECKS[0].target}
    assert broken(**others, averages_only=True) <= {(check, by_any)}


def test_an_average_may_be_what_is_impossible_for_pooled_counts():
    row = {"accuracy": 0.99, "dice": 0.5, "precision": 0.8, "recall": 0.6, "specificity": 0.98}
    assert {by_any for _, by_any in broken(**row)} == {False}
    assert broken(**row, averages_only=True) == set()
