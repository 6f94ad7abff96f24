"""Runs a stage's main() inside a Snakemake job: log file, one-line user errors, exit status."""

import inspect
import io
import os
import sys
import time
import traceback
from collections.abc import Callable, Iterable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, TextIO

from tumorseg.core.disk import disk_error, fault
from tumorseg.core.errors import MachineError, UserError

ERROR = "ERROR in rule "  # begins the one line of a user's mistake, on the terminal and in the log
STARTED = "TUMORSEG_STARTED"  # in the environment of all jobs: when their run began


class _Log(io.TextIOBase):
    """The job's log; a full or read-only disk must not hide what the terminal shows."""

    def __init__(self, path: Path) -> None:
        self.file: TextIO | None = None
        with suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            self.file = path.open("w", encoding="utf-8")

    def write(self, text: str) -> int:
        with suppress(OSError, ValueError):  # ValueError: it was closed by an earlier error
            if self.file:
                self.file.write(text)
                self.file.flush()
        return len(text)

    def close(self) -> None:
        with suppress(OSError):
            if self.file:
                self.file.close()


class _Tee(io.TextIOBase):
    """Writes to the terminal and to the job's log."""

    def __init__(self, *streams: TextIO | _Log) -> None:
        self.streams = streams

    def write(self, text: str) -> int:
        for stream in self.streams:
            stream.write(text)
            stream.flush()
        return len(text)

    def flush(self) -> None:
        for stream in self.streams:
            stream.flush()


def refused(copy: Path) -> str:
    """The log with which a user's mistake ended this job earlier in the same run, or nothing.

    A profile's `retries` are for what machines do: the same data would be refused again.

    copy: of the log, because Snakemake deletes a job's log before it tries again.
    """
    try:
        if copy.stat().st_mtime >= float(os.environ.get(STARTED, "inf")):
            return copy.read_text(encoding="utf-8", errors="replace")
        copy.unlink()
    except OSError:
        pass
    return ""


def named(items: Any) -> dict[str, Any]:
    """The named members of a Snakemake list (input, output or params) as plain Python objects."""
    plain: dict[str, Any] = {}
    for name in items.keys():  # noqa: SIM118 - Snakemake's Namedlist iterates over values
        value = items[name]
        if isinstance(value, str):
            plain[name] = str(value)
        elif isinstance(value, Iterable) and not isinstance(value, dict):
            plain[name] = [str(v) if isinstance(v, str) else v for v in value]
        else:
            plain[name] = value
    return plain


def run(main: Callable[..., None], snakemake: Any) -> None:
    """Calls main with the job's named input, output and params.

    Where main asks for them: `code`, what the job was given, `cores` and `gpus`, and the whole
    `config`, which re-runs nothing and so may only judge, never change what is written.

    A UserError, or a disk that cannot be written, ends the job with its one line; anything else is
    a fault of ours and keeps its traceback. Both end up in the rule's log as well. What ended with
    a mistake of the user is not worked at again in the same run (`refused`).
    """
    arguments = named(snakemake.input) | named(snakemake.output) | named(snakemake.params)
    asked = inspect.signature(main).parameters
    # These only decide whether and when Snakemake runs a job.
    for trigger in {"code", "sources", "registration"} - set(asked):
        arguments.pop(trigger, None)
    given = {"cores": snakemake.threads, "gpus": snakemake.resources.get("gpu", 0)}
    given["config"] = snakemake.config
    arguments |= {name: value for name, value in given.items() if name in asked}
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # TensorFlow's notes on its own build
    from tumorseg.privacy import machines  # pandas, without which Snakemake itself starts sooner

    machines.note(Path("local/machines"))
    log_file = Path(str(snakemake.log[0]))
    copy = log_file.with_suffix(".refused")
    with closing(_Log(log_file)) as log:
        if earlier := refused(copy):
            log.write(earlier)
            print(earlier.splitlines()[-1], file=sys.stderr, flush=True)
            os._exit(1)
        terminal = sys.stdout, sys.stderr
        sys.stdout, sys.stderr = _Tee(terminal[0], log), _Tee(terminal[1], log)
        started = time.perf_counter()
        print(f"{snakemake.rule} {' '.join(map(str, snakemake.wildcards))}".strip(), flush=True)
        try:
            main(**arguments)
            print(f"# finished in {time.perf_counter() - started:.1f} s", file=log)
        except Exception as error:
            number, file = fault(error) or (0, "")
            if number and not isinstance(error, UserError):
                error = disk_error(number, file or Path.cwd())
            if isinstance(error, UserError):
                print(f"{ERROR}{snakemake.rule}: {error}", file=sys.stderr)
                if not isinstance(error, MachineError) and snakemake.rule != "download":
                    with suppress(OSError):
                        copy.write_bytes(log_file.read_bytes())
            else:
                traceback.print_exc()
            sys.stderr.flush()
            os._exit(1)  # no traceback, and no Snakemake wrapper text, around a user's mistake
        finally:
            sys.stdout, sys.stderr = terminal


def print_errors(folders: list[str], since: float) -> None:
    """Prints the error lines of the logs in these folders that were written after `since`.

    since: seconds since the epoch, when the run started.
    """
    logs = [path for folder in folders for path in sorted(Path(folder).rglob("*.log"))]
    for path in logs:
        if path.stat().st_mtime >= since:
            lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
            for line in lines:
                if line.startswith(ERROR):
                    print(f"{line}\n(log: {path})", file=sys.stderr, flush=True)
