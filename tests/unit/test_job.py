"""Promises of the wrapper around a stage: the reason of a failed run is its last line."""

import os
import time
from types import SimpleNamespace

import pytest

from tumorseg.core.disk import DiskError
from tumorseg.core.errors import MachineError, UserError
from tumorseg.workflow import job


def test_the_reason_of_a_failed_run_is_printed_again_with_its_log(tmp_path, capsys):
    (tmp_path / "train").mkdir()
    log = tmp_path / "train" / "bce.log"
    log.write_text("train bce\nepoch 1\nERROR in rule train: no memory\n", encoding="utf-8")
    job.print_errors([str(tmp_path)], since=time.time() - 60)
    assert capsys.readouterr().err == f"ERROR in rule train: no memory\n(log: {log})\n"


def test_the_errors_of_earlier_runs_and_lines_that_are_no_errors_stay_quiet(tmp_path, capsys):
    old, fine = tmp_path / "old.log", tmp_path / "fine.log"
    old.write_text("ERROR in rule train: no memory\n", encoding="utf-8")
    fine.write_text("no ERROR in rule train: all is well\n", encoding="utf-8")
    os.utime(old, (0, 0))
    job.print_errors([str(tmp_path), str(tmp_path / "missing")], since=time.time() - 60)
    assert capsys.readouterr().err == ""


def test_only_the_run_that_a_mistake_ended_does_not_work_at_it_again(tmp_path, monkeypatch):
    copy = tmp_path / "bce.refused"
    assert job.refused(copy) == ""
    copy.write_text("ERROR in rule train: no mask\n", encoding="utf-8")
    monkeypatch.setenv(job.STARTED, str(time.time() - 60))
    assert job.refused(copy) == "ERROR in rule train: no mask\n"
    monkeypatch.setenv(job.STARTED, str(time.time() + 60))  # the user's next run
    assert job.refused(copy) == ""
    assert not copy.exists()


@pytest.mark.parametrize(
    ("error", "kept"), [(UserError, True), (MachineError, False), (DiskError, False)]
)
def test_a_mistake_is_kept_for_the_next_attempt_and_what_another_machine_may_cure_is_not(
    error, kept, tmp_path, monkeypatch
):
    class EndedError(Exception):
        pass

    def end(status):
        raise EndedError(status)

    def main():
        raise error("no mask")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(job.os, "_exit", end)
    monkeypatch.setattr(job, "fault", lambda error: None)
    nothing: dict = {}
    log = tmp_path / "train.log"
    asked = SimpleNamespace(input=nothing, output=nothing, params=nothing, resources=nothing)
    asked.__dict__.update(rule="train", wildcards=[], threads=1, config={}, log=[str(log)])
    with pytest.raises(EndedError):
        job.run(main, asked)
    assert log.read_text(encoding="utf-8").endswith("ERROR in rule train: no mask\n")
    assert log.with_suffix(".refused").exists() == kept
