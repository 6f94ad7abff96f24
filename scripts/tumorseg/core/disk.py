"""Failed writes as one line: what happened, to which file, and how much room it needs."""

import errno
import re
import shutil
from pathlib import Path

from tumorseg.core.errors import MachineError

AGAIN = "then give the same command again: what is finished is kept"
FULL = (errno.ENOSPC, errno.EDQUOT)
# What happened, and what to do.
FAULTS = {
    errno.ENOSPC: ("the disk is full", "free some space"),
    errno.EDQUOT: ("your quota of the disk is used up", "free some space or ask for more"),
    errno.EROFS: ("the disk is read-only", "make it writable"),
    errno.EACCES: ("permission denied", "change the permissions of the folder"),
    errno.EPERM: ("permission denied", "change the permissions of the folder"),
    errno.EIO: ("the disk reports an error", "check the disk and its connection"),
    errno.ESTALE: ("the disk is no longer there", "mount it again"),
    errno.ENOTCONN: ("the disk is no longer there", "mount it again"),
    errno.ENODEV: ("the disk is no longer there", "mount it again"),
    errno.ENXIO: ("the disk is no longer there", "mount it again"),
}
_HDF5 = re.compile(r"errno = (\d+)")  # h5py states the number only in its text


class DiskError(MachineError):
    """A file could not be written, for a reason outside this program."""


def fault(error: BaseException) -> tuple[int, str] | None:
    """The errno and the file (or nothing) of a failed write behind an error; None for others."""
    seen: BaseException | None = error
    while seen is not None:
        found = _HDF5.search(str(seen))
        number = seen.errno if isinstance(seen, OSError) and seen.errno else None
        number = int(found[1]) if number is None and found else number
        if number in FAULTS:
            return number, str(getattr(seen, "filename", None) or "")
        seen = seen.__cause__ or seen.__context__
    return None


def disk_error(number: int, path: str | Path, size: int = 0, written: int = 0) -> DiskError:
    """The error for the user.

    Args:
        number: the errno.
        path: the file.
        size: its bytes, 0 where unknown.
        written: the bytes that had been written, where its size is unknown.
    """
    what, remedy = FAULTS[number]
    room = ""
    if number in FULL:
        needed = f"it needs {megabytes(size)}" if size else f"it needs over {megabytes(written)}"
        room = f" ({needed}, {megabytes(free(path))} are free)"
    return DiskError(f"{path}: cannot be written: {what}{room}; {remedy}, {AGAIN}")


def free(path: str | Path) -> int:
    """Bytes that can still be written where a file is or will be; 0 where this is unknown."""
    for folder in (Path(path), *Path(path).absolute().parents):
        try:
            return shutil.disk_usage(folder).free
        except OSError:
            continue
    return 0


def megabytes(size: float) -> str:
    """Bytes as printed.

    >>> megabytes(400), megabytes(3_200_000), megabytes(412_345_678), megabytes(2.5e9)
    ('0.1 MB', '3.2 MB', '412 MB', '2.5 GB')
    """
    if size >= 1e9:
        return f"{size / 1e9:.1f} GB"
    return f"{max(size / 1e6, 0.1):.1f} MB" if size < 1e7 else f"{size / 1e6:.0f} MB"
