"""Promises of the registration: written once, changes are appended with what was known then."""

from pathlib import Path

import pandas as pd
import pytest
import yaml

from amend import main as amend
from register import main as register
from tumorseg.core.errors import UserError
from tumorseg.core.files import write_table
from tumorseg.registration import record, review
from tumorseg.workflow import protocol, settings

ROOT = Path(__file__).resolve().parents[2]
NOTHING: record.Existed = {"trainings": 0, "tested": 0}
TESTED: record.Existed = {"trainings": 10, "tested": 2}


def experiment(**changes):
    """The default experiment, with changes of its config."""
    config = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8")) | changes
    return settings.load(config, str(ROOT / "config.schema.yaml"))


def plan_of(**changes):
    return protocol.plan(experiment(**changes), {"training robust/bce": "abc"})


@pytest.fixture
def folder(tmp_path):
    """A results folder with images, masks and folds, and the arguments of both scripts for it."""
    for name in ("cases", "masks"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "p01-1.png").write_bytes(b"pixels")
    folds = {"case": ["p01-1"], "patient": ["p01"], "fold": [1], "role": ["test"]}
    write_table(pd.DataFrame(folds), tmp_path / "folds.tsv")
    return tmp_path


def arguments(folder, plan, existed=NOTHING):
    return {
        "cases_dir": str(folder / "cases"),
        "masks_dir": str(folder / "masks"),
        "folds_table": str(folder / "folds.tsv"),
        "plan": plan,
        "existed": existed,
        "registration_file": str(folder / "registration.yaml"),
    }


def amended(folder, plan, existed=NOTHING):
    file = folder / "amendments.yaml"
    amend(**arguments(folder, plan, existed), amendments_file=str(file))
    return record.read(file)


def paragraph(folder, trainings=()):
    registration = record.read(folder / "registration.yaml")
    amendments = record.read(folder / "amendments.yaml")
    return review.sentence(
        registration, amendments, review.deviations(registration, list(trainings)), "f" * 64
    )


def test_a_registration_is_never_overwritten(folder):
    register(**arguments(folder, plan_of()))
    before = (folder / "registration.yaml").read_bytes()
    register(**arguments(folder, plan_of(seed=2), TESTED))
    assert (folder / "registration.yaml").read_bytes() == before


def test_an_unchanged_plan_is_what_was_registered(folder):
    register(**arguments(folder, plan_of()))
    assert amended(folder, plan_of()) == []
    text = paragraph(folder)
    assert text.startswith("**What was run is what was registered.**")
    assert "before training" in text


def test_a_registration_that_comes_after_trainings_says_so(folder):
    register(**arguments(folder, plan_of(), TESTED))
    assert amended(folder, plan_of(), TESTED) == []
    text = paragraph(folder)
    assert text.startswith("**Trainings were there before the plan was registered.**")
    assert "after 10 trainings and test results of 2 recipes with a loss" in text


def test_each_change_is_appended_with_its_values_and_what_was_known(folder):
    register(**arguments(folder, plan_of()))
    amended(folder, plan_of(statistics={"resamples": 1999, "margin": 0.02}))
    losses = {"bce": {}, "focal": {"alpha": 0.6, "gamma": 2.0}, "dice": {}}
    second = plan_of(statistics={"resamples": 1999, "margin": 0.02}, losses=losses)
    amendments = amended(folder, second, TESTED)
    assert amended(folder, second, TESTED) == amendments  # nothing new, nothing appended
    assert [item["existed"] for item in amendments] == [NOTHING, TESTED]
    assert amendments[0]["changes"] == [
        {"what": "settings.statistics.resamples", "before": 9999, "after": 1999}
    ]
    changed = {change["what"]: change for change in amendments[1]["changes"]}
    assert changed["settings.losses.dice.function"]["before"] == record.ABSENT
    assert changed["question.primary contrasts"]["after"][-1] == "dice against bce"
    text = paragraph(folder)
    assert text.startswith("**What was run is not what was registered.**")
    settings_changed = [name for name in changed if name.startswith("settings.")]
    assert f"{len(settings_changed)} of them when test results were known" in text
    assert "settings.statistics.resamples from ``9999`` to ``1999``" in text
    rows = review.amendments_table(amendments)
    assert len(rows) == 1 + len(changed)
    assert rows["known_then"].iloc[-1].startswith("after 10 trainings and test results")
    table = review.comparison_table(record.read(folder / "registration.yaml"), amendments)
    row = table.set_index("what").loc["settings.statistics.resamples"]
    assert (row["registered"], row["run"]) == ("9999", "1999")
    assert (table["changed"].str.startswith("20")).sum() == len(rows)


