"""Tests of the tables of what was run and what it cost."""

import hashlib

import pandas as pd
import pytest

from tumorseg.reporting.cost_tables import loss_cost, stage_cost
from tumorseg.reporting.run_tables import computed_in, provenance, run_table


def training(loss, fold, **changes):
    """The record of a training, as its settings.yaml holds it."""
    record = {
        "status": "ok",
        "recipe": "robust",
        "loss": {"name": loss},
        "network": {"name": "unet", "size_px": 64, "parameters": 487881},
        "settings": {
            "preparation": "robust",
            "network": {"dropout": 0},
            "training": {"epochs": 10, "learning_rate": 0.001},
        },
        "tuned": {},
        "fold": fold,
        "seed": 1,
        "training_s": 20.0 + fold,
        "finished": f"2026-01-0{fold}T00:00:00+00:00",
        "threads": 1,
        "device": {"kind": "cpu", "precision": "float32", "backend": "tensorflow"},
        "versions": {"keras": "3.15.1"},
        "code": f"digest of {loss}",
    }
    return record | changes


@pytest.fixture
def trainings():
    tuned = {"searched": {"learning_rate": [0.001, 0.01], "gamma": [1, 2]}}
    return [
        training("bce", 1),
        training("bce", 2, status="failed", failure="loss is NaN in epoch 3"),
        training("focal", 1, tuned=tuned),
        training("focal", 2, tuned=tuned),
    ]


def facts(table):
    return dict(zip(table["what"], table["value"], strict=True))


def test_the_run_table_shows_data_tuned_settings_and_failures(trainings):
    cases = pd.DataFrame(
        {
            "patient": ["a", "a", "b"],
            "plane": ["axial", "axial", "coronal"],
            "pixel_height_mm": [0.5, None, 1.0],
        }
    )
    folds = pd.DataFrame(
        {"case": list("123123"), "fold": [1, 1, 1, 2, 2, 2], "role": ["test", "train", "train"] * 2}
    )
    shown = facts(run_table(cases, folds, trainings))
    assert shown["patients"] == "2"
    assert "cases left out (source.exclude)" not in shown
    left_out = facts(run_table(cases, folds, trainings, excluded=4))
    assert left_out["cases left out (source.exclude)"] == "4"
    assert shown["planes"] == "2 axial, 1 coronal"
    assert shown["cases with a known pixel spacing"] == "2"
    assert shown["train cases a fold"] == "2 to 2"
    expected = "robust preparation; dropout 0, epochs 10, learning_rate by tuning (Table 1)"
    assert shown["recipe robust"] == expected
    assert shown["parameters of the network, robust"] == "487,881"
    assert shown["FAILED"] == "robust/bce fold 2: loss is NaN in epoch 3"
    assert shown["last training finished (UTC)"] == "2026-01-02T00:00:00+00:00"


def test_provenance_gives_digests_of_files_and_of_each_losss_code(tmp_path, trainings):
    file = tmp_path / "cases.tsv"
    file.write_text("case\n")
    shown = facts(provenance([str(file)], trainings))
    assert shown["SHA-256 of cases.tsv"] == hashlib.sha256(b"case\n").hexdigest()
    assert shown["digest of the training code, focal"] == "digest of focal"


def test_costs_are_summed_by_stage_and_start_up_is_the_time_outside_epochs(tmp_path, trainings):
    seconds = {"train/robust/bce/fold-1": 60, "train/robust/bce/fold-2": 50, "split": 2}
    paths = []
    for name, value in seconds.items():
        path = tmp_path / f"benchmarks/{name}.tsv"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"s\tmax_rss\n{value}\t{value + 1}\n")
        paths.append(str(path))
    table = stage_cost(paths, trainings[:2]).set_index("stage")
    assert list(table.index) == ["train", "split"]
    assert (table.loc["train", "jobs"], table.loc["train", "seconds"]) == (2, 110)
    assert table.loc["train", "peak_memory_mb"] == 61
    assert table.loc["train", "of_it_start_up_s"] == 110 - (21 + 22)
    assert list(table["work"]) == ["yes", ""]


def test_the_cost_of_a_loss_is_the_mean_over_its_trainings(trainings):
    table = loss_cost(trainings).set_index("loss")
    assert table.loc["focal", "training_s"] == 21.5
    assert table.loc["focal", "s_per_epoch"] == 2.15


@pytest.mark.parametrize(
    ("what", "usual", "other"),
    [("precision", "float32", "bfloat16"), ("backend", "tensorflow", "jax")],
)
def test_trainings_of_different_precision_or_backend_are_never_shown_without_a_warning(
    what, usual, other
):
    changed = {"device": training("bce", 1)["device"] | {what: other}}
    same = [training("bce", 1), training("focal", 1)]
    mixed = [training("bce", 1), training("focal", 1, **changed), training("focal", 2, **changed)]
    assert computed_in(same, what) == usual
    assert computed_in(mixed, what).startswith(f"MIXED: {usual} in 1, {other} in 2 trainings")
