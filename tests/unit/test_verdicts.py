"""Tests of what the primary contrasts say: verdicts, their levels, and their sentences."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tumorseg.statistics.comparison import FIXED, PRIMARY, Question, contrasts, patient_scores
from tumorseg.statistics.estimates import holm
from tumorseg.statistics.two_sources import half_width, p_value
from tumorseg.statistics.verdicts import (
    BETTER,
    EQUIVALENT,
    NOT_BETTER,
    NOT_WORSE,
    UNDECIDED,
    WORSE,
    holm_levels,
    p_equivalent,
    verdict,
    verdicts,
)
from tumorseg.statistics.wording import about, claim, decision, headline, with_sentences

MIRRORED = {BETTER: WORSE, NOT_WORSE: NOT_BETTER, EQUIVALENT: EQUIVALENT, UNDECIDED: UNDECIDED}
MIRRORED |= {value: key for key, value in MIRRORED.items()}
ENDS = st.tuples(st.floats(-0.2, 0.2), st.floats(-0.2, 0.2)).map(sorted)
MARGINS = st.floats(0.001, 0.1)


@given(ENDS, MARGINS)
def test_a_verdict_says_what_the_interval_shows_and_swapping_the_losses_mirrors_it(ends, margin):
    low, high = ends
    said = verdict(low, high, margin)
    assert said == MIRRORED[verdict(-high, -low, margin)]
    assert (said == EQUIVALENT) == (max(-low, high) < margin)
    if said in (BETTER, NOT_WORSE):
        assert low > (0 if said == BETTER else -margin)
    if said == UNDECIDED:
        assert low <= -margin and high >= margin


@given(ENDS, MARGINS, st.floats(0, 0.05), st.floats(0, 0.05))
def test_a_narrower_interval_never_takes_a_certainty_back(ends, margin, left, right):
    low, high = ends
    if low + left > high - right:
        return
    wide, narrow = verdict(low, high, margin), verdict(low + left, high - right, margin)
    after = {BETTER: {BETTER, EQUIVALENT}, WORSE: {WORSE, EQUIVALENT}, EQUIVALENT: {EQUIVALENT}}
    after |= {NOT_WORSE: {BETTER, EQUIVALENT, NOT_WORSE}}
    after |= {NOT_BETTER: {WORSE, EQUIVALENT, NOT_BETTER}}
    assert narrow in after.get(wide, set(MIRRORED))


@given(st.lists(st.floats(0.0001, 0.2), min_size=1, max_size=8))
def test_an_interval_at_holms_level_excludes_0_if_and_only_if_the_adjusted_p_is_small(ps):
    for p, adjusted, level in zip(ps, holm(ps), holm_levels(np.array(ps)), strict=True):
        if abs(adjusted - 0.05) > 1e-9:
            assert (p < 1 - level) == (adjusted < 0.05)


def test_of_one_contrast_holms_level_is_95_percent_and_an_undefined_p_counts_as_a_member():
    assert holm_levels(np.array([0.2])) == pytest.approx([0.95])
    assert holm_levels(np.array([0.2, math.nan])) == pytest.approx([0.975, 0.975])


@given(st.floats(-0.05, 0.05), st.floats(0.001, 0.05), st.floats(2, 200), MARGINS)
def test_p_of_equivalence_is_small_if_and_only_if_the_interval_is_inside_the_margin(
    mean, error, df, margin
):
    half = float(half_width(np.asarray(error), np.asarray(df), 0.95))
    p = p_equivalent(mean, error, df, margin)
    assert (p < 0.05) == (abs(mean) + half < margin) or p == pytest.approx(0.05)


def rows(gains, patients=60, seeds=3, folds=5, spread=0.02, trainings=0.0):
    """Metrics rows: the Dice of a loss is the patient's plus its gain, luck and noise."""
    random = np.random.default_rng(0)
    base, found = random.uniform(0.3, 0.6, patients), []
    for loss, gain in gains.items():
        for seed in range(seeds):
            luck = trainings * random.normal(size=folds)
            for patient in range(patients):
                fold = patient % folds
                row = {"recipe": "robust", "loss": loss, "seed": seed, "fold": fold}
                row |= {"patient": f"p{patient}"}
                dice = base[patient] + gain + luck[fold] + spread * random.normal()
                found.append(row | {"dice": float(np.clip(dice, 0, 1))})
    return pd.DataFrame(found)


