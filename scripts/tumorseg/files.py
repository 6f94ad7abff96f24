"""Atomic writes and the house's table format: TSV with a header, missing values as NaN."""

import hashlib
import os
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

import pandas as pd

from tumorseg.errors import UserError

LOCAL_MARK = "LOCAL_ONLY.txt"  # lies in every folder that may name source files


def write_atomically(path: str | Path, write: Callable[[Path], None]) -> None:
    """Calls write(temporary path) beside `path`, then renames: readers never see half a file.

    The temporary name keeps the suffix, because image and weight writers choose the format by it.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(
        prefix=".tmp-", suffix="".join(path.suffixes[-2:]), dir=path.parent
    )
    os.close(handle)
    temporary = Path(name)
    try:
        write(temporary)
        temporary.chmod(0o644)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: str | Path, text: str) -> None:
    """Writes UTF-8 text atomically."""
    write_atomically(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))


def write_table(table: pd.DataFrame, path: str | Path) -> None:
    """Writes a TSV with a header, full float precision and NaN for what is undefined."""
    write_text(path, table.to_csv(sep="\t", index=False, na_rep="NaN", lineterminator="\n"))


def read_table(path: str | Path, text_columns: tuple[str, ...] = ()) -> pd.DataFrame:
    """Reads a TSV; `case`, `patient` and `text_columns` stay text (case 0012 is not 12).

    Raises UserError where the file is missing, empty or not a table.
    """
    text = {name: str for name in ("case", "patient", *text_columns)}
    try:
        return pd.read_csv(path, sep="\t", dtype=text, na_values=["NaN"], keep_default_na=False)
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        reason = str(error).strip().splitlines()[0]
        raise UserError(f"{path}: not a tab-separated table ({reason})") from None


def local_only(folder: str | Path) -> Path:
    """Makes a folder of which the content may name source files and patients, and marks it."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / LOCAL_MARK).exists():
        write_text(
            folder / LOCAL_MARK,
            "This folder may name your source files and patients. Keep it on this machine: do not\n"
            "share it and do not put it under version control. results/ does without it.\n",
        )
    return folder


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
