"""Digests of files: of their content, or of their names, sizes and times."""

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path

from tumorseg.core.two_files import others_of


def sha256(path: Path) -> str:
    """The SHA-256 of a file's bytes, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def files_digest(paths: Iterable[Path], folder: str | Path) -> str:
    """A digest of names, sizes and modification times; a folder in `paths` stands for its files.

    Names are taken relative to `folder`, so moving all data together changes nothing. A missing
    file is recorded as missing. An image in two files counts with both.
    """
    digest = hashlib.sha256()
    root = Path(folder).expanduser()
    for path in paths:
        for file in sorted(path.rglob("*")) if path.is_dir() else [path, *others_of(path)]:
            try:
                state = file.stat()
            except (OSError, ValueError):
                state = None
            if state is None or not file.is_dir():
                size_and_time = (state.st_size, state.st_mtime_ns) if state else "missing"
                line = f"{os.path.relpath(file, root)} {size_and_time}\n"
                digest.update(line.encode(errors="surrogateescape"))  # names of other encodings
    return digest.hexdigest()[:16]
