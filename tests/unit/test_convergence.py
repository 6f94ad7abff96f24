"""Promises of the check of convergence: progress is found, and noise is not taken for it."""

import math

import numpy as np
import pandas as pd
import pytest

import check_convergence
from tumorseg.core.files import write_table
from tumorseg.reporting.convergence_figures import gain_figure
from tumorseg.statistics.convergence import (
    CONVERGED,
    EMPTY,
    FAILED,
    NOISY,
    RISING,
    SHORT,
    convergence,
    convergence_table,
    fairness_table,
    warning_sentence,
)


def saturating(epochs: int, per_epoch: float, noise: float = 0.0, seed: int = 0) -> np.ndarray:
    """A curve that approaches .7 exponentially, with noise."""
    rise = 0.7 * (1 - np.exp(-per_epoch * np.arange(1, epochs + 1)))
    return rise + np.random.default_rng(seed).normal(0, noise, epochs)


def test_the_gain_is_the_difference_of_the_means_of_the_last_two_fifths():
    end = convergence(np.arange(20) / 100)
    assert end.gain == pytest.approx(0.04)  # four epochs later, .01 an epoch
    assert (end.verdict, end.best_epoch, end.best_at_end) == (RISING, 20, True)


def test_a_flat_curve_has_converged_without_gain_and_error():
    end = convergence(np.full(30, 0.6))
    assert (end.verdict, end.gain, end.error, end.best_epoch) == (CONVERGED, 0, 0, 1)
    assert not end.best_at_end


@pytest.mark.parametrize(("per_epoch", "verdict"), [(0.2, CONVERGED), (0.03, RISING)])
def test_a_curve_that_saturates_has_converged_and_one_cut_short_has_not(per_epoch, verdict):
    assert convergence(saturating(60, per_epoch)).verdict == verdict


def test_noise_alone_is_seldom_taken_for_progress():
    """800 flat trainings of 60 epochs whose validation IoU varies by .02 from epoch to epoch."""
    verdicts = [convergence(saturating(60, 5, 0.02, seed)).verdict for seed in range(800)]
    assert np.mean([verdict == RISING for verdict in verdicts]) < 0.05


def test_progress_is_found_in_spite_of_noise():
    """400 trainings of 22 epochs that would gain another .1, with the same noise."""
    verdicts = [convergence(saturating(22, 0.07, 0.02, seed)).verdict for seed in range(400)]
    assert np.mean([verdict == RISING for verdict in verdicts]) > 0.9


def test_a_curve_that_jumps_too_much_is_not_called_converged():
    jumps = 0.5 + 0.2 * (-1.0) ** np.arange(10)
    assert convergence(jumps).verdict == NOISY


def test_a_gain_with_the_best_epoch_at_the_end_is_progress_whatever_the_noise():
    end = convergence(0.5 + 0.2 * (-1.0) ** np.arange(1, 11) + 0.02 * np.arange(10))
    assert (end.best_at_end, end.verdict) == (True, RISING)


@pytest.mark.parametrize(
    ("scores", "failed", "verdict"),
    [
        (np.full(9, 0.6), False, SHORT),
        (np.zeros(40), False, EMPTY),
        ([], False, EMPTY),
        (np.full(40, 0.6), True, FAILED),
        ([], True, FAILED),
    ],
)
def test_trainings_without_enough_to_judge_are_named_as_such(scores, failed, verdict):
    assert convergence(scores, failed).verdict == verdict


def trainings(**curves: np.ndarray) -> pd.DataFrame:
    """Histories: a loss's name to the scores of both its folds."""
    rows = []
    for loss, scores in curves.items():
        for fold, shift in ((1, 0.0), (2, -0.1)):
            for epoch, score in enumerate(scores, start=1):
                row = {"recipe": "robust", "loss": loss, "seed": 1, "fold": fold, "status": "ok"}
                row |= {"epoch": epoch, "val_iou": score + shift, "chosen_epoch": len(scores)}
                row |= {"val_dice": score, "val_loss": 1 - score, "keep_best": True}
                rows.append(row | {"precision": "float32", "backend": "tensorflow"})
    return pd.DataFrame(rows)


def test_each_training_is_one_row_with_its_distance_from_the_other_folds():
    table = convergence_table(trainings(bce=saturating(40, 0.3), focal=saturating(40, 0.02)))
    assert list(zip(table["loss"], table["fold"], table["verdict"], strict=True)) == [
        ("bce", 1, CONVERGED),
        ("bce", 2, CONVERGED),
        ("focal", 1, RISING),
        ("focal", 2, RISING),
    ]
    np.testing.assert_allclose(table["below_other_folds"], [-0.1, 0.1, -0.1, 0.1])


