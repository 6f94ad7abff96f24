"""Runs a function on many items with the cores that a job was given: in order, memory bounded.

The result does not depend on their number.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import Any

import joblib

from tumorseg.core.errors import UserError

CHUNK = 50  # items of a process between two waits for the slowest; their results are in memory


def by_threads(
    function: Callable[..., Any], items: Iterable[tuple[Any, ...]], cores: int
) -> Iterator[Any]:
    """function(*item) of each item, where OpenCV or the disk takes the time, or items are large.

    `cores` items are in work, and no more results are held. The first error is raised here.
    """
    waiting: deque[Future[Any]] = deque()
    with ThreadPoolExecutor(cores) as pool:
        for item in items:
            waiting.append(pool.submit(function, *item))
            if len(waiting) > cores:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def by_processes(
    function: Callable[..., Any], items: Iterable[tuple[Any, ...]], cores: int
) -> Iterator[Any]:
    """function(*item) of each item, where Python computes, which only one thread does at a time.

    Items and results travel between processes and should be small. CHUNK items per core are read
    and worked on at once. The first UserError, in the order of the items, is raised here.
    """
    items = iter(items)
    with joblib.Parallel(n_jobs=cores) as parallel:
        while chunk := list(islice(items, CHUNK * cores)):
            for result in parallel(joblib.delayed(_or_error)(function, item) for item in chunk):
                if isinstance(result, UserError):
                    raise result
                yield result


def _or_error(function: Callable[..., Any], item: tuple[Any, ...]) -> Any:
    """The function's result, or its UserError: joblib would raise whichever comes first in time."""
    try:
        return function(*item)
    except UserError as error:
        return error
