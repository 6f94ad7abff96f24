"""Tests of tumorseg.statistics.estimates: means, intervals and averaging."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from tumorseg.metrics import Counts, overlap
from tumorseg.statistics.estimates import aggregate, mean, t_interval

NAN = math.nan


def cases(*counts, patients=None):
    """A metrics table of the given (tp, fp, fn, tn)."""
    rows = [
        {"patient": patient, **Counts(*count)._asdict(), **overlap(Counts(*count))}
        for count, patient in zip(counts, patients or range(len(counts)), strict=True)
    ]
    return pd.DataFrame(rows)


def test_a_mean_counts_undefined_values():
    assert mean([1.0, NAN, 3.0]) == (2.0, 1, 3)
    assert math.isnan(mean([NAN]).value)
    assert mean([NAN]).undefined == 1


@given(st.lists(st.floats(-100, 100), min_size=2, max_size=9))
def test_the_interval_equals_scipys_t_interval(values):
    interval = t_interval(values)
    error = np.std(values, ddof=1) / math.sqrt(len(values))
    half = stats.t.ppf(0.975, len(values) - 1) * error
    np.testing.assert_allclose(
        interval, (np.mean(values), interval.mean - half, interval.mean + half), atol=1e-9
    )


def test_one_fold_has_a_mean_but_no_interval():
    interval = t_interval([4.0, NAN])
    assert interval.mean == 4.0
    assert math.isnan(interval.low)
    assert math.isnan(interval.high)


def test_pooled_image_and_patient_means_equal_those_computed_by_hand():
    table = cases((8, 2, 0, 90), (0, 0, 2, 98), (1, 1, 1, 97), patients=["a", "a", "b"])
    assert aggregate(table, "pooled")["dice"].value == pytest.approx(18 / 24)
    dices = (16 / 18, 0.0, 0.5)
    assert aggregate(table, "image")["dice"].value == pytest.approx(sum(dices) / 3)
    assert aggregate(table, "patient")["dice"].value == pytest.approx((dices[0] / 2 + 0.5) / 2)
    assert aggregate(table, "image")["precision"].undefined == 1
    assert aggregate(table, "patient")["precision"].undefined == 0


def test_a_baseline_of_all_background_has_a_high_accuracy_and_a_dice_of_zero():
    means = aggregate(cases((0, 0, 15, 985), (0, 0, 14, 986)), "pooled")
    assert means["accuracy"].value > 0.98
    assert means["dice"].value == means["recall"].value == 0
    assert means["precision"] == pytest.approx((NAN, 1, 1), nan_ok=True)
