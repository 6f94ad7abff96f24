"""Leaves out what encloses nothing (a click, a line) beside the outlines of a tumour."""

from collections.abc import Callable, Iterable
from typing import TypeVar

import numpy as np

from tumorseg.core.problems import DataError, Problem, error, warning

Drawn = TypeVar("Drawn")
Result = TypeVar("Result")


class StrayError(DataError):
    """Something drawn encloses nothing: left out beside what does, else an error.

    what: a word for it, such as "point" or "line".
    """

    def __init__(self, what: str, fault: DataError) -> None:
        super().__init__(fault.problem)
        self.what = what


def without_strays(
    read: Callable[[Drawn], Result], drawn: Iterable[Drawn], *, others: int = 0, of: str = "shapes"
) -> tuple[list[Result], list[Problem]]:
    """`read` of all that was drawn, without that for which it raises StrayError.

    Args:
        read: turns something drawn into a result.
        drawn: what was drawn.
        others: how many things were drawn besides, and enclose something.
        of: what was drawn, in the plural, for the warning.

    Returns:
        The results, and at most one warning, which counts what was left out.

    Raises:
        StrayError: the first one, where nothing else was drawn.
    """
    results: list[Result] = []
    strays: list[StrayError] = []
    for one in drawn:
        try:
            results.append(read(one))
        except StrayError as stray:
            strays.append(stray)
    if strays and not results and not others:
        raise strays[0]
    if not strays:
        return results, []
    words = ", ".join(sorted({stray.what for stray in strays}))
    note = warning(
        "polygon_stray",
        f"{len(strays)} of {len(strays) + len(results) + others} {of} enclose nothing: {words}",
        "outlines only",
        "left out; look at it, and delete it if it was drawn by mistake",
    )
    return results, [note]


def check_points(points: np.ndarray, name: str) -> None:
    """Raises StrayError for fewer than three different points (n, 2 or 3)."""
    if len(np.unique(points, axis=0)) < 3:
        few = error(
            "polygon_few_points",
            f"{name} has {len(points)} points",
            "at least three different points of x and y",
            "draw it again or remove it",
        )
        raise StrayError(f"outline of {len(points)} points", few)


def no_area(name: str) -> StrayError:
    """The error for an outline that encloses nothing."""
    fault = error("polygon_no_area", f"{name} encloses nothing", "an area", "draw it again")
    return StrayError("outline without area", fault)
