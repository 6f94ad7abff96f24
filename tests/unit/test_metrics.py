"""Tests of tumorseg.metrics and tumorseg.evaluation.case_metrics."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tumorseg.evaluation.case_metrics import (
    BINS,
    THRESHOLDS,
    columns,
    counts_by_threshold,
    failed,
    lesion_counts,
    reliability,
)
from tumorseg.evaluation.case_metrics import measured as measured_case
from tumorseg.evaluation.metric_tables import conventions
from tumorseg.evaluation.probabilities import STORED_ONE, foreground
from tumorseg.metrics import Counts, count, overlap

MASKS = arrays(bool, (6, 7))
STEPS = st.sampled_from([0, 1, 9830, 32767, 32768, 65535])
PROBABILITIES = arrays(np.uint16, (6, 7), elements=STEPS)
TOLERANCES = [1, 2.5]


def measured(truth, prediction, spacing_mm):
    """The metrics row of a prediction with probabilities 0 and 1 only."""
    certain = (prediction != 0).astype(np.uint16) * np.uint16(STORED_ONE)
    settings = {"spacing_mm": spacing_mm, "threshold": 0.5, "tolerances_px": TOLERANCES}
    return measured_case(truth, certain, **settings)


def mask(*pixels, shape=(4, 5)):
    array = np.zeros(shape, np.uint8)
    for row, column in pixels:
        array[row, column] = 255
    return array


def test_counts_and_metrics_of_a_small_case_computed_by_hand():
    truth, prediction = mask((0, 0), (0, 1), (0, 2)), mask((0, 1), (0, 2), (1, 1), (1, 2), (1, 3))
    counts = count(truth, prediction)
    assert counts == Counts(tp=2, fp=3, fn=1, tn=14)
    expected = (16 / 20, 4 / 8, 2 / 5, 2 / 3, 14 / 17, 2 / 6)
    assert tuple(overlap(counts).values()) == pytest.approx(expected)


EMPTY, TUMOUR = mask(), mask((1, 1), (1, 2))


@pytest.mark.parametrize(
    ("truth", "prediction", "expected"),
    [
        (EMPTY, EMPTY, {"dice": None, "iou": None, "precision": None, "recall": None}),
        (EMPTY, TUMOUR, {"dice": 0, "iou": 0, "precision": 0, "recall": None}),
        (TUMOUR, EMPTY, {"dice": 0, "iou": 0, "precision": None, "recall": 0}),
    ],
    ids=["both empty", "truth empty", "prediction empty"],
)
def test_empty_masks_follow_the_convention(truth, prediction, expected):
    metrics = overlap(count(truth, prediction))
    for name, value in expected.items():
        assert math.isnan(metrics[name]) if value is None else metrics[name] == value


@pytest.mark.parametrize(
    ("truth", "prediction", "missed", "distance"),
    [
        (EMPTY, EMPTY, 0, math.nan),
        (EMPTY, TUMOUR, 0, math.hypot(4, 5)),
        (TUMOUR, EMPTY, 1, math.hypot(4, 5)),
        (TUMOUR, mask((3, 4)), 1, math.hypot(2, 3)),
        (TUMOUR, mask((1, 2)), 0, 1.0),
    ],
)
def test_a_row_counts_missed_tumours_and_has_the_diagonal_if_one_mask_is_empty(
    truth, prediction, missed, distance
):
    row = measured(truth, prediction, spacing_mm=(0.5, 0.5))
    assert row["missed"] == missed
    np.testing.assert_allclose(row["hausdorff_px"], distance)
    np.testing.assert_allclose(row["hausdorff_mm"], distance / 2)


def test_with_unknown_spacing_only_millimetres_are_undefined():
    for spacing_mm in ((math.nan, math.nan), (0.5, math.nan), (math.nan, 0.5)):
        row = measured(TUMOUR, TUMOUR, spacing_mm=spacing_mm)
        assert row["hausdorff_px"] == 0
        assert math.isnan(row["hausdorff_mm"])


def test_millimetres_use_the_height_and_width_of_pixels_that_are_not_square():
    truth, shape = mask((1, 1), shape=(9, 9)), (9, 9)
    for moved, distance_px, distance_mm in (
        ((5, 1), 4, 2.0),
        ((1, 5), 4, 12.0),
        ((4, 5), 5, 12.093),
    ):
        row = measured(truth, mask(moved, shape=shape), spacing_mm=(0.5, 3.0))
        for name in ("hausdorff", "hd95", "hd95_pooled", "assd"):
            assert row[f"{name}_px"] == pytest.approx(distance_px)
            assert row[f"{name}_mm"] == pytest.approx(distance_mm, abs=1e-3)
    row = measured(truth, mask(shape=shape), spacing_mm=(0.5, 3.0))
    assert row["hausdorff_mm"] == pytest.approx(math.hypot(4.5, 27))


def test_failed_rows_have_the_columns_of_measured_rows_and_no_result():
    row = failed(TUMOUR, TOLERANCES)
    assert set(row) == set(measured(TUMOUR, TUMOUR, (1.0, 1.0))) <= set(columns(TOLERANCES))
    assert row["status"] == "failed"
    assert math.isnan(row["dice"])
    assert row["truth_px"] == 2


@pytest.mark.parametrize("threshold", [0.0, 0.3, 0.5, 0.7, 1.0])
def test_the_threshold_is_compared_exactly_in_16_bit_steps(threshold):
    steps = np.arange(65536, dtype=np.uint16)
    number = round(threshold * 10)
    expected = steps.astype(int) * 10 > number * 65535
    assert np.array_equal(foreground(steps, threshold), expected)


@given(MASKS, MASKS)
def test_dice_and_iou_are_symmetric_and_consistent(truth, prediction):
    metrics, swapped = overlap(count(truth, prediction)), overlap(count(prediction, truth))
    np.testing.assert_equal(metrics["dice"], swapped["dice"])
    np.testing.assert_equal(metrics["precision"], swapped["recall"])
    np.testing.assert_allclose(metrics["dice"], 2 * metrics["iou"] / (1 + metrics["iou"]))
    assert sum(count(truth, prediction)) == truth.size


@given(st.tuples(*[st.integers(0, 9)] * 4))
def test_metrics_lie_between_0_and_1_or_are_undefined(counts):
    for value in overlap(Counts(*counts)).values():
        assert math.isnan(value) or 0 <= value <= 1


def test_masks_of_different_shape_are_rejected():
    with pytest.raises(ValueError, match="differ in shape"):
        count(np.zeros((2, 3)), np.zeros((3, 2)))


def test_a_row_with_two_tumours_of_which_one_is_found_and_one_falsely_predicted():
    truth, prediction = np.zeros((9, 9)), np.zeros((9, 9))
    truth[0:2, 0:2] = truth[6:8, 0:2] = 1
    prediction[1:3, 1:3] = prediction[6:8, 6:8] = 1
    assert lesion_counts(truth, prediction) == {
        "lesions": 2,
        "lesions_found": 1,
        "lesions_false": 1,
    }
    row = measured(truth, prediction, 0.5)
    assert row["area_difference"] == 0
    assert row["brier"] == pytest.approx(14 / 81)
    assert row["nsd_1px"] < row["nsd_2.5px"] <= 1


def test_parts_that_touch_at_a_corner_are_one_lesion():
    assert lesion_counts(np.eye(4), np.zeros((4, 4)))["lesions"] == 1


@given(MASKS, PROBABILITIES)
def test_counts_by_threshold_equal_those_of_each_single_threshold(truth, quantised):
    table = counts_by_threshold(truth, quantised)
    assert tuple(table["threshold"]) == THRESHOLDS
    for row in table.itertuples():
        counts = count(truth, foreground(quantised, row.threshold))
        assert (row.tp, row.fp, row.fn) == (counts.tp, counts.fp, counts.fn)


@given(MASKS, PROBABILITIES)
def test_reliability_counts_every_pixel_once(truth, quantised):
    bins = reliability(truth, quantised)
    assert bins.shape == (BINS, 3)
    assert bins[:, 0].sum() == truth.size
    assert bins[:, 2].sum() == truth.sum()
    np.testing.assert_allclose(bins[:, 1].sum(), quantised.sum(dtype=float) / STORED_ONE)
    means = bins[:, 1] / np.maximum(bins[:, 0], 1)
    low = np.arange(BINS) / BINS
    assert (means[bins[:, 0] > 0] >= low[bins[:, 0] > 0] - 1e-12).all()


def test_the_table_of_conventions_shows_what_is_undefined():
    table = conventions(TOLERANCES).set_index("metric")
    assert table.loc["dice", "both empty"] == table.loc["hd95_px", "both empty"] == "undefined"
    assert table.loc["recall", "only the truth empty"] == "undefined"
    assert table.loc["assd_px", "only the prediction empty"] == "image diagonal"
    assert table.loc["nsd_1px", "only the truth empty"] == "0"
    assert table.loc["missed", "only the prediction empty"] == "1"
