"""Atomic writes and the project's table format: TSV with a header, missing values as NaN."""

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd

from tumorseg.core import disk
from tumorseg.core.errors import UserError


@contextmanager
def replacing(path: str | Path, size: int = 0) -> Iterator[Path]:
    """A temporary path to write to; what is there at the end becomes `path`: no half-written files.

    The temporary file lies beside `path` and has its suffix, by which image and weight writers
    choose the format. An error leaves `path` as it was. size: bytes that will be written, for
    messages; 0 where unknown. Raises DiskError where the disk does not take them.
    """
    path, temporary = Path(path), None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(
            prefix=".tmp-", suffix="".join(path.suffixes[-2:]), dir=path.parent
        )
        os.close(handle)
        temporary = Path(name)
        yield temporary
        temporary.chmod(0o644)
        temporary.replace(path)
    except Exception as error:
        number, file = disk.fault(error) or (0, "")
        if not number or (file and Path(file).parent != path.parent and temporary):
            raise  # another error, or one of another file, which the block reads
        written = _removed(temporary)
        raise disk.disk_error(number, path, size, written) from None
    finally:
        _removed(temporary)


def _removed(temporary: Path | None) -> int:
    """Deletes the file, if it is there and can be; returns its bytes."""
    try:
        size = temporary.stat().st_size if temporary else 0
        if temporary:
            temporary.unlink()
    except OSError:  # renamed already, or the disk is gone
        return 0
    return size


def write_atomically(path: str | Path, write: Callable[[Path], object], size: int = 0) -> None:
    """Calls write(temporary path) and renames the result to `path` (`replacing`)."""
    with replacing(path, size) as temporary:
        write(temporary)


def write_bytes(path: str | Path, content: bytes) -> None:
    """Writes a file atomically."""
    write_atomically(path, lambda temporary: temporary.write_bytes(content), len(content))


def write_text(path: str | Path, text: str) -> None:
    """Writes UTF-8 text atomically."""
    write_bytes(path, text.encode("utf-8"))


def write_table(table: pd.DataFrame, path: str | Path) -> None:
    """Writes a TSV with a header, full float precision and NaN for undefined values."""
    write_text(path, table.to_csv(sep="\t", index=False, na_rep="NaN", lineterminator="\n"))


def read_table(path: str | Path, text_columns: tuple[str, ...] = ()) -> pd.DataFrame:
    """Reads a TSV; `case`, `patient` and `text_columns` stay text (0012 does not become 12).

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
