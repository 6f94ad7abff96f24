"""Gives a process GPUs that no other training uses; names no backend."""

import fcntl
import os
import tempfile
import time
from pathlib import Path

VISIBLE = "CUDA_VISIBLE_DEVICES"
# Open lock files: the system frees them when the process ends, however it does.
_held: list[int] = []


def visible(devices: Path = Path("/dev")) -> list[str]:
    """The GPUs that this process may use: those of CUDA_VISIBLE_DEVICES, else all of the machine.

    devices: where NVIDIA's driver keeps a file for each.
    """
    if VISIBLE in os.environ:
        named = [name.strip() for name in os.environ[VISIBLE].split(",")]
        return [name for name in named if name and not name.startswith("-")]
    numbers = (path.name.removeprefix("nvidia") for path in devices.glob("nvidia[0-9]*"))
    return sorted(filter(str.isdigit, numbers), key=int)


def claim(count: int = 1, *, folder: str = "", every_s: float = 2.0) -> None:
    """Takes `count` of the visible GPUs for this process alone, until it ends; waits for them.

    Snakemake counts GPUs but does not say which one a job gets. So each takes those that no other
    job has locked, and CUDA_VISIBLE_DEVICES then names them alone. Call it before a backend starts.
    Nothing is locked where a cluster or Ray has already chosen as many, or there are too few. Again
    in the same process it does nothing.

    folder: of the lock files, one for the machine; every_s: seconds between two tries.
    """
    found = visible()
    chosen = VISIBLE in os.environ and len(found) <= count
    if _held or chosen or not found or len(found) < count:
        return
    told = False
    while True:
        locked: dict[str, int] = {}
        for name in found:
            if len(locked) < count and (file := _lock(Path(folder or tempfile.gettempdir()), name)):
                locked[name] = file
        if len(locked) == count:
            _held.extend(locked.values())
            os.environ[VISIBLE] = ",".join(locked)
            return
        for file in locked.values():  # all or none: two jobs must not wait for each other
            os.close(file)
        if not told:
            print(
                f"waits for {count} of {len(found)} GPUs; --resources gpu={len(found)} tells "
                "Snakemake how many there are",
                flush=True,
            )
            told = True
        time.sleep(every_s)


def _lock(folder: Path, name: str) -> int | None:
    """The open lock file of a GPU; None where another process has it."""
    path = folder / f"tumorseg-gpu-{name.replace('/', '_')}.lock"
    try:
        file = os.open(path, os.O_RDONLY)  # another user's file cannot be opened to write
    except FileNotFoundError:
        file = os.open(path, os.O_RDONLY | os.O_CREAT, 0o644)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(file)
        return None
    return file
