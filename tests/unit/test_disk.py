"""A disk that does not take a file ends a step with one line, and leaves what was there before."""

import errno
import os
import subprocess
from contextlib import contextmanager
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from tumorseg.core import disk, files
from tumorseg.core.arrays import written_rows
from tumorseg.core.disk import DiskError, fault
from tumorseg.core.files import replacing, write_table, write_text
from tumorseg.core.images import write_png
from tumorseg.reporting.figure_style import pyplot, save_svg, style
from tumorseg.workflow import job

NOISE = np.random.default_rng(1).integers(0, 65535, (800, 800), np.uint16)


def rows(path):
    with written_rows(path, NOISE.shape, np.uint16) as add:
        for row in NOISE:
            add(row)


def figure(path):
    style()
    drawn, axis = pyplot.subplots()
    axis.scatter(*NOISE.ravel()[:30_000].reshape(2, -1))
    save_svg(drawn, path)


WRITERS = {
    "text.txt": lambda path: write_text(path, "word " * 300_000),
    "table.tsv": lambda path: write_table(pd.DataFrame(NOISE), path),
    "image.png": lambda path: write_png(path, NOISE),
    "array.npy": rows,
    "state.npz": lambda path: files.write_atomically(path, lambda p: savez(p), NOISE.nbytes),
    "figure.svg": figure,
}


def savez(path):
    with path.open("wb") as file:
        np.savez(file, allow_pickle=False, noise=NOISE)


@pytest.fixture(scope="module")
def small_disk(tmp_path_factory):
    """A disk of 1 MB; only root can mount one."""
    folder = tmp_path_factory.mktemp("disk")
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    done = subprocess.run(mount, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"no small disk can be mounted here (root is needed): {done.stderr.strip()}")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.parametrize("name", WRITERS)
def test_every_writer_reports_a_full_disk_in_one_line_and_keeps_the_earlier_file(name, small_disk):
    path = small_disk / name
    write_text(path, "of an earlier run")
    with pytest.raises(DiskError) as caught:
        WRITERS[name](path)
    line = str(caught.value)
    assert "\n" not in line and "cannot be written: the disk is full (it needs" in line
    assert "MB are free); free some space, then give the same command again" in line
    assert line.startswith(str(path.with_suffix("")))
    assert path.read_text() == "of an earlier run"
    assert not list(small_disk.glob(".tmp-*"))
    for file in small_disk.iterdir():
        file.unlink()


@pytest.mark.parametrize("number", [number for number in disk.FAULTS if number != errno.EPERM])
def test_each_reason_has_its_words_whatever_raised_it(number, tmp_path):
    def write(path):
        try:
            raise OSError(number, os.strerror(number))
        except OSError:
            raise ValueError("cannot close the file") from None  # as zipfile does

    path = tmp_path / "state.npz"
    with pytest.raises(DiskError, match=f"state.npz: cannot be written: {disk.FAULTS[number][0]}"):
        files.write_atomically(path, write)
    assert list(tmp_path.iterdir()) == []


def test_the_size_that_a_file_needs_is_stated(tmp_path):
    with (
        pytest.raises(DiskError, match=r"it needs 3\.2 MB, .* are free"),
        replacing(tmp_path / "state.npz", 3_200_000),
    ):
        raise OSError(errno.ENOSPC, "No space left on device")


def test_hdf5_states_the_reason_only_in_its_text():
    text = "Unable to write (file write failed: errno = 28, error message = 'No space left')"
    assert fault(RuntimeError(text)) == (errno.ENOSPC, "")
    assert fault(ValueError("errno of a fault of ours")) is None


def test_an_error_of_a_file_that_is_read_is_not_taken_for_one_of_the_disk(tmp_path):
    (tmp_path / "here").mkdir()
    with pytest.raises(PermissionError), replacing(tmp_path / "here/new.tsv"):
        raise PermissionError(errno.EACCES, "Permission denied", str(tmp_path / "other/read.tsv"))


@contextmanager
def ended(monkeypatch):
    """Runs what ends a job's process, and gives the exit status."""
    status = []

    def stop(code):
        status.append(code)
        raise SystemExit

    monkeypatch.setattr(os, "_exit", stop)
    with pytest.raises(SystemExit):
        yield status


@pytest.mark.parametrize("log", ["a log that can be written", "no log"])
def test_a_job_ends_with_one_line_even_if_its_log_cannot_be_written(
    log, tmp_path, monkeypatch, capsys
):
    def main():
        raise OSError(errno.EROFS, "Read-only file system", str(tmp_path / "results/new"))

    (tmp_path / "file").touch()
    folder = "logs" if log != "no log" else "file"
    given = SimpleNamespace(
        **{"input": {}, "output": {}, "params": {}, "wildcards": [], "rule": "train", "threads": 1},
        **{"resources": {}, "config": {}, "log": [tmp_path / folder / "train.log"]},
    )
    with ended(monkeypatch) as status:
        job.run(main, given)
    assert status == [1]
    errors = capsys.readouterr().err.splitlines()
    assert len(errors) == 1 and errors[0].startswith("ERROR in rule train: ")
    assert "results/new: cannot be written: the disk is read-only; make it writable" in errors[0]
