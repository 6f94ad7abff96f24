"""Tests of the statistics: paired tests, ranks, variances, thresholds, the answer."""

import itertools
import math
import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.multitest import multipletests

from tumorseg.audit import published
from tumorseg.statistics.answer import answer, other_seeds
from tumorseg.statistics.calibration import calibration_error
from tumorseg.statistics.comparison import (
    FIXED,
    OWN,
    Question,
    between_recipes,
    contrasts,
    patient_scores,
)
from tumorseg.statistics.convergence import CONVERGED, RISING
from tumorseg.statistics.estimates import (
    corrected_interval,
    critical_difference,
    holm,
    signed_rank,
    smallest_p,
)
from tumorseg.statistics.own_threshold import at_own_threshold, chosen_thresholds
from tumorseg.statistics.ranking import ranking, variance, variances
from tumorseg.statistics.subgroups import distribution, groups, subgroups
from tumorseg.statistics.verdicts import verdicts

NAN = math.nan
QUESTION = Question(recipe="robust", reference="bce", resamples=999, seed=1)
FOLDS = 3


def metrics_rows(gains, *, patients=30, seeds=1, spread=0.1, seed=0):
    """Metrics rows, one image per patient; the Dice of a loss is the patient's plus the gain."""
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


def test_signed_rank_of_five_pairs_has_p_of_at_least_one_sixteenth():
    test = signed_rank([0.1, 0.2, 0.3, 0.4, 0.5])
    assert test.p == smallest_p(5) == 0.0625
    assert test.rank_biserial == 1
    assert test.median == 0.3


def test_signed_rank_uses_the_exact_permutation_distribution():
    values = np.array([0.31, -0.12, 0.55, 0.08, -0.41, 0.22, 0.9])
    ranks = stats.rankdata(abs(values))
    observed = ranks[values > 0].sum()
    middle = ranks.sum() / 2
    sums = [np.dot(ranks, signs) for signs in itertools.product((0, 1), repeat=len(values))]
    expected = np.mean(abs(np.array(sums) - middle) >= abs(observed - middle))
    assert signed_rank(values).p == pytest.approx(expected)


@pytest.mark.slow
@settings(deadline=None)
@given(st.lists(st.floats(-1, 1).filter(lambda v: abs(v) > 1e-6), min_size=2, max_size=60))
def test_swapping_the_losses_reverses_the_effect_and_keeps_p(values):
    test, swapped = signed_rank(values), signed_rank([-value for value in values])
    assert test.p == pytest.approx(swapped.p)
    assert test.rank_biserial == pytest.approx(-swapped.rank_biserial)
    assert -1 <= test.rank_biserial <= 1


def test_zero_and_undefined_differences_are_counted_and_have_no_rank():
    test = signed_rank([0.0, 0.0, 0.2, NAN])
    assert (test.pairs, test.zeros) == (3, 2)
    assert math.isnan(signed_rank([0.0, 0.0]).p)
    assert signed_rank([]).pairs == 0


def test_holm_of_a_case_computed_by_hand_where_an_undefined_p_still_counts():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.01, NAN, 0.03]) == pytest.approx([0.03, NAN, 0.06], nan_ok=True)
    assert holm([]) == []
    ps = np.random.default_rng(0).uniform(0, 0.1, 9)
    assert holm(ps) == pytest.approx(list(multipletests(ps, method="holm")[1]))


def test_the_published_fold_differences_are_not_significant_with_either_interval():
    table = published.table2().pivot(index="fold", columns="loss", values="dice")
    differences = table["focal"] - table["bce"]
    assert stats.ttest_1samp(differences, 0).pvalue == pytest.approx(0.060, abs=5e-4)
    interval, p = corrected_interval(differences, 1 / 4)
    assert p == pytest.approx(0.158, abs=5e-4)
    assert interval.low < 0 < interval.high


