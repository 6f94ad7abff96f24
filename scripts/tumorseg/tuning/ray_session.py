"""Ray for the length of a search: a cluster of our own or the running one, and nothing left."""

import contextlib
import logging
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator

from tumorseg.core.places import SCRIPTS

QUIET = {
    "RAY_AIR_NEW_OUTPUT": "0",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_worker_niceness": "0",  # 15 by default: trials would starve beside the other jobs
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_DISABLE_SIGINT_HANDLER": "1",  # a stopped search must not look like a finished one
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # a later default, which Ray announces at length
}
OBJECTS = 200 * 2**20  # bytes of shared memory; nothing larger than settings goes through it
LONGEST = 40  # of the temporary folder's path: Ray puts sockets below it, which allow 107 bytes

# Runs beside the search in a session of its own. When the search ends, however it ends (SIGKILL
# included), its standard input closes: then no process of this Ray and no file of it may stay.
# A worker's title hides the folder that it was started with, but not its open log (Linux).
CLEANER = """
import os, shutil, signal, subprocess, sys, time
from pathlib import Path
folder, driver = sys.stdin.readline().strip(), os.getppid()
sys.stdin.read()

def uses(process):
    try:
        return any(os.readlink(file).startswith(folder) for file in (process / "fd").iterdir())
    except OSError:
        return False

for _ in range(50):
    others = [p for p in Path("/proc").glob("[0-9]*") if int(p.name) not in (driver, os.getpid())]
    left = [int(p.name) for p in others if uses(p)]
    for process in left:
        try:
            os.kill(process, signal.SIGKILL)
        except ProcessLookupError:
            pass
    try:
        subprocess.run(["pkill", "-9", "-f", folder], check=False)
    except FileNotFoundError:
        pass
    shutil.rmtree(folder, ignore_errors=True)
    if not left and not Path(folder).exists():
        break
    time.sleep(0.2)
"""


@contextlib.contextmanager
def session(cpus: int, gpus: int) -> Iterator[None]:
    """Ray with so many CPUs and GPUs of this machine; where RAY_ADDRESS is set, that cluster.

    Workers find this library and the Keras backend as the caller does.
    """
    os.environ.update(QUIET)
    logging.getLogger("ray.tune").setLevel(logging.CRITICAL)  # a failed trial is told by us
    import ray

    library = str(SCRIPTS)
    handed = {name: os.environ[name] for name in ("KERAS_BACKEND",) if name in os.environ}
    how = {
        "runtime_env": {"env_vars": handed | {"PYTHONPATH": library}},
        "log_to_driver": False,
        "logging_level": "ERROR",
    }
    if os.environ.get("RAY_ADDRESS"):
        ray.init(**how)
        try:
            yield
        finally:
            ray.shutdown()
        return
    parent = tempfile.gettempdir()
    folder = tempfile.mkdtemp(prefix="ray-", dir=parent if len(parent) < LONGEST else "/tmp")
    with subprocess.Popen(
        [sys.executable, "-c", CLEANER], stdin=subprocess.PIPE, text=True, start_new_session=True
    ) as cleaner:
        cleaner.stdin.write(f"{folder}\n")
        cleaner.stdin.flush()
        try:
            ray.init(
                address="local",
                num_cpus=cpus,
                num_gpus=gpus,
                include_dashboard=False,
                object_store_memory=OBJECTS,
                _temp_dir=folder,
                **how,
            )
            yield
        finally:
            ray.shutdown()
