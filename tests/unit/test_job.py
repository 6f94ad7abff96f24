"""Promises of the wrapper around a stage: the reason of a failed run is its last line."""

import os
import time

import pytest

from tumorseg.core.disk import AGAIN
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


ENDS = {
    "a mistake": ("ERROR in rule train: no memory", True),
    "a disk that may be another one then": (f"ERROR in rule train: disk full, {AGAIN}", False),
    "a kill": ("epoch 2", False),
    "nothing": ("", False),
}


@pytest.mark.parametrize("end", ENDS)
def test_only_what_a_mistake_ended_in_this_run_is_not_worked_at_again(end, tmp_path, monkeypatch):
    line, refused = ENDS[end]
    log = tmp_path / "bce.log"
    log.write_text(f"train bce\n{line}\n", encoding="utf-8")
    monkeypatch.setenv(job.STARTED, str(time.time() - 60))
    assert job.refused(log) == (line if refused else "")
    monkeypatch.setenv(job.STARTED, str(time.time() + 60))  # the user's next run
    assert job.refused(log) == ""
    monkeypatch.delenv(job.STARTED)
    assert job.refused(log) == job.refused(tmp_path / "missing.log") == ""
