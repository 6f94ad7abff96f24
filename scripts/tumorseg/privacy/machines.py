"""The names of the machines that ran steps: the search for names must know them all."""

import socket
from contextlib import suppress
from pathlib import Path

from tumorseg.privacy.local import LOCAL_MARK, local_only


def note(folder: Path) -> None:
    """Notes this machine in `folder`, so that the search for names knows where steps ran."""
    with suppress(OSError):
        (local_only(folder) / socket.gethostname()).touch()


def noted(folder: Path) -> list[str]:
    """The names of the machines that are noted in `folder`."""
    paths = folder.iterdir() if folder.is_dir() else ()
    return sorted(path.name for path in paths if path.name != LOCAL_MARK)