def test_a_removed_loss_and_a_change_taken_back_are_listed_too(folder):
    register(**arguments(folder, plan_of()))
    amended(folder, plan_of(losses={"bce": {}, "dice": {}}), TESTED)
    amendments = amended(folder, plan_of(), TESTED)
    assert len(amendments) == 2
    registered = record.flat(record.read(folder / "registration.yaml")["plan"])
    assert record.amended(registered, amendments) == registered
    assert "after changes that were taken back" in paragraph(folder)
    assert "*id" not in (folder / "amendments.yaml").read_text(encoding="utf-8")


@pytest.mark.parametrize("where", ["cases", "masks"])
def test_other_pixels_are_a_change_of_the_data(folder, where):
    register(**arguments(folder, plan_of()))
    (folder / where / "p01-1.png").write_bytes(b"other pixels")
    changed = [change["what"] for change in amended(folder, plan_of())[0]["changes"]]
    assert changed == [f"data.{'images' if where == 'cases' else 'masks'}_sha256"]


def test_what_changes_no_result_is_no_change_of_the_plan():
    other = plan_of(images="/new", model_loss="bce", identifiers={"names": "keep", "key_file": ""})
    assert other == plan_of()


def test_no_path_of_the_user_is_in_the_plan(tmp_path):
    secret = tmp_path / "secret-folder"
    secret.mkdir()
    (secret / "images").mkdir()
    plan = plan_of(
        data_dir=str(secret), source={"kind": "folder", "images": "images", "masks": "outlines"}
    )
    text = yaml.safe_dump(record.plain(plan))
    assert "secret" not in text
    assert "outlines" not in text


def test_a_plan_is_the_same_after_it_was_written_and_read(tmp_path):
    plan = record.plain(plan_of())
    record.write(tmp_path / "plan.yaml", plan, "A plan.")
    assert record.read(tmp_path / "plan.yaml") == plan


def test_a_damaged_registration_stops_with_one_line(folder):
    register(**arguments(folder, plan_of()))
    (folder / "registration.yaml").write_text("registered: [", encoding="utf-8")
    with pytest.raises(UserError, match=r"registration.yaml: not readable .* restore it"):
        amended(folder, plan_of())


def test_trainings_that_contradict_the_registration_are_counted(folder):
    register(**arguments(folder, plan_of()))
    amended(folder, plan_of())
    training = {"finished": "2020-01-01T00:00:00+00:00", "versions": {"numpy": "0.1"}}
    text = paragraph(folder, [training])
    assert "1 of 1 trainings had ended before the registration" in text
    assert "numpy 0.1 instead of" in text


@pytest.mark.parametrize("scope", ["none", "shared", "nested"])
def test_the_plan_says_what_tuning_sees(scope):
    tuning = {"scope": scope} | {
        key: value for key, value in experiment().config["tuning"].items() if key != "scope"
    }
    used = plan_of(tuning=tuning)["use of patients"]["tuning"]
    assert ("test patients of other folds" in used) == (scope == "shared")


def test_other_outside_images_are_a_change_of_the_plan(folder):
    """Their settings may be the same: another export into the same folder."""
    outside = {
        f"external_{name}_dir": str(folder / f"external/{name}") for name in ("cases", "masks")
    }
    for path in map(Path, outside.values()):
        path.mkdir(parents=True)
        (path / "q01-1.png").write_bytes(b"pixels")
    plan, file = plan_of(), str(folder / "amendments.yaml")
    register(**arguments(folder, plan), **outside)
    (folder / "external/cases/q01-1.png").write_bytes(b"other pixels")
    amend(**arguments(folder, plan), **outside, amendments_file=file)
    (amendment,) = record.read(Path(file))
    assert [change["what"] for change in amendment["changes"]] == ["data.external_images_sha256"]