def test_without_overlap_the_corrected_interval_equals_the_t_interval():
    values = [0.1, 0.3, 0.2, 0.5]
    interval, p = corrected_interval(values, 0)
    expected = stats.ttest_1samp(values, 0)
    assert p == pytest.approx(expected.pvalue)
    assert (interval.low, interval.high) == pytest.approx(tuple(expected.confidence_interval()))


@pytest.mark.parametrize(
    ("columns", "rows", "expected"), [(4, 14, 1.25), (5, 30, 1.1137), (2, 14, 0.5238)]
)
def test_critical_differences_equal_those_of_published_tables(columns, rows, expected):
    # Demsar 2006: q = 1.960, 2.569, 2.728 for 2, 4 and 5 classifiers; his example has 4 and 14.
    assert critical_difference(columns, rows) == pytest.approx(expected, abs=5e-3)


def test_a_patients_score_is_the_mean_over_its_defined_images():
    table = metrics_rows({"bce": 0.0}, patients=3)
    more = table.head(1).assign(case="other", dice=NAN)
    again = table.head(1).assign(case="third", dice=1.0)
    scores = patient_scores(pd.concat([table, more, again]))
    expected = (table["dice"].iloc[0] + 1) / 2
    assert scores.loc[(1, "p0"), ("robust", "bce", 1)] == pytest.approx(expected)


def test_primary_contrasts_are_those_with_the_reference_and_holm_is_within_each_family():
    scores = patient_scores(metrics_rows({"bce": 0.0, "focal": 0.2, "dice": 0.0, "iou": 0.01}))
    table = contrasts({FIXED: scores, OWN: scores}, QUESTION)
    primary = table[table["role"] == "primary"]
    assert list(primary["loss"]) == ["focal", "dice", "iou"]
    assert set(primary["against"]) == {"bce"}
    assert len(table) == 12
    assert list(primary["p_holm"]) == pytest.approx(holm(primary["p"]))
    focal = primary.iloc[0]
    assert focal["low"] > 0
    assert focal["p_holm"] < 0.05
    assert focal["mean_difference"] == pytest.approx(0.2, abs=0.08)
    assert focal["better"] + focal["worse"] + focal["equal"] == focal["patients"] == 30


def test_the_patients_of_a_failed_training_are_undecided_and_its_contrast_stays_in_the_table():
    table = metrics_rows({"bce": 0.0, "focal": 0.2})
    failed = (table["loss"] == "focal") & (table["fold"] == 2)
    table.loc[failed, ["dice", "status"]] = [NAN, "failed"]
    row = contrasts({FIXED: patient_scores(table)}, QUESTION).iloc[0]
    assert (row["patients"], row["undecided"]) == (20, 10)
    table.loc[table["loss"] == "focal", ["dice", "status"]] = [NAN, "failed"]
    row = contrasts({FIXED: patient_scores(table)}, QUESTION).iloc[0]
    assert row["patients"] == 0
    assert math.isnan(row["p"])
    assert "Failed trainings: robust/focal 3. They are left out;" in paragraph(table)


def test_one_loss_has_no_contrast_but_an_answer():
    table = metrics_rows({"bce": 0.0})
    assert contrasts({FIXED: patient_scores(table)}, QUESTION).empty
    assert "**bce** reached" in paragraph(table)


def test_two_recipes_are_compared_on_the_same_patients_with_each_loss():
    robust = metrics_rows({"bce": 0.0, "focal": 0.1})
    fold = robust["fold"].map({1: 0.05, 2: 0.04, 3: 0.06})
    flair = robust.assign(recipe="flair", dice=robust["dice"] - fold)
    table = between_recipes(patient_scores(pd.concat([robust, flair])))
    assert list(table["loss"]) == ["bce", "focal"]
    assert set(table["recipe"]) == {"flair"} and set(table["against"]) == {"robust"}
    assert list(table["mean_difference"]) == pytest.approx([-0.05, -0.05])
    half = stats.t.ppf(0.975, 2) * 0.01 / math.sqrt(3)  # of the three folds' means
    assert list(table["low"]) == pytest.approx([-0.05 - half] * 2)
    small, large = sorted(table["p"])
    assert sorted(table["p_holm"]) == pytest.approx([2 * small, max(2 * small, large)])
    assert between_recipes(patient_scores(robust)).empty
    text = paragraph(pd.concat([robust, flair]))
    assert "focal on the same patients (exploratory): with flair -5.0 points (-7.5 to -2.5;" in text


