"""Runs a stage's main() inside a Snakemake job: log file, one-line user errors, exit status."""

import inspect
import io
import os
import sys
import time
import traceback
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TextIO

from tumorseg.errors import UserError


class _Tee(io.TextIOBase):
    """Writes to the terminal and to the job's log."""

    def __init__(self, *streams: TextIO) -> None:
        self.streams = streams

    def write(self, text: str) -> int:
        for stream in self.streams:
            stream.write(text)
            stream.flush()
        return len(text)

    def flush(self) -> None:
        for stream in self.streams:
            stream.flush()


def named(items: Any) -> dict[str, Any]:
    """The named members of a Snakemake list (input, output or params) as plain Python objects."""
    plain = {}
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

    A UserError ends the job with its one line; anything else is a fault of ours and keeps its
    traceback. Both end up in the rule's log as well.
    """
    arguments = named(snakemake.input) | named(snakemake.output) | named(snakemake.params)
    asked = inspect.signature(main).parameters
    for trigger in {"code", "sources"} - set(asked):  # they only make Snakemake run a job again
        arguments.pop(trigger, None)
