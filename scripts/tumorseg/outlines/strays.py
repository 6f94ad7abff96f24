"""Points and lines that someone left beside the outlines of a tumour."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np

from tumorseg.core.problems import Problem, warning

Shape = TypeVar("Shape")


def without_strays(
    shapes: Sequence[Shape], without_area: Callable[[Shape], str]
) -> tuple[list[Shape], list[Problem]]:
    """The shapes that have an area, and a warning that counts the others.

    Where no shape has an area, all are returned: then the one that is wrong is an error.

    Args:
        shapes: what was drawn.
        without_area: gives a word for a shape that cannot enclose anything, else an empty text.

    Returns:
        The shapes to read, and at most one warning.
    """
    words = [without_area(shape) for shape in shapes]
    kept = [shape for shape, word in zip(shapes, words, strict=True) if not word]
    if not kept or len(kept) == len(words):
        return list(shapes), []
    names = ", ".join(sorted({word for word in words if word}))
    note = warning(
        "polygon_stray",
        f"{len(words) - len(kept)} of {len(words)} shapes enclose nothing: {names}",
        "outlines only",
        "they were left out; delete them if they were drawn by mistake",
    )
    return kept, [note]


def encloses_nothing(points: Any) -> bool:
    """Whether points (n, 2 or 3) are fewer than three different ones, or lie on one line."""
    places = np.unique(np.asarray(points, float), axis=0)
    if not np.isfinite(places).all():
        return False
    return bool(len(places) < 3 or np.linalg.matrix_rank(places - places[0]) < 2)