def paragraph(table, verdict: str = CONVERGED):
    scores = patient_scores(table)
    tables = {"contrasts": contrasts({FIXED: scores}, QUESTION)}
    primary = tables["contrasts"].query("role == 'primary'")
    tables["verdicts"] = verdicts(primary, QUESTION.margin)
    tables["recipes"] = between_recipes(scores)
    tables["ranking"] = ranking(scores, "robust", QUESTION)
    tables["convergence"] = pd.DataFrame(
        {"recipe": "robust", "loss": table["loss"].unique(), "verdict": verdict}
    )
    cost = pd.DataFrame({"recipe": "robust", "loss": table["loss"].unique(), "training_s": 9.0})
    return answer(tables, table, cost, QUESTION)


def test_the_first_sentence_states_that_trainings_had_not_converged():
    text = paragraph(metrics_rows({"bce": 0.0, "focal": 0.25}), verdict=RISING)
    assert text.startswith("**2 of 2 trainings had not converged** (bce: 1 still improving; focal")
    assert "**focal** reached the highest" in text


def test_the_answer_begins_with_the_verdict_and_names_the_best_loss_and_what_it_is_about():
    text = paragraph(metrics_rows({"bce": 0.0, "focal": 0.25}, spread=0.05))
    assert text.startswith("**Against bce** (margin 2 points) **better: focal**. focal segments")
    assert "**focal** reached the highest patient-mean Dice of 2 losses" in text
    assert "for all 2 losses at once, because the highest was picked afterwards" in text
    assert "count patients and trainings (3 folds x 1 seed) as sources of chance" in text
    assert "the luck of trainings is seen only in how the folds differ" in text
    assert "nan" not in text


def test_the_answer_is_about_these_models_where_each_loss_has_one_training():
    table = metrics_rows({"bce": 0.0, "focal": 0.25}).assign(fold=1)
    text = paragraph(table)
    assert "**undecided: focal**" in text and "too few trainings to tell" in text
    assert "use folds or training.seeds" in text
    assert "hold **for these trained models**" in text
    assert "count patients and trainings" not in text
    assert "nan" not in text


def test_of_many_losses_the_answer_has_all_verdicts_but_spells_out_only_the_best_ones():
    others = {f"loss{number}": -0.25 for number in range(6)}
    text = paragraph(metrics_rows({"bce": 0.0} | others, spread=0.05))
    assert "worse: loss0, loss1" in text and "segments worse" not in text
    assert "**bce** reached the highest" in text


def test_an_undecided_answer_says_how_many_patients_or_trainings_would_decide():
    text = paragraph(metrics_rows({"bce": 0.0, "focal": 0.0}, seeds=3, spread=0.2))
    assert "**undecided: focal**" in text
    assert re.search(
        r"About [\d,]+ (patients|trainings) .* would tell a difference of 2 points", text
    )


def test_the_answer_states_that_no_loss_found_a_tumour():
    text = paragraph(metrics_rows({"bce": 0.0, "focal": 0.25}).assign(dice=0.0))
    assert text.startswith("**No loss found any tumour**")
    assert "equivalent" not in text
    assert "nan" not in text


def test_the_answer_names_the_losses_that_could_be_the_best_as_well():
    text = paragraph(metrics_rows({"bce": 0.0, "focal": 0.001, "dice": -0.3}, spread=0.05))
    assert re.search("all pairs are compared at once, (bce|focal) could be the best as well", text)


