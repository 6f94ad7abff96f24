"""A real Slurm of one node on loopback, for tests: in a folder of its own, ended by its own pids.

Slurm's programs must find their settings at CONF: there a link to ours is put, and only where
nothing is. A computer that belongs to a cluster is left alone.
"""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

CONF = Path("/etc/slurm/slurm.conf")
PREFIX = "one-node-slurm-"  # of the folder: so a link that a killed test left is known as ours
PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "squeue", "scancel", "scontrol")
NODE_MB = 8000

# No systemd, no cgroups, no accounting: states come from the controller.
# Memory is watched every second, and what takes more than it asked for is killed.
SETTINGS = """\
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge/socket
CredType=cred/munge
SlurmctldPort={control_port}
SlurmdPort={node_port}
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=1
JobAcctGatherParams=OverMemoryKill
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=1,bf_interval=1,batch_sched_delay=0
PriorityType=priority/basic
ReturnToService=2
JobRequeue=0
MinJobAge=43200
MpiDefault=none
SwitchType=switch/none
KillWait=2
DefMemPerCPU=500
AccountingStorageType=accounting_storage/none
SlurmdParameters=config_overrides
GresTypes=gpu
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory={memory} Gres=gpu:{gpus} State=UNKNOWN
PartitionName=test Nodes={host} Default=YES MaxTime=INFINITE State=UP OverSubscribe=NO
"""

# Slurm's own sacct needs a database. The plug-in gives the name of its jobs as the last argument.
SACCT = """\
#!/bin/sh
for name; do :; done
exec squeue --states=all --noheader --format='%i|%T' --name="$name"
"""


@dataclass(frozen=True)
class Cluster:
    """A running Slurm of one node."""

    folder: Path
    host: str

    def ask(self, *command: str) -> str:
        """What one of Slurm's programs prints; CalledProcessError where it fails."""
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    def jobs(self) -> dict[str, str]:
        """The states of the jobs that wait or run, by their number."""
        lines = self.ask("squeue", "--noheader", "--format=%i %T").splitlines()
        return dict(line.split() for line in lines)

    def start(self, daemon: str) -> None:
        """Starts slurmctld or slurmd, which go into the background."""
        more = ["-N", self.host] if daemon == "slurmd" else []
        self.ask(daemon, "-f", str(self.folder / "slurm.conf"), *more)

    def end(self, daemon: str, number: signal.Signals = signal.SIGTERM) -> None:
        """Ends munged, slurmctld or slurmd and waits until it is gone."""
        file = self.folder / f"{daemon}.pid"
        with suppress(FileNotFoundError, ValueError, ProcessLookupError):
            process = int(file.read_text(encoding="ascii"))
            os.kill(process, number)
            for _ in range(100):
                if not _alive(process):
                    return
                time.sleep(0.1)
            os.kill(process, signal.SIGKILL)


def obstacle() -> str:
    """Why no Slurm can be started here; empty where one can."""
    missing = [name for name in PROGRAMS if not shutil.which(name, path=_path())]
    if missing:
        return f"no {', '.join(missing)} here: apt-get install slurm-wlm munge"
    if CONF.exists() or (CONF.is_symlink() and PREFIX not in str(CONF.readlink())):
        return f"{CONF} is there: this computer belongs to a cluster, or another test uses Slurm"
    return "" if os.geteuid() == 0 else "Slurm's daemons need root"


@contextmanager
def one_node(cpus: int = 2, gpus: int = 2, memory_mb: int = NODE_MB) -> Iterator[Cluster]:
    """A Slurm of one node with partition `test` and made GPUs, which are files."""
    # Not pytest's folder: the path of a socket may have 107 bytes at most.
    folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir="/tmp"))
    host = socket.gethostname().split(".")[0]
    cluster = Cluster(folder, host)
    for name in ("state", "spool", "munge"):
        (folder / name).mkdir()
    folder.chmod(0o755)
    for number in range(gpus):
        (folder / f"gpu{number}").symlink_to("/dev/null")  # Slurm wants a device
    (folder / "gres.conf").write_text(f"Name=gpu File={folder}/gpu[0-{gpus - 1}]\n")
    control_port, node_port = _free_ports(2)
    values = {"folder": folder, "host": host, "cpus": cpus, "gpus": gpus, "memory": memory_mb}
    text = SETTINGS.format(**values, control_port=control_port, node_port=node_port)
    (folder / "slurm.conf").write_text(text, encoding="ascii")
    (folder / "bin").mkdir()
    (folder / "bin/sacct").write_text(SACCT, encoding="ascii")
    (folder / "bin/sacct").chmod(0o755)
    path_before = os.environ["PATH"]
    os.environ["PATH"] = f"{folder}/bin:{_path()}"
    try:
        _start_munge(folder)
        CONF.parent.mkdir(exist_ok=True)
        CONF.unlink(missing_ok=True)
        CONF.symlink_to(folder / "slurm.conf")
        cluster.start("slurmctld")
        cluster.start("slurmd")
        _wait_for_node(cluster)
        yield cluster
    finally:
        with suppress(subprocess.CalledProcessError):
            cluster.ask("scancel", "--full", "--user=root")
        for daemon in ("slurmd", "slurmctld", "munged"):
            cluster.end(daemon)
        CONF.unlink(missing_ok=True)
        os.environ["PATH"] = path_before
        shutil.rmtree(folder, ignore_errors=True)


def _alive(process: int) -> bool:
    """Whether a process is there and does more than wait for its parent to ask for its end."""
    try:
        text = Path(f"/proc/{process}/stat").read_text(encoding="utf-8")
    except OSError:
        return False
    return text.rpartition(")")[2].split()[0] != "Z"


def _path() -> str:
    return os.environ["PATH"] + ":/usr/sbin:/sbin"


def _start_munge(folder: Path) -> None:
    """munged refuses to run as root, so it gets its own folder."""
    place = folder / "munge"
    (place / "key").write_bytes(os.urandom(1024))
    (place / "key").chmod(0o400)
    place.chmod(0o755)
    for path in (place, place / "key"):
        shutil.chown(path, "munge", "munge")
    options = [f"--{name}={place / name}" for name in ("socket", "pid-file", "log-file")]
    options += [f"--key-file={place / 'key'}", f"--seed-file={place / 'seed'}", "--force"]
    subprocess.run(
        ["runuser", "-u", "munge", "--", "munged", *options], check=True, capture_output=True
    )
    (folder / "munged.pid").symlink_to(place / "pid-file")


def _free_ports(count: int) -> list[int]:
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in held]
    for each in held:
        each.close()
    return ports


def _wait_for_node(cluster: Cluster) -> None:
    for _ in range(100):
        with suppress(subprocess.CalledProcessError):
            if "idle" in cluster.ask("sinfo", "--noheader", "--format=%T"):
                return
        time.sleep(0.2)
    log = (cluster.folder / "slurmctld.log").read_text(encoding="utf-8")
    raise RuntimeError(f"the node does not come up:\n{log[-2000:]}")
