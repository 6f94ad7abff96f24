"""Keeps what C and C++ libraries print on stderr off the terminal: all of it, or known lines."""

import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock

CHANGES_NO_RESULT = True  # terminal output only (workflow/code_digest.py)

# TensorFlow prints these at every start, whatever TF_CPP_MIN_LOG_LEVEL says.
TENSORFLOW_START = re.compile(
    r"All log messages before absl::InitializeLog|oneDNN custom operations are on|"
    r"This TensorFlow binary is optimized|To enable the following instructions"
)
_stderr_lock = Lock()  # stderr is the whole process's


@contextmanager
def without_lines(noise: re.Pattern[str]) -> Iterator[None]:
    """Holds back the process's stderr and prints it afterwards without the lines that match.

    Lines from another thread are held back as well, so use it only around short calls.
    """
    with tempfile.TemporaryFile() as held:
        sys.stderr.flush()
        terminal = os.dup(2)
        try:
            os.dup2(held.fileno(), 2)
            yield
        finally:
            sys.stderr.flush()
            os.dup2(terminal, 2)
            held.seek(0)
            for line in held.read().splitlines(keepends=True):
                if not noise.search(line.decode("utf-8", "replace")):
                    os.write(terminal, line)
            os.close(terminal)


@contextmanager
def silent_stderr() -> Iterator[None]:
    """Silences C libraries' stderr while a damaged file is decoded; our own error replaces it.

    It redirects the stderr of the process, so threads take turns, and only calls to libraries that
    print are wrapped.
    """
    with _stderr_lock, Path(os.devnull).open("wb") as devnull:
        sys.stderr.flush()
        saved_stderr = os.dup(2)
        try:
            os.dup2(devnull.fileno(), 2)
            yield
        finally:
            os.dup2(saved_stderr, 2)
            os.close(saved_stderr)