def test_the_ranking_starts_with_the_best_loss_and_equal_losses_share_their_ranks():
    table = metrics_rows({"bce": 0.0, "focal": 0.3, "dice": 0.1}, spread=0.02)
    ranks = ranking(patient_scores(table), "robust", QUESTION).set_index("loss")
    assert list(ranks.index) == ["focal", "dice", "bce"]
    assert list(ranks["p_first"]) == [1, 0, 0]
    assert list(ranks["place_low"]) == list(ranks["place_high"]) == [1, 2, 3]
    assert (ranks["joint_low"] < ranks["low"]).all()
    assert list(ranks["average_rank"]) == pytest.approx([1, 2, 3], abs=0.2)
    twin = table[table["loss"] == "bce"].assign(loss="twin")
    equal = ranking(patient_scores(pd.concat([table, twin])), "robust", QUESTION).set_index("loss")
    assert equal.loc["twin", "average_rank"] == equal.loc["bce", "average_rank"]


def test_the_friedman_test_equals_scipys():
    scores = patient_scores(metrics_rows({"bce": 0.0, "focal": 0.05, "dice": 0.1}))
    ranks = ranking(scores, "robust", QUESTION)
    columns = [scores["robust", name, 1] for name in ("bce", "focal", "dice")]
    assert ranks["friedman_p"].iloc[0] == pytest.approx(stats.friedmanchisquare(*columns).pvalue)
    assert ranks["average_rank"].sum() == pytest.approx(6)


def random_scores(folds=0.0, patients=0.0, trainings=0.0, rest=0.0, seed=0):
    rng = np.random.default_rng(seed)
    shape = (40, 30, 4)  # folds, patients of each, seeds
    values = folds * rng.normal(size=(shape[0], 1, 1)) + patients * rng.normal(size=(*shape[:2], 1))
    values = values + trainings * rng.normal(size=(shape[0], 1, shape[2]))
    values = values + rest * rng.normal(size=shape)
    index = pd.MultiIndex.from_product([range(40), range(30)], names=["fold", "patient"])
    return pd.DataFrame(values.reshape(-1, shape[2]), index=index)


@pytest.mark.parametrize("source", ["folds", "patients", "trainings", "rest"])
def test_variation_is_attributed_to_its_source(source):
    deviations = variance(random_scores(**{source: 1.0}))
    assert deviations.pop(source) == pytest.approx(1, abs=0.25)
    assert max(deviations.values()) < 0.15


def test_all_sources_of_variation_are_estimated_together():
    truth = {"folds": 2.0, "patients": 2.0, "trainings": 1.0, "rest": 0.7}
    deviations = variance(random_scores(**truth))
    for name, value in truth.items():
        assert deviations[name] == pytest.approx(value, rel=0.3), name


def test_with_one_seed_the_variation_of_trainings_is_part_of_that_of_patients():
    deviations = variance(random_scores(patients=1.0, rest=1.0)[[0]])
    assert math.isnan(deviations["trainings"])
    assert deviations["patients"] == pytest.approx(math.sqrt(2), abs=0.1)
    scores = patient_scores(metrics_rows({"bce": 0.0, "focal": 0.1}, seeds=2))
    assert list(variances(scores, "bce")["of"]) == ["score", "score", "difference from bce"]


def curves(best_by_role):
    """A thresholds table: one case for each role, with the highest Dice at its best threshold."""
    rows = []
    for role, best in best_by_role.items():
        for threshold in (0.3, 0.5, 0.7):
            fp = 0 if threshold == best else 10
            rows.append(
                {"recipe": "robust", "loss": "bce", "seed": 1, "fold": 1, "role": role}
                | {"case": f"c-{role}", "patient": role, "threshold": threshold}
                | {"tp": 20, "fp": fp, "fn": 0}
            )
    return pd.DataFrame(rows)


