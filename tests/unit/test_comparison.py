"""Promises of the comparison: paired tests, bootstrap, ranks, variances, thresholds, the answer."""

import itertools
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from tumorseg.audit import published
from tumorseg.statistics.answer import answer
from tumorseg.statistics.calibration import calibration_error
from tumorseg.statistics.comparison import (
    FIXED,
    OWN,
    Question,
    at_own_threshold,
    chosen_thresholds,
    contrasts,
    interval,
    patient_scores,
)
from tumorseg.statistics.estimates import (
    bootstrap_interval,
    corrected_interval,
    critical_difference,
    detectable_difference,
    holm,
    signed_rank,
    smallest_p,
)
from tumorseg.statistics.ranking import ranking, variance, variances
from tumorseg.statistics.subgroups import distribution, groups, subgroups

NAN = math.nan
ASKED = Question(recipe="robust", reference="bce", resamples=999, seed=1)
FOLDS = 3


def lines(gains, *, patients=30, seeds=1, spread=0.1, seed=0):
    """Metrics lines, an image a patient; each loss's Dice is the patient's plus its gain."""
    rng = np.random.default_rng(seed)
    base = rng.uniform(0.3, 0.6, patients)
    rows = []
    for loss, gain in gains.items():
        for training in range(1, seeds + 1):
            dice = np.clip(base + gain + spread * rng.normal(size=patients), 0, 1)
            rows += [
                {"recipe": "robust", "loss": loss, "seed": training, "fold": 1 + patient % FOLDS}
                | {"case": f"c{patient}", "patient": f"p{patient}", "status": "ok"}
                | {"dice": dice[patient], "truth_px": 100, "predicted_px": 90, "missed": 0}
                for patient in range(patients)
            ]
    return pd.DataFrame(rows)


def test_signed_rank_of_five_pairs_cannot_go_below_one_sixteenth():
    found = signed_rank([0.1, 0.2, 0.3, 0.4, 0.5])
    assert found.p == smallest_p(5) == 0.0625
    assert found.rank_biserial == 1
    assert found.median == 0.3


def test_signed_rank_is_the_exact_permutation_distribution():
    values = np.array([0.31, -0.12, 0.55, 0.08, -0.41, 0.22, 0.9])
    ranks = stats.rankdata(abs(values))
    seen = ranks[values > 0].sum()
    middle = ranks.sum() / 2
    sums = [np.dot(ranks, signs) for signs in itertools.product((0, 1), repeat=len(values))]
    expected = np.mean(abs(np.array(sums) - middle) >= abs(seen - middle))
    assert signed_rank(values).p == pytest.approx(expected)


@settings(deadline=None)
@given(st.lists(st.floats(-1, 1).filter(lambda v: abs(v) > 1e-6), min_size=2, max_size=60))
def test_swapping_the_losses_turns_the_effect_round_and_keeps_p(values):
    forth, back = signed_rank(values), signed_rank([-value for value in values])
    assert forth.p == pytest.approx(back.p)
    assert forth.rank_biserial == pytest.approx(-back.rank_biserial)
    assert -1 <= forth.rank_biserial <= 1


def test_differences_of_zero_and_undefined_ones_are_counted_and_have_no_rank():
    found = signed_rank([0.0, 0.0, 0.2, NAN])
    assert (found.pairs, found.zeros) == (3, 2)
    assert math.isnan(signed_rank([0.0, 0.0]).p)
    assert signed_rank([]).pairs == 0


def test_holm_of_a_case_worked_by_hand_where_an_impossible_test_still_counts():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    found = holm([0.01, NAN, 0.03])
    assert found[0] == pytest.approx(0.03)
    assert math.isnan(found[1])
    assert found[2] == pytest.approx(0.06)
    assert holm([]) == []


def test_the_published_fold_differences_are_not_significant_with_either_interval():
    table = published.table2().pivot(index="fold", columns="loss", values="dice")
    differences = table["focal"] - table["bce"]
    assert stats.ttest_1samp(differences, 0).pvalue == pytest.approx(0.060, abs=5e-4)
    found, p = corrected_interval(differences, 1 / 4)
    assert p == pytest.approx(0.158, abs=5e-4)
    assert found.low < 0 < found.high


def test_without_overlap_the_corrected_interval_is_the_t_interval():
    values = [0.1, 0.3, 0.2, 0.5]
    found, p = corrected_interval(values, 0)
    expected = stats.ttest_1samp(values, 0)
    assert p == pytest.approx(expected.pvalue)
    assert (found.low, found.high) == pytest.approx(tuple(expected.confidence_interval()))


