"""Tests of the mean with two sources of chance, against closed forms, statsmodels, simulation."""

import math

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.anova import anova_lm

from tumorseg.statistics.comparison import another_seed, interval
from tumorseg.statistics.joint import compared
from tumorseg.statistics.planning import needed
from tumorseg.statistics.two_sources import counted, half_width, of_table, p_value, two_sources

NAN = math.nan


def table(values, folds):
    """values: (patients, seeds); folds: of each patient."""
    names = [f"p{number}" for number in range(len(values))]
    index = pd.MultiIndex.from_arrays([folds, names], names=["fold", "patient"])
    return pd.DataFrame(values, index=index)


def simulated(random, studies, folds, seeds, each, trainings=0.03, patients=0.13, rest=0.09):
    """Differences (studies, patients, seeds) without a true difference, and the folds."""
    fold = np.repeat(np.arange(folds), each)
    luck = trainings * random.standard_normal((studies, folds, seeds))
    values = patients * random.standard_normal((studies, len(fold), 1)) + luck[:, fold]
    return values + rest * random.standard_normal((studies, len(fold), seeds)), fold


def mean_squares(values):
    """Of patients, trainings and rest, as statsmodels' two-way analysis of variance has them."""
    rows = [(i, s, y) for (i, s), y in np.ndenumerate(values)]
    long = pd.DataFrame(rows, columns=["patient", "seed", "y"])
    return anova_lm(sm.formula.ols("y ~ C(patient) + C(seed)", long).fit())["mean_sq"].to_numpy()


def test_in_one_fold_the_variance_is_that_of_a_crossed_design_in_an_analysis_of_variance():
    values, fold = simulated(np.random.default_rng(0), 1, 1, 4, 12, trainings=0.2)
    patients, trainings, rest = mean_squares(values[0])
    estimate = two_sources(values[0], fold)
    variance = (patients + trainings - rest) / values[0].size
    assert estimate.error**2 == pytest.approx(variance)
    parts = [(patients, 11), (trainings, 3), (rest, 33)]
    expected = (patients + trainings - rest) ** 2 / sum(m**2 / df for m, df in parts)
    assert estimate.df == pytest.approx(expected)  # Satterthwaite
    assert estimate.spread_trainings**2 == pytest.approx((trainings - rest) / 12)


def test_with_one_seed_and_equal_folds_it_is_the_t_test_of_the_folds_means():
    values, fold = simulated(np.random.default_rng(1), 1, 6, 1, 7)
    means = values[0].reshape(6, 7).mean(axis=1)
    expected = stats.ttest_1samp(means, 0)
    estimate = of_table(table(values[0], fold))
    assert p_value(estimate.mean, estimate.error, estimate.df) == pytest.approx(expected.pvalue)
    found = interval(table(values[0], fold))
    assert found[1:] == pytest.approx(tuple(expected.confidence_interval()))


@pytest.mark.parametrize("seeds", [1, 3])
def test_without_any_spread_between_trainings_one_fold_gives_the_t_interval_of_patients(seeds):
    values = np.repeat(np.random.default_rng(2).normal(0.1, 0.2, (25, 1)), seeds, axis=1)
    found = interval(table(values, [1] * 25))
    assert found[1:] == pytest.approx(
        tuple(stats.ttest_1samp(values[:, 0], 0).confidence_interval())
    )
    assert of_table(table(values, [1] * 25)).both == (seeds > 1)


