"""Promises of tumorseg.statistics and tumorseg.checks."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from tumorseg import published
from tumorseg.checks import CHECKS, prevalence, violations
from tumorseg.metrics import METRICS, Counts, overlap
from tumorseg.statistics import aggregate, mean, t_interval

NAN = math.nan


def cases(*counts, patients=None):
    """A metrics table of the given (tp, fp, fn, tn)."""
    rows = [
        {"patient": patient, **Counts(*count)._asdict(), **overlap(Counts(*count))}
        for count, patient in zip(counts, patients or range(len(counts)), strict=True)
    ]
    return pd.DataFrame(rows)


def test_a_mean_counts_what_is_undefined():
    assert mean([1.0, NAN, 3.0]) == (2.0, 1, 3)
    assert math.isnan(mean([NAN]).value)
    assert mean([NAN]).undefined == 1


@given(st.lists(st.floats(-100, 100), min_size=2, max_size=9))
def test_the_interval_is_scipys_t_interval(values):
    found = t_interval(values)
    error = np.std(values, ddof=1) / math.sqrt(len(values))
    half = stats.t.ppf(0.975, len(values) - 1) * error
    np.testing.assert_allclose(
        found, (np.mean(values), found.mean - half, found.mean + half), atol=1e-9
    )


def test_one_fold_has_a_mean_and_no_interval():
    found = t_interval([4.0, NAN])
    assert found.mean == 4.0
    assert math.isnan(found.low)
    assert math.isnan(found.high)


def test_pooled_image_and_patient_means_differ_as_worked_by_hand():
    table = cases((8, 2, 0, 90), (0, 0, 2, 98), (1, 1, 1, 97), patients=["a", "a", "b"])
    assert aggregate(table, "pooled")["dice"].value == pytest.approx(18 / 24)
    dices = (16 / 18, 0.0, 0.5)
    assert aggregate(table, "image")["dice"].value == pytest.approx(sum(dices) / 3)
    assert aggregate(table, "patient")["dice"].value == pytest.approx((dices[0] / 2 + 0.5) / 2)
    assert aggregate(table, "image")["precision"].undefined == 1
    assert aggregate(table, "patient")["precision"].undefined == 0


def test_a_baseline_of_all_background_is_accurate_and_finds_nothing():
    found = aggregate(cases((0, 0, 15, 985), (0, 0, 14, 986)), "pooled")
    assert found["accuracy"].value > 0.98
    assert found["dice"].value == found["recall"].value == 0
    assert found["precision"] == pytest.approx((NAN, 1, 1), nan_ok=True)


COUNT = st.integers(0, 30)
TABLES = st.lists(st.tuples(COUNT, COUNT, COUNT, COUNT), min_size=1, max_size=6)


@given(TABLES, st.sampled_from(["pooled", "image", "patient"]))
def test_no_table_made_of_real_masks_violates_a_check(counts, aggregation):
    patients = [index // 2 for index in range(len(counts))]
    means = aggregate(cases(*counts, patients=patients), aggregation)
    row = pd.DataFrame([{"fold": 1} | {name: means[name].value for name in METRICS}])
    assert violations(row, pooled=aggregation == "pooled")["violated"].sum() == 0


@given(st.tuples(*[st.integers(1, 500)] * 4))
def test_precision_recall_and_specificity_imply_the_prevalence(counts):
    tp, fp, fn, tn = counts
    found = overlap(Counts(*counts))
    implied = prevalence(found["precision"], found["recall"], found["specificity"])
    assert implied == pytest.approx((tp + fn) / (tp + fp + fn + tn))


def published_violations(pooled=True):
    tolerance = {name: unit / 100 for name, unit in published.TOLERANCE.items()}
    table = violations(
        published.table2(), pooled=pooled, tolerance=tolerance, label="{loss} {fold}"
    )
    return table.set_index("check")


@pytest.mark.parametrize(
    ("check", "count"),
    [
        ("Dice <= (precision + recall) / 2", 7),
        ("Dice between precision and recall", 2),
        ("accuracy <= max(recall, specificity)", 4),
        ("accuracy fits precision, recall and specificity", 10),
    ],
)
def test_the_published_table_violates_what_it_is_known_to_violate(check, count):
    assert published_violations().loc[check, "violated"] == count


def test_the_violating_rows_are_named():
    where = published_violations()["where"]
    assert where["Dice between precision and recall"] == "bce 3, bce 5"
    assert where["accuracy <= max(recall, specificity)"] == "focal 2, focal 4, bce 1, bce 5"


def test_averages_are_held_to_the_checks_for_averages_only():
    assert list(published_violations(pooled=False).index) == ["Dice <= (precision + recall) / 2"]


def test_the_iou_bound_catches_row_4_of_the_2024_paper():
    row = pd.DataFrame([{"fold": 4, "iou": 0.857, "dice": 0.929}])
    found = violations(row, pooled=False, tolerance={"iou": 0.0005, "dice": 0.0005})
    assert list(found["where"]) == ["4"]


def test_rows_with_undefined_values_are_counted_as_such():
    row = pd.DataFrame([{"fold": 1, **overlap(Counts(0, 0, 5, 95))}])
    found = violations(row, pooled=True).set_index("check")
    assert found.loc["Dice <= (precision + recall) / 2", "undefined"] == 1
    assert set(found.index) == set(CHECKS)
