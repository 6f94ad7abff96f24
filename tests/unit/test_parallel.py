"""Promises of work on many cores: in order, with bounded memory, the first error is raised."""

import threading
import time

import pytest

from tumorseg.core.errors import UserError
from tumorseg.core.parallel import CHUNK, by_processes, by_threads

WAYS = pytest.mark.parametrize("way", [by_threads, by_processes])
CORES = pytest.mark.parametrize("cores", [1, 2, 3])


def scaled(value: int, factor: int) -> int:
    if value % 7 == 0:
        time.sleep(0.001)  # some take longer than those after them
    return value * factor


@WAYS
@CORES
def test_results_come_in_the_order_of_the_items(way, cores):
    items = [(value, 3) for value in range(2 * CHUNK * cores + 5)]
    assert list(way(scaled, items, cores)) == [3 * value for value, _ in items]
    assert list(way(scaled, [], cores)) == []


def refuse(value: int) -> int:
    if value >= 4:
        raise UserError(f"item {value}")
    return value


@WAYS
@CORES
def test_the_first_error_in_the_order_of_the_items_is_raised(way, cores):
    with pytest.raises(UserError, match="item 4"):
        list(way(refuse, ((value,) for value in range(9)), cores))


@WAYS
@CORES
def test_items_are_read_only_as_they_are_needed(way, cores):
    read = []

    def items():
        for value in range(10 * CHUNK * cores):
            read.append(value)
            yield value, 1

    results = way(scaled, items(), cores)
    next(results)
    limit = cores + 1 if way is by_threads else CHUNK * cores
    assert len(read) <= limit
    results.close()


def test_threads_work_at_the_same_time():
    barrier = threading.Barrier(2, timeout=20)
    assert list(by_threads(lambda _: barrier.wait() >= 0, [(1,), (2,)], 2)) == [True, True]