def test_a_threshold_is_chosen_on_validation_cases_and_used_on_test_cases():
    table = curves({"validation": 0.3, "test": 0.7})
    assert list(chosen_thresholds(table)["threshold"]) == [0.3]
    case = {"recipe": "robust", "loss": "bce", "seed": 1, "fold": 1, "case": "c-test", "dice": 0.1}
    at_own = at_own_threshold(pd.DataFrame([case]), table)
    assert list(at_own["dice"]) == pytest.approx([2 * 20 / 50])


def test_of_equally_good_thresholds_the_one_nearest_to_a_half_is_chosen():
    assert list(chosen_thresholds(curves({"validation": None}))["threshold"]) == [0.5]


def test_test_cases_do_not_influence_the_chosen_threshold():
    first = chosen_thresholds(curves({"validation": 0.3, "test": 0.7}))
    second = chosen_thresholds(curves({"validation": 0.3, "test": 0.5}))
    pd.testing.assert_frame_equal(first, second)


def test_calibration_error_of_bins_computed_by_hand():
    bins = pd.DataFrame({"pixels": [8, 2], "probability_sum": [0.8, 1.8], "true_px": [0, 1]})
    assert calibration_error(bins) == pytest.approx((0.8 + 0.8) / 10)
    perfect = pd.DataFrame({"pixels": [10], "probability_sum": [5.0], "true_px": [5]})
    assert calibration_error(perfect) == 0


def case_table(cases):
    sizes = np.arange(1.0, len(cases) + 1)
    return pd.DataFrame({"case": cases, "plane": "axial", "tumour_type": NAN}).assign(
        tumour_px=sizes, compactness=sizes[::-1], gamma_msa=sizes
    )


def test_subgroups_are_thirds_and_a_kind_with_one_group_is_left_out():
    table = groups(case_table([f"c{i}" for i in range(9)]))
    assert set(table["kind"]) == {"size", "perimeter^2 / 4 pi area", "gamma_mSa"}
    sizes = table[table["kind"] == "size"].set_index("case")["group"]
    assert list(sizes) == ["small"] * 3 + ["middle"] * 3 + ["large"] * 3
    jagged = table[table["group"] == "jagged"]["case"]
    assert list(jagged) == ["c0", "c1", "c2"]


def test_subgroup_means_use_only_the_cases_of_the_subgroup():
    table = metrics_rows({"bce": 0.0, "focal": 0.2})
    results = subgroups(table, groups(case_table([f"c{i}" for i in range(30)])), QUESTION)
    row = results[(results["group"] == "small") & (results["loss"] == "focal")].iloc[0]
    small = table[(table["loss"] == "focal") & table["case"].isin([f"c{i}" for i in range(10)])]
    assert row["dice"] == pytest.approx(small["dice"].mean())
    assert row["cases"] == row["patients"] == 10
    assert row["difference_low"] > 0


def test_the_distribution_counts_undefined_values_and_has_both_means_of_a_distance():
    table = metrics_rows({"bce": 0.0}, patients=4)
    table["hausdorff_px"] = [2.0, 4.0, 100.0, NAN]
    table.loc[2, "predicted_px"] = 0
    table.loc[3, ["truth_px", "predicted_px"]] = 0
    results = distribution(table, ["hausdorff_px", "dice"]).set_index("metric")
    row = results.loc["hausdorff_px"]
    assert (row["undefined"], row["by_convention"], row["predictions"]) == (1, 1, 4)
    assert row["mean"] == pytest.approx(106 / 3)
    assert row["mean_without"] == 3
    assert results.loc["dice", "by_convention"] == 0


def test_the_paragraph_claims_no_certainty_about_other_seeds_from_folds_that_agree_by_luck():
    assert "does not show" in other_seeds(0.01)
    assert "could move it by 13.7 points" in other_seeds(13.7)
