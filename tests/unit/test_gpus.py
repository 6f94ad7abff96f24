"""Promise: jobs side by side never share a GPU, although Snakemake does not say whose it is."""

import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from threading import Timer
from uuid import uuid4

import pytest

from tumorseg.core import gpus
from tumorseg.core.places import SCRIPTS


@pytest.fixture
def lock():
    """How the names of this test's locks begin: the machine's own are left alone."""
    return f"tumorseg-test-{uuid4()}-"


@pytest.fixture
def job(lock, tmp_path, monkeypatch):
    """Claims GPUs as a job of its own; returns its locks, and what it sees."""
    monkeypatch.delenv(gpus.VISIBLE, raising=False)
    for name in ("nvidia0", "nvidia1", "nvidia10", "nvidiactl", "nvidia-uvm"):
        (tmp_path / name).touch()
    everything = gpus.visible(tmp_path)
    monkeypatch.setattr(gpus, "_held", [])

    def claim(count=1, seen=None):
        before, own = os.environ.get(gpus.VISIBLE), []
        monkeypatch.setattr(gpus, "_held", own)
        monkeypatch.setattr(gpus, "visible", lambda: seen or everything)
        if seen is not None:
            monkeypatch.setenv(gpus.VISIBLE, ",".join(seen))
        gpus.claim(count, lock=lock, every_s=0.01)
        found = os.environ.get(gpus.VISIBLE)
        if before is None:
            monkeypatch.delenv(gpus.VISIBLE, raising=False)
        return own, found

    yield claim
    for held in gpus._held:
        held.close()


def test_the_gpus_are_those_of_the_machine_or_of_the_variable(tmp_path, monkeypatch):
    for name in ("nvidia0", "nvidia2", "nvidia10", "nvidiactl", "nvidia-caps"):
        (tmp_path / name).touch()
    monkeypatch.delenv(gpus.VISIBLE, raising=False)
    assert gpus.visible(tmp_path) == ["0", "2", "10"]
    for value, expected in {"": [], "-1": [], "1": ["1"], "3, GPU-ab": ["3", "GPU-ab"]}.items():
        monkeypatch.setenv(gpus.VISIBLE, value)
        assert gpus.visible(tmp_path) == expected


def test_every_job_gets_another_gpu_and_the_next_one_waits_for_the_first_to_end(job, capsys):
    (held,), first = job()
    assert (first, job()[1], job()[1]) == ("0", "1", "10")
    assert not capsys.readouterr().out
    Timer(0.1, held.close).start()
    assert job()[1] == "0"
    assert capsys.readouterr().out.count("waits for 1 of 3 GPUs") == 1


def test_a_job_takes_all_the_gpus_that_it_asks_for_or_none(job):
    (held,), one = job()
    Timer(0.1, held.close).start()
    assert (one, job(3)[1]) == ("0", "0,1,10")


def test_what_a_cluster_chose_is_taken_as_it_is(job):
    """Its numbers begin at 0 in every job, so that two jobs would wait for each other."""
    assert job(1, seen=["0"]) == ([], "0")
    assert job(2, seen=["0", "1"]) == ([], "0,1")


def test_within_the_gpus_that_a_user_names_each_job_gets_its_own(job):
    assert job(1, seen=["4", "5"])[1] == "4"
    assert job(1, seen=["4", "5"])[1] == "5"


@contextmanager
def other_process(lock, *start):
    """A process that claims one of three GPUs; yields its number. start: begins its command."""
    code = (
        "from tumorseg.core import gpus\n"
        f"gpus.claim(lock={lock!r})\n"
        "import os; print(os.environ[gpus.VISIBLE], flush=True)\n"
        "input()"
    )
    environment = os.environ | {"PYTHONPATH": str(SCRIPTS), gpus.VISIBLE: "0,1,10"}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen([*start, sys.executable, "-c", code], env=environment, **pipes) as child:
        try:
            yield child.stdout.readline().strip()
        finally:
            child.send_signal(signal.SIGKILL)


def test_a_killed_job_frees_its_gpu(job, lock):
    with other_process(lock) as number:
        assert (number, job()[1]) == ("0", "1")
    assert job()[1] == "0"


def test_two_machines_that_share_the_folder_of_temporary_files_do_not_wait_for_each_other(
    job, lock, tmp_path, monkeypatch
):
    """As where TMPDIR names a network's disk. Another machine is here another network."""
    network = ["unshare", "--net"]
    if subprocess.run([*network, "true"], capture_output=True, check=False).returncode:
        pytest.skip("this user may not make a network of his own")
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with other_process(lock, *network) as number:
        assert (number, job()[1]) == ("0", "0")