@pytest.mark.parametrize(
    ("columns", "rows", "expected"), [(4, 14, 1.25), (5, 30, 1.1137), (2, 14, 0.5238)]
)
def test_critical_differences_are_those_of_the_tables(columns, rows, expected):
    # Demsar 2006: q = 1.960, 2.569, 2.728 for 2, 4 and 5 classifiers; his example has 4 and 14.
    assert critical_difference(columns, rows) == pytest.approx(expected, abs=5e-3)


def test_the_detectable_difference_is_found_in_four_of_five_simulated_studies():
    rng = np.random.default_rng(3)
    gap = detectable_difference(0.2, 40)
    found = [stats.wilcoxon(rng.normal(gap, 0.2, 40)).pvalue < 0.05 for _ in range(1500)]
    assert np.mean(found) == pytest.approx(0.8, abs=0.04)
    assert detectable_difference(0.2, 160) == pytest.approx(gap / 2, rel=0.03)
    assert math.isnan(detectable_difference(0.0, 40))


def test_the_bootstrap_repeats_itself_and_moves_with_the_values():
    values = np.random.default_rng(0).gamma(2, size=40)
    one = bootstrap_interval(values, 999, seed=1)
    assert one == bootstrap_interval(values, 999, seed=1)
    moved = bootstrap_interval(10 - 2 * values, 999, seed=1)
    assert one.low < one.mean < one.high
    assert moved.mean == pytest.approx(10 - 2 * one.mean)
    assert moved.high - moved.low == pytest.approx(2 * (one.high - one.low), rel=0.1)
    assert bootstrap_interval([0.5, 0.5], 999, 1) == (0.5, 0.5, 0.5)
    assert math.isnan(bootstrap_interval([0.5, NAN], 999, 1).low)


@pytest.mark.parametrize("seeds", [1, 3])
def test_intervals_cover_the_true_difference_about_95_times_in_100(seeds):
    """With seeds, trainings err too: what holds is a claim about the loss."""
    rng = np.random.default_rng(5)
    index = pd.MultiIndex.from_tuples([(i % FOLDS, f"p{i}") for i in range(45)]).set_names(
        ["fold", "patient"]
    )
    covered = []
    for trial in range(150):
        values = rng.normal(0.05, 0.2, (45, 1)) + 0.02 * rng.normal(size=(45, seeds))
        found = interval(pd.DataFrame(values, index=index).sort_index(), ASKED._replace(seed=trial))
        covered.append(found.low <= 0.05 <= found.high)
    assert 0.89 <= np.mean(covered) <= 0.99


def test_unsteady_trainings_widen_the_interval_of_three_seeds_only():
    rng = np.random.default_rng(0)
    index = pd.MultiIndex.from_product([range(FOLDS), range(12)], names=["fold", "patient"])
    patients = rng.normal(0, 0.01, (36, 1))
    trainings = np.repeat(rng.normal(0, 0.1, (FOLDS, 3)), 12, axis=0)
    shaky = interval(pd.DataFrame(patients + trainings, index=index), ASKED)
    steady = interval(pd.DataFrame(patients + np.zeros((1, 3)), index=index), ASKED)
    assert shaky.high - shaky.low > 5 * (steady.high - steady.low)


def test_a_patients_score_is_the_mean_over_its_defined_images():
    table = lines({"bce": 0.0}, patients=3)
    more = table.head(1).assign(case="other", dice=NAN)
    again = table.head(1).assign(case="third", dice=1.0)
    scores = patient_scores(pd.concat([table, more, again]))
    expected = (table["dice"].iloc[0] + 1) / 2
    assert scores.loc[(1, "p0"), ("robust", "bce", 1)] == pytest.approx(expected)


def test_primary_contrasts_are_those_with_the_reference_and_holm_stays_inside_each_family():
    table = lines({"bce": 0.0, "focal": 0.2, "dice": 0.0, "iou": 0.01})
    scores = patient_scores(table)
    found = contrasts({FIXED: scores, OWN: scores}, ASKED)
    primary = found[found["role"] == "primary"]
    assert list(primary["loss"]) == ["focal", "dice", "iou"]
    assert set(primary["against"]) == {"bce"}
    assert len(found) == 12
    assert list(primary["p_holm"]) == pytest.approx(holm(primary["p"]))
    focal = primary.iloc[0]
    assert focal["low"] > 0
    assert focal["p_holm"] < 0.001
    assert focal["mean_difference"] == pytest.approx(0.2, abs=0.08)
    assert focal["better"] + focal["worse"] + focal["equal"] == focal["patients"] == 30


