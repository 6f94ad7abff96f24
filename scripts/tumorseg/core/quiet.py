"""Keeps what C and C++ libraries print on stderr off the terminal: all of it, or known lines."""

import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import IO

CHANGES_NO_RESULT = True  # terminal output only (workflow/code_digest.py)

# TensorFlow prints these at every start, whatever TF_CPP_MIN_LOG_LEVEL says.
TENSORFLOW_START = re.compile(
    r"All log messages before absl::InitializeLog|oneDNN custom operations are on|"
    r"This TensorFlow binary is optimized|To enable the following instructions"
)
_stderr_lock = Lock()


@contextmanager
def _stderr_to(file: IO[bytes]) -> Iterator[None]:
    """Sends the process's stderr into a file. It is the whole process's: threads take turns."""
    with _stderr_lock:
        sys.stderr.flush()
        terminal = os.dup(2)
        try:
            os.dup2(file.fileno(), 2)
            yield
        finally:
            sys.stderr.flush()
            os.dup2(terminal, 2)
            os.close(terminal)


@contextmanager
def without_lines(noise: re.Pattern[str]) -> Iterator[None]:
    """Holds back stderr and prints it afterwards without the lines that match.

    Lines from another thread are held back as well, so use it only around short calls.
    """
    with tempfile.TemporaryFile() as held:
        try:
            with _stderr_to(held):
                yield
        finally:
            held.seek(0)
            for line in held.read().splitlines(keepends=True):
                if not noise.search(line.decode("utf-8", "replace")):
                    os.write(2, line)


@contextmanager
def silent_stderr() -> Iterator[None]:
    """Silences C libraries' stderr while a damaged file is decoded; our own error replaces it."""
    with Path(os.devnull).open("wb") as devnull, _stderr_to(devnull):
        yield