def decided(table, margin=0.02):
    question = Question("robust", "bce", 999, 1)
    made = contrasts({FIXED: patient_scores(table)}, question)
    return with_sentences(verdicts(made[made["role"] == PRIMARY], margin)).set_index("loss")


def test_clear_small_and_noisy_differences_become_better_worse_equivalent_and_undecided():
    said = decided(rows({"bce": 0.0, "dice": 0.1, "focal": 0.0, "iou": -0.1}))
    assert list(said["verdict"]) == [BETTER, EQUIVALENT, WORSE]
    assert said.loc["dice", "sentence"].startswith("dice segments better than bce: +")
    assert "within the margin of 2 points" in said.loc["focal", "sentence"]
    assert (said["decision"] == "").all()
    assert headline(said.reset_index().to_dict("records")) == (
        "better: dice; equivalent: focal; worse: iou"
    )


def test_a_difference_that_is_certain_but_inside_the_margin_does_not_matter():
    row = decided(rows({"bce": 0.0, "dice": 0.03}), margin=0.1).loc["dice"]
    assert row["verdict"] == EQUIVALENT and row["low"] > 0
    assert "there is a difference, but it is too small to matter" in row["sentence"]


def test_too_few_trainings_are_told_from_too_few_patients_with_what_would_decide():
    lucky = decided(rows({"bce": 0.0, "dice": 0.0}, patients=300, seeds=2, trainings=0.1)).loc[
        "dice"
    ]
    assert (lucky["verdict"], lucky["reason"]) == (UNDECIDED, "too few trainings")
    assert lucky["trainings"] == 10 and lucky["needed_trainings"] > 10
    assert f"{about(lucky['needed_trainings'])} trainings" in lucky["decision"]
    noisy = decided(rows({"bce": 0.0, "dice": 0.0}, patients=20, spread=0.3)).loc["dice"]
    assert noisy["reason"] == "too few patients" and noisy["needed_patients"] > 20


def test_one_training_of_each_loss_decides_nothing_about_the_losses():
    row = decided(rows({"bce": 0.0, "dice": 0.2}, seeds=1, folds=1)).loc["dice"]
    assert (row["verdict"], row["reason"]) == (UNDECIDED, "too few trainings")
    assert row["models_low"] > 0 and not row["trainings_counted"]
    assert "use folds or training.seeds" in row["decision"]


def test_patients_whom_no_loss_segments_show_no_equivalence():
    row = decided(rows({"bce": 0.0, "dice": 0.0}).assign(dice=0.0)).loc["dice"]
    assert (row["verdict"], row["reason"]) == (UNDECIDED, "no spread")
    assert "nan" not in claim(row.to_dict() | {"loss": "dice"}) + decision(row)


def test_a_loss_whose_trainings_all_failed_has_a_sentence_and_stays_in_holms_family():
    table = rows({"bce": 0.0, "dice": 0.1, "focal": 0.0})
    table.loc[table["loss"] == "focal", "dice"] = math.nan
    said = decided(table)
    assert "could not be compared" in said.loc["focal", "sentence"]
    assert said.loc["dice", "adjusted_level"] == pytest.approx(0.975)
    assert said.loc["dice", "p_holm"] == pytest.approx(2 * said.loc["dice", "p"])


def test_equivalence_is_claimed_of_a_difference_as_large_as_the_margin_in_at_most_3_of_100():
    """10,000 estimates of a true difference of the margin: the intervals hold it in 95 of 100."""
    random = np.random.default_rng(3)
    errors = 0.006 * np.sqrt(random.chisquare(20, 10_000) / 20)
    means = 0.02 + 0.006 * random.standard_normal(10_000)
    half = half_width(errors, np.full(10_000, 20), 0.95)
    said = [verdict(m - h, m + h, 0.02) for m, h in zip(means, half, strict=True)]
    assert np.mean([name == EQUIVALENT for name in said]) <= 0.03
    p = p_value(means, errors, np.full(10_000, 20))
    better = np.mean([name == BETTER for name in said])
    assert better <= np.mean(p < 0.05)
