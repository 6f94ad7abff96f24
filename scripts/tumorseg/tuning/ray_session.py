"""Starts Ray for one search, or joins a running cluster, and removes every trace afterwards."""

import contextlib
import logging
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tumorseg.core.errors import MachineError
from tumorseg.core.gpus import claim
from tumorseg.core.places import SCRIPTS

QUIET = {
    "RAY_AIR_NEW_OUTPUT": "0",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_worker_niceness": "0",  # default 15: other jobs would starve the trials
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_DISABLE_SIGINT_HANDLER": "1",  # a stopped search must not look like a finished one
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # the coming default; silences a long warning
}
OBJECT_STORE_BYTES = 200 * 2**20  # shared memory; only settings go through it
LONGEST_PATH = 40  # of the temporary folder: Ray's sockets below it allow 107 bytes in all

# Runs beside the search, in a session of its own. Its standard input closes when the search ends,
# even by SIGKILL; then it kills every process of this Ray and deletes Ray's files.
# A worker's title hides the folder with which it was started, but not its open log file (Linux).
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
    """Ray with `cpus` and `gpus` of this machine, or the cluster of RAY_ADDRESS where that is set.

    Workers use the caller's library. Raises MachineError where Ray does not start or answer.
    """
    os.environ.update(QUIET)
    logging.getLogger("ray.tune").setLevel(logging.CRITICAL)  # we report failed trials
    import ray

    options: dict[str, Any] = {
        "runtime_env": {"env_vars": {"PYTHONPATH": str(SCRIPTS)}},
        "log_to_driver": False,
        "logging_level": "ERROR",
    }
    if address := os.environ.get("RAY_ADDRESS"):
        try:
            ray.init(**options)
        except Exception as error:
            raise MachineError(
                f"RAY_ADDRESS is {address}, but no Ray cluster can be used there: {_first(error)}; "
                "see `ray status`, or unset RAY_ADDRESS to search on this machine alone"
            ) from None
        try:
            yield
        finally:
            ray.shutdown()
        return
    if gpus:
        claim(gpus)  # Ray gives each worker one of them
    parent = tempfile.gettempdir()
    folder = tempfile.mkdtemp(prefix="ray-", dir=parent if len(parent) < LONGEST_PATH else "/tmp")
    with subprocess.Popen(
        [sys.executable, "-c", CLEANER], stdin=subprocess.PIPE, text=True, start_new_session=True
    ) as cleaner:
        assert cleaner.stdin is not None  # for the type checker: it is a pipe
        cleaner.stdin.write(f"{folder}\n")
        cleaner.stdin.flush()
        try:
            try:
                ray.init(
                    address="local",
                    num_cpus=cpus,
                    num_gpus=gpus,
                    include_dashboard=False,
                    object_store_memory=OBJECT_STORE_BYTES,
                    _temp_dir=folder,
                    **options,
                )
            except Exception as error:
                raise MachineError(
                    f"Ray did not start: {_first(error)}; where the machine is very busy, give the "
                    "same command again later"
                ) from None
            yield
        finally:
            ray.shutdown()


def check_nodes(paths: list[str]) -> None:
    """Raises MachineError where a node that could run trials lacks one of the paths."""
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    @ray.remote(num_cpus=0)
    def missing() -> list[str]:
        return [path for path in paths if not Path(path).exists()]

    nodes = [node for node in ray.nodes() if node["Alive"] and node["Resources"].get("CPU")]
    there = [NodeAffinitySchedulingStrategy(node["NodeID"], soft=False) for node in nodes]
    answers = ray.get([missing.options(scheduling_strategy=place).remote() for place in there])
    for node, absent in zip(nodes, answers, strict=True):
        if absent:
            raise MachineError(
                f"the Ray node {node['NodeManagerHostname']} has no {absent[0]}: every node needs "
                "the folder of this project under the same path, on a file system that all share"
            )


def _first(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")