@pytest.mark.parametrize("keep_best", ["dice", "loss", "iou", False])
def test_a_training_is_judged_by_the_score_by_which_its_epoch_is_kept(keep_best):
    """Validation IoU has long been flat, Dice still rises, and the loss still falls; or not."""
    rising, flat = saturating(40, 0.02), np.full(40, 0.5)
    for scores in ({"val_dice": rising}, {"val_loss": 40 - 30 * rising}):
        history = trainings(bce=flat).assign(val_dice=0.5, val_loss=7.0, keep_best=keep_best)
        ((name, values),) = scores.items()
        history[name] = np.tile(values, 2)
        table = convergence_table(history)
        judged_by = f"val_{keep_best or 'iou'}"
        assert set(table["judged_by"]) == {judged_by}
        assert set(table["verdict"]) == {RISING if name == judged_by else CONVERGED}
        np.testing.assert_allclose(table["best_val_iou"], [0.5, 0.4])


def test_the_verdict_on_a_loss_is_the_same_whatever_its_scale_and_rising_again_is_no_progress():
    falling = 1 - saturating(40, 0.3, noise=0.002)
    for scale, shift in ((1, 0), (300, -50)):
        history = trainings(bce=np.full(40, 0.5)).assign(keep_best="loss")
        history["val_loss"] = np.tile(scale * falling + shift, 2)
        table = convergence_table(history)
        assert set(table["verdict"]) == {CONVERGED}
        assert table["gain"].to_numpy() == pytest.approx(convergence_gain(falling))
    history["val_loss"] = np.tile(np.abs(np.arange(40) - 9.0), 2)  # overfits from epoch 10 on
    assert (convergence_table(history)["gain"] < 0).all()


def convergence_gain(losses: np.ndarray) -> float:
    shares = (losses[0] - losses) / (losses[0] - losses.min())
    return shares[-8:].mean() - shares[-16:-8].mean()


def test_the_first_sentence_names_what_had_not_converged_and_is_empty_where_all_had():
    table = convergence_table(trainings(bce=saturating(40, 0.3), focal=saturating(40, 0.02)))
    sentence = warning_sentence(table, "robust")
    assert sentence.startswith("**2 of 4 trainings had not converged** (focal: 2 still improving)")
    assert warning_sentence(table[table["loss"] == "bce"], "robust") == ""
    assert warning_sentence(table, "paper") == ""


def test_unequal_budgets_efforts_and_precisions_are_answered_with_no():
    table = convergence_table(trainings(bce=saturating(40, 0.3), focal=saturating(20, 0.6)))
    table.loc[0, "precision"] = "bfloat16"
    table.loc[0, "backend"] = "jax"
    searches = pd.DataFrame(
        {"recipe": "robust", "loss": ["bce", "focal"], "trials": [3, 8]},
    )
    answers = fairness_table(table, searches).set_index("question")["answer"]
    assert answers["all trainings converged"] == "yes"
    assert answers["same number of trainings"] == "yes"
    for question in (
        *("same number of epochs", "same precision", "same backend"),
        "same number of tuning trials",
    ):
        assert answers[question] == "no", question


def test_a_fair_comparison_is_answered_with_yes_throughout():
    table = convergence_table(trainings(bce=saturating(40, 0.3), focal=saturating(40, 0.5)))
    assert set(fairness_table(table, pd.DataFrame())["answer"]) == {"yes"}


def test_failed_trainings_have_a_row_and_the_figure_counts_them():
    history = trainings(bce=saturating(40, 0.3))
    failed = history["fold"] == 2
    history.loc[failed, ["status", "val_iou"]] = ["failed", math.nan]
    table = convergence_table(history)
    assert list(table["verdict"]) == [CONVERGED, FAILED]
    text = "".join(
        item.get_text() for item in gain_figure(table).findobj() if hasattr(item, "get_text")
    )
    assert "1 of 2 trainings had not converged; 1 without a gain" in text


def test_tumour_that_skull_stripping_removed_is_counted_by_case_and_patient(tmp_path):
    kept = pd.DataFrame(
        {
            "case": ["a1", "a2", "b1", "a1", "a2", "b1"],
            "method": ["otsu"] * 3 + ["head"] * 3,
            "tumour_kept": [0.5, 0.98, 1.0, 1.0, 1.0, 1.0],
        }
    )
    write_table(kept, tmp_path / "methods.tsv")
    masks = pd.DataFrame({"case": ["a1", "a2", "b1"], "patient": ["a", "a", "b"]})
    write_table(masks, tmp_path / "masks.tsv")
    files = str(tmp_path / "methods.tsv"), str(tmp_path / "masks.tsv")
    harmed = check_convergence.stripping(*files, "otsu")
    assert harmed["answer"] == "no"
    assert "more than 1% of the tumour in 2 of 3 cases, 1 of 2 patients" in harmed["detail"]
    assert check_convergence.stripping(*files, "head")["answer"] == "yes"
