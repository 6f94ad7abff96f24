"""Gives a process GPUs that no other training uses; names no backend."""

import errno
import os
import socket
import time
from pathlib import Path

VISIBLE = "CUDA_VISIBLE_DEVICES"
LOCK = "tumorseg-gpu-"  # the name of a GPU's lock begins like this
# Locks: the system frees them when the process ends, however it does.
_held: list[socket.socket] = []


def visible(devices: Path = Path("/dev")) -> list[str]:
    """The GPUs that this process may use: those of CUDA_VISIBLE_DEVICES, else all of the machine.

    devices: where NVIDIA's driver keeps a file for each.
    """
    if VISIBLE in os.environ:
        named = [name.strip() for name in os.environ[VISIBLE].split(",")]
        return [name for name in named if name and not name.startswith("-")]
    numbers = (path.name.removeprefix("nvidia") for path in devices.glob("nvidia[0-9]*"))
    return sorted(filter(str.isdigit, numbers), key=int)


def claim(count: int = 1, *, lock: str = LOCK, every_s: float = 2.0) -> None:
    """Takes `count` of the visible GPUs for this process alone, until it ends; waits for them.

    Snakemake counts GPUs but does not say which one a job gets. So each takes those that no other
    job has locked, and CUDA_VISIBLE_DEVICES then names them alone. Call it before a backend starts.
    Nothing is locked where a cluster or Ray has already chosen as many, or there are too few. Again
    in the same process it does nothing.

    lock: begins the names of the locks; every_s: seconds between two tries.
    """
    found = visible()
    chosen = VISIBLE in os.environ and len(found) <= count
    if _held or chosen or not found or len(found) < count:
        return
    told = False
    while True:
        locked: dict[str, socket.socket] = {}
        for name in found:
            if len(locked) < count and (held := _lock(f"{lock}{name}")):
                locked[name] = held
        if len(locked) == count:
            _held.extend(locked.values())
            os.environ[VISIBLE] = ",".join(locked)
            return
        for held in locked.values():  # all or none: two jobs must not wait for each other
            held.close()
        if not told:
            print(
                f"waits for {count} of {len(found)} GPUs; --resources gpu={len(found)} tells "
                "Snakemake how many there are",
                flush=True,
            )
            told = True
        time.sleep(every_s)


def _lock(name: str) -> socket.socket | None:
    """The lock of that name, one for the machine; None where another process has it.

    It is a socket's name in Linux's abstract name space and no file: the folder of temporary files
    may be on a network's disk, where a lock would hold for all machines or could not be had.
    """
    held = socket.socket(socket.AF_UNIX)
    try:
        held.bind(f"\0{name}")
    except OSError as error:
        held.close()
        if error.errno != errno.EADDRINUSE:
            raise
        return None
    return held