def test_it_agrees_with_statsmodels_mixed_model_where_folds_are_balanced():
    """REML and the method of moments agree where no component is at 0 (Searle et al. 1992)."""
    values, fold = simulated(np.random.default_rng(2), 1, 1, 6, 14, trainings=0.1)
    frame = pd.DataFrame(values[0]).assign(patient=range(14), group=0)
    long = frame.melt(["patient", "group"], var_name="seed", value_name="y")
    parts = {"patient": "0 + C(patient)", "seed": "0 + C(seed)"}
    formula = sm.MixedLM.from_formula
    fitted = formula("y ~ 1", long, groups="group", re_formula="0", vc_formula=parts).fit()
    estimate = two_sources(values[0], fold)
    assert fitted.params["Intercept"] == pytest.approx(float(estimate.mean))
    assert fitted.bse["Intercept"] == pytest.approx(float(estimate.error), rel=0.02)
    found = dict(zip(fitted.model.exog_vc.names, fitted.vcomp, strict=True))
    assert found["seed"] == pytest.approx(float(estimate.spread_trainings) ** 2, rel=0.05)
    assert fitted.scale == pytest.approx(float(estimate.spread_rest) ** 2, rel=0.02)


SCORES = st.integers(0, 2**32 - 1).map(
    lambda seed: np.random.default_rng(seed).normal(0, 0.2, (15, 3))
)
FOLDS = np.array([0, 1, 2] * 5)


@settings(max_examples=30, deadline=None)
@given(SCORES, st.permutations(range(15)), st.permutations(range(3)), st.floats(-1, 1))
def test_swapped_losses_other_orders_and_shifts_change_only_what_they_must(
    values, patients, seeds, shift
):
    estimate = two_sources(values, FOLDS)
    swapped = two_sources(-values, FOLDS)
    assert swapped.mean == pytest.approx(-estimate.mean)
    moved = two_sources(values[patients][:, seeds] + shift, FOLDS[list(patients)])
    assert moved.mean == pytest.approx(estimate.mean + shift, abs=1e-9)
    for other in (swapped, moved):
        assert other.error == pytest.approx(estimate.error)
        assert other.df == pytest.approx(estimate.df)


@settings(max_examples=30, deadline=None)
@given(SCORES, st.floats(-0.3, 0.3), st.floats(0.5, 0.99))
def test_the_interval_excludes_a_value_if_and_only_if_p_of_this_value_is_small(
    values, value, level
):
    estimate = two_sources(values, FOLDS)
    gap = estimate.mean - value
    half = half_width(estimate.error, estimate.df, level)
    p = float(p_value(gap, estimate.error, estimate.df))
    assert (abs(gap) > half) == (p < 1 - level) or p == pytest.approx(1 - level)


def test_a_failed_training_is_left_out_and_a_patient_without_a_score_is_undecided():
    values = np.random.default_rng(4).normal(0, 0.2, (12, 3))
    folds = np.repeat([1, 2, 3], 4)
    values[:4, 1] = NAN  # the training of fold 1 with the second seed
    values[8:] = NAN  # all trainings of fold 3
    values[5, 2] = NAN  # one undefined score
    estimate = of_table(table(values, folds))
    assert (estimate.patients, estimate.trainings, estimate.folds) == (7, 5, 2)
    means = np.r_[np.nanmean(values[:4], axis=1), values[[4, 6, 7]].mean(axis=1)]
    assert float(estimate.mean) == pytest.approx(means.mean())
    assert list(counted(table(values, folds)).dropna()) == pytest.approx(list(means))


def test_too_little_data_have_no_interval_and_equal_scores_have_no_p():
    nothing = of_table(table([[NAN], [NAN]], [1, 1]))
    assert nothing.patients == 0 and math.isnan(nothing.mean)
    assert math.isnan(interval(table([[0.1]], [1])).low)
    equal = of_table(table([[0.1]] * 6, [1, 2] * 3))
    assert equal.error == 0
    assert math.isnan(p_value(equal.mean, equal.error, equal.df))
    assert interval(table([[0.1]] * 6, [1, 2] * 3)) == pytest.approx((0.1, 0.1, 0.1))
    assert two_sources(np.array([[0.1], [0.3], [0.2]]), np.arange(3)).df == 2  # one patient a fold


def test_an_interval_of_scores_stays_where_scores_can_be():
    wide = interval(table([[0.0], [0.9]], [1, 2]), least=0)
    assert (wide.low, wide.high) == (0, 1)