def test_a_failed_training_leaves_its_patients_undecided_and_the_contrast_in_the_table():
    table = lines({"bce": 0.0, "focal": 0.2})
    lost = (table["loss"] == "focal") & (table["fold"] == 2)
    table.loc[lost, ["dice", "status"]] = [NAN, "failed"]
    found = contrasts({FIXED: patient_scores(table)}, ASKED).iloc[0]
    assert (found["patients"], found["undecided"]) == (20, 10)
    table.loc[table["loss"] == "focal", ["dice", "status"]] = [NAN, "failed"]
    found = contrasts({FIXED: patient_scores(table)}, ASKED).iloc[0]
    assert found["patients"] == 0
    assert math.isnan(found["p"])
    assert "failed" in told(table).lower()


def test_one_loss_has_no_contrast_and_still_an_answer():
    table = lines({"bce": 0.0})
    assert contrasts({FIXED: patient_scores(table)}, ASKED).empty
    assert "**bce** reached" in told(table)


def told(table):
    scores = patient_scores(table)
    tables = {"contrasts": contrasts({FIXED: scores}, ASKED)}
    tables["ranking"] = ranking(scores, "robust", ASKED)
    cost = pd.DataFrame({"recipe": "robust", "loss": table["loss"].unique(), "training_s": 9.0})
    return answer(tables, table, cost, ASKED)


def test_the_answer_names_the_best_loss_its_lead_and_how_far_the_claim_reaches():
    gains = {"bce": 0.0, "focal": 0.25}
    one = told(lines(gains))
    assert "**focal** reached the highest patient-mean Dice of 2 losses" in one
    assert "for these trained models" in one
    three = told(lines(gains, seeds=3))
    assert "With 3 training seeds" in three
    assert "for these trained" not in three
    nothing = told(lines(gains).assign(dice=0.0))
    assert nothing.startswith("**No loss found any tumour**")
    assert "nan" not in nothing
    equal = told(lines({"bce": 0.0, "focal": 0.001}))
    assert "Not told apart" in equal


def test_ranking_puts_the_best_first_and_equal_losses_share_their_ranks():
    table = lines({"bce": 0.0, "focal": 0.3, "dice": 0.1}, spread=0.02)
    found = ranking(patient_scores(table), "robust", ASKED).set_index("loss")
    assert list(found.index) == ["focal", "dice", "bce"]
    assert list(found["p_first"]) == [1, 0, 0]
    assert list(found["average_rank"]) == pytest.approx([1, 2, 3], abs=0.2)
    twin = table[table["loss"] == "bce"].assign(loss="twin")
    equal = ranking(patient_scores(pd.concat([table, twin])), "robust", ASKED).set_index("loss")
    assert equal.loc["twin", "average_rank"] == equal.loc["bce", "average_rank"]


def test_friedman_and_average_ranks_are_scipys():
    scores = patient_scores(lines({"bce": 0.0, "focal": 0.05, "dice": 0.1}))
    found = ranking(scores, "robust", ASKED)
    columns = [scores["robust", name, 1] for name in ("bce", "focal", "dice")]
    assert found["friedman_p"].iloc[0] == pytest.approx(stats.friedmanchisquare(*columns).pvalue)
    assert found["average_rank"].sum() == pytest.approx(6)


def made(folds=0.0, patients=0.0, trainings=0.0, rest=0.0, seed=0):
    rng = np.random.default_rng(seed)
    shape = (40, 30, 4)  # folds, patients of each, seeds
    values = folds * rng.normal(size=(shape[0], 1, 1)) + patients * rng.normal(size=(*shape[:2], 1))
    values = values + trainings * rng.normal(size=(shape[0], 1, shape[2]))
    values = values + rest * rng.normal(size=shape)
    index = pd.MultiIndex.from_product([range(40), range(30)], names=["fold", "patient"])
    return pd.DataFrame(values.reshape(-1, shape[2]), index=index)


@pytest.mark.parametrize("source", ["folds", "patients", "trainings", "rest"])
def test_variation_is_attributed_to_its_source(source):
    found = variance(made(**{source: 1.0}))
    assert found.pop(source) == pytest.approx(1, abs=0.25)
    assert max(found.values()) < 0.15


def test_all_sources_together_are_told_apart():
    truth = {"folds": 2.0, "patients": 2.0, "trainings": 1.0, "rest": 0.7}
    found = variance(made(**truth))
    for name, value in truth.items():
        assert found[name] == pytest.approx(value, rel=0.3), name


