"""bench/gpu.py on a borrowed machine: minutes are few, and a part may hang or fail."""

import subprocess
import sys
import time
from pathlib import Path

import psutil

BENCH = Path(__file__).resolve().parents[2] / "bench"
SLOW = f"""\
import subprocess, sys, time
sys.path.insert(0, {str(BENCH)!r})
import gpu

def hangs(run):
    run.row("first", 1)
    run.row("child", subprocess.Popen(["sleep", "60"]).pid)
    time.sleep(60)

def fails(run):
    run.row("first", 2)
    raise ValueError("no more")

def works(run):
    run.row("first", 3)

gpu.__file__ = __file__
gpu.PARTS = {{"hangs": (2, hangs), "fails": (10, fails), "works": (10, works)}}
sys.exit(gpu.main())
"""


def test_a_part_that_hangs_or_fails_loses_neither_its_rows_nor_the_parts_after_it(tmp_path):
    script, table = tmp_path / "slow.py", tmp_path / "table.tsv"
    script.write_text(SLOW, encoding="utf-8")
    began = time.monotonic()
    command = [sys.executable, str(script), "--output", str(table), "--parts"]
    done = subprocess.run([*command, "hangs", "fails", "works"], check=False, timeout=50)
    assert time.monotonic() - began < 30 and done.returncode == 1
    rows = [line.split("\t") for line in table.read_text(encoding="utf-8").splitlines()[1:]]
    assert [(r[0], r[2]) for r in rows if r[1] == "first"] == [
        ("hangs", "1"),
        ("fails", "2"),
        ("works", "3"),
    ]
    failed = {r[0]: r[2] for r in rows if r[1] == "FAILED"}
    assert failed == {"hangs": "not finished within 2 s", "fails": "ended with status 1"}
    assert ["fails", "failed by", "ValueError: no more", ""] in rows
    child = next(int(r[2]) for r in rows if r[1] == "child")
    assert not psutil.pid_exists(child) or psutil.Process(child).status() == psutil.STATUS_ZOMBIE


def test_all_parts_have_less_than_six_minutes(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCH))
    import gpu

    assert sum(seconds for seconds, _ in gpu.PARTS.values()) <= 345