@pytest.mark.parametrize(("folds", "seeds", "each"), [(5, 3, 8), (10, 1, 11), (2, 5, 54)])
@pytest.mark.parametrize("trainings", [0.0, 0.03])
def test_a_true_null_is_rejected_in_three_to_six_of_a_hundred_studies(
    folds, seeds, each, trainings
):
    """The demand of docs/statistics.md, on 6000 studies: standard error .003. Half a second."""
    values, fold = simulated(np.random.default_rng(7), 6000, folds, seeds, each, trainings)
    found = two_sources(values, fold)
    p = p_value(found.mean, found.error, found.df)
    assert 0.03 <= (p < 0.05).mean() <= 0.06


def test_another_set_of_trainings_moves_the_mean_by_more_than_stated_in_5_of_100_studies():
    random = np.random.default_rng(8)
    values, fold = simulated(random, 1, 4, 5, 25, trainings=0.04)
    estimate = two_sources(values[0], fold)
    spreads = float(estimate.spread_trainings), float(estimate.spread_rest)
    luck = spreads[0] * random.standard_normal((4000, 2, 20)).mean(axis=2)
    rest = spreads[1] / math.sqrt(500) * random.standard_normal((4000, 2))
    moved = abs(np.diff(luck + rest, axis=1))[:, 0]
    assert (moved > another_seed(estimate)).mean() == pytest.approx(0.05, abs=0.012)


def test_studies_of_the_planned_size_decide_as_often_as_promised():
    random, margin = np.random.default_rng(9), 0.02
    spreads = math.sqrt(0.13**2 + 0.09**2 / 5), 0.02
    patients, trainings, *both = needed(spreads, (100, 25), margin, 0.95)
    values, fold = simulated(random, 400, 5, 5, int(patients) // 5, trainings=0.02)
    found = two_sources(values, fold)
    half = half_width(found.error, found.df, 0.95)
    assert (abs(found.mean) + half < margin).mean() == pytest.approx(0.8, abs=0.06)
    assert (found.mean + margin - half > 0).mean() == pytest.approx(0.9, abs=0.05)
    assert both[0] == 4 * both[1] > 100
    assert math.isnan(trainings)  # 100 patients are too few, whatever the number of trainings
    assert math.isnan(needed((0.1, 0.5), (1000, 4), margin, 0.95)[0])
    assert needed((0.1, 0.0), (1000, 4), margin, 0.95)[1] == 2


def test_intervals_for_all_losses_hold_for_the_highest_and_the_places_for_a_true_best():
    """Four equal losses, 150 studies of 60 patients. Three seconds."""
    random = np.random.default_rng(10)
    held, placed, lucky = [], [], []
    for study in range(150):
        values, fold = simulated(random, 4, 5, 3, 12, patients=0.05)
        joint, own = compared(values, fold, 999, study), two_sources(values, fold)
        best = int(own.mean.argmax())
        held.append(abs(own.mean[best]) <= joint.half_width[best])
        placed.append(joint.low[0] == 1)
        assert joint.first.sum() == pytest.approx(1)
        lucky.append((own.mean.max() - own.mean.mean(), joint.luck))
    assert np.mean(held) >= 0.92 and np.mean(placed) >= 0.95
    excess, luck = np.mean(lucky, axis=0)
    assert 0.3 * excess < luck < excess  # no more than what the highest owes to luck


def test_the_joint_interval_of_two_equal_columns_is_the_interval_of_one():
    values, fold = simulated(np.random.default_rng(11), 1, 5, 3, 12)
    joint = compared(np.concatenate([values, values]), fold, 20000, 1)
    half = float(half_width(*two_sources(values[0], fold)[1:3], 0.95))
    assert joint.half_width == pytest.approx([half, half], rel=0.03)
    assert list(joint.first) == [1, 1]
    assert list(joint.low) == [1, 1] and list(joint.high) == [2, 2]