def test_with_one_seed_trainings_cannot_be_told_from_patients():
    found = variance(made(patients=1.0, rest=1.0)[[0]])
    assert math.isnan(found["trainings"])
    assert found["patients"] == pytest.approx(math.sqrt(2), abs=0.1)
    scores = patient_scores(lines({"bce": 0.0, "focal": 0.1}, seeds=2))
    assert list(variances(scores, "bce")["of"]) == ["score", "score", "difference from bce"]


def curves(role_of_best):
    """Two patients; threshold .3 is best for validation, .7 for the test case (or the reverse)."""
    rows = []
    for role, best in role_of_best.items():
        for threshold in (0.3, 0.5, 0.7):
            wrong = 0 if threshold == best else 10
            rows.append(
                {"recipe": "robust", "loss": "bce", "seed": 1, "fold": 1, "role": role}
                | {"case": f"c-{role}", "patient": role, "threshold": threshold}
                | {"tp": 20, "fp": wrong, "fn": 0}
            )
    return pd.DataFrame(rows)


def test_a_threshold_is_chosen_on_validation_cases_and_used_on_test_cases():
    table = curves({"validation": 0.3, "test": 0.7})
    assert list(chosen_thresholds(table)["threshold"]) == [0.3]
    case = {"recipe": "robust", "loss": "bce", "seed": 1, "fold": 1, "case": "c-test", "dice": 0.1}
    own = at_own_threshold(pd.DataFrame([case]), table)
    assert list(own["dice"]) == pytest.approx([2 * 20 / 50])


def test_of_equal_thresholds_the_one_nearest_to_a_half_is_chosen():
    assert list(chosen_thresholds(curves({"validation": None}))["threshold"]) == [0.5]


def test_test_cases_have_no_say_in_the_threshold():
    one = chosen_thresholds(curves({"validation": 0.3, "test": 0.7}))
    other = chosen_thresholds(curves({"validation": 0.3, "test": 0.5}))
    pd.testing.assert_frame_equal(one, other)


def test_calibration_error_of_bins_worked_by_hand():
    bins = pd.DataFrame({"pixels": [8, 2], "probability_sum": [0.8, 1.8], "true_px": [0, 1]})
    assert calibration_error(bins) == pytest.approx((0.8 + 0.8) / 10)
    perfect = pd.DataFrame({"pixels": [10], "probability_sum": [5.0], "true_px": [5]})
    assert calibration_error(perfect) == 0


def described(cases):
    sizes = np.arange(1.0, len(cases) + 1)
    return pd.DataFrame({"case": cases, "plane": "axial", "tumour_type": NAN}).assign(
        tumour_px=sizes, compactness=sizes[::-1], gamma_msa=sizes
    )


def test_subgroups_are_thirds_and_a_kind_with_one_group_is_left_out():
    table = groups(described([f"c{i}" for i in range(9)]))
    assert set(table["kind"]) == {"size", "perimeter^2 / 4 pi area", "gamma_mSa"}
    sizes = table[table["kind"] == "size"].set_index("case")["group"]
    assert list(sizes) == ["small"] * 3 + ["middle"] * 3 + ["large"] * 3
    jagged = table[table["group"] == "jagged"]["case"]
    assert list(jagged) == ["c0", "c1", "c2"]


def test_subgroup_means_are_those_of_their_cases_alone():
    table = lines({"bce": 0.0, "focal": 0.2})
    found = subgroups(table, groups(described([f"c{i}" for i in range(30)])), ASKED)
    row = found[(found["group"] == "small") & (found["loss"] == "focal")].iloc[0]
    own = table[(table["loss"] == "focal") & table["case"].isin([f"c{i}" for i in range(10)])]
    assert row["dice"] == pytest.approx(own["dice"].mean())
    assert row["cases"] == row["patients"] == 10
    assert row["difference_low"] > 0


def test_the_distribution_counts_undefined_values_and_gives_both_means_of_a_distance():
    table = lines({"bce": 0.0}, patients=4)
    table["hausdorff_px"] = [2.0, 4.0, 100.0, NAN]
    table.loc[2, "predicted_px"] = 0
    table.loc[3, ["truth_px", "predicted_px"]] = 0
    found = distribution(table, ["hausdorff_px", "dice"]).set_index("metric")
    row = found.loc["hausdorff_px"]
    assert (row["undefined"], row["by_convention"], row["predictions"]) == (1, 1, 4)
    assert row["mean"] == pytest.approx(106 / 3)
    assert row["mean_without"] == 3
    assert found.loc["dice", "by_convention"] == 0
