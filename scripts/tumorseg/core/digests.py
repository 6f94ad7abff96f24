"""Digests of files: their content, or name, size and time."""

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path


def sha256(path: Path) -> str:
    """The SHA-256 of a file's bytes, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def files_digest(paths: Iterable[Path], folder: str | Path) -> str:
    """A digest that changes with the name, size or time of a file, or of one inside a folder.

    Names count relative to `folder`, so that moved data are the same. Missing ones count as such.
    """
    seen = hashlib.sha256()
    root = Path(folder).expanduser()
    for path in paths:
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            try:
                state = file.stat()
            except (OSError, ValueError):
                state = None
            if state is None or not file.is_dir():
                facts = (state.st_size, state.st_mtime_ns) if state else "missing"
                seen.update(f"{os.path.relpath(file, root)} {facts}\n".encode())
    return seen.hexdigest()[:16]
