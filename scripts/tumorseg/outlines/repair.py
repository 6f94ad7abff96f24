"""Turns outlines as people draw them into valid polygons inside the image."""

from collections.abc import Sequence
from functools import reduce
from typing import Any

import numpy as np
import shapely
from shapely.geometry import MultiPolygon, Polygon
from shapely.geometry.base import BaseGeometry

from tumorseg.core.cases import Part
from tumorseg.core.problems import DataError, Problem, error, warning

MAX_POINTS = 100_000  # of one ring
MAX_COORDINATE_PX = 1e6  # no image is that large, and doubles still resolve a millionth of a pixel
MAX_CROSSINGS = 50_000  # of one ring; resolving more takes minutes


class _StrayError(DataError):
    """A click or a line that encloses nothing: it may be left out beside others."""


def repair_all(
    outlines: Sequence[tuple[Sequence[Any], int, int, str]], *, other: bool = False
) -> list[tuple[list[Part], list[Problem]]]:
    """`repair_outline` of each of an annotation's outlines, which are given as its arguments.

    Outlines that enclose nothing are left out with a warning. Raises DataError where none is left,
    unless there is something `other` beside them.
    """
    results: list[tuple[list[Part], list[Problem]]] = []
    strays = []
    for outline in outlines:
        try:
            results.append(repair_outline(*outline))
        except _StrayError as stray:
            strays.append(stray)
            results.append(([], [_left_out(stray)]))
    if strays and not (other or any(parts for parts, _ in results)):
        raise strays[0]
    return results


def repair_outline(
    rings: Sequence[Any], height: int, width: int, name: str
) -> tuple[list[Part], list[Problem]]:
    """One outline as valid polygons inside the image's outer pixel borders, and warnings.

    Where the outline crosses itself, the even-odd rule decides (shapely's make_valid by linework).
    A ring that encloses nothing is left out with a warning. Raises DataError for an impossible
    ring and for an outline without area inside the image.
    """
    shapes, strays = [], []
    for ring in rings:
        try:
            shapes.append(Polygon(_ring(ring, name)))
        except _StrayError as stray:
            strays.append(stray)
    if strays and not shapes:
        raise strays[0]
    crossed = False
    if not shapely.is_valid(shapes).all():
        for shape in shapes:
            _check_tangle(shape, name)
        drawn = shapes
        shapes = [MultiPolygon(_areas(shapely.make_valid(shape))) for shape in drawn]
        crossed = any(map(_crosses_itself, drawn, shapes))
    notes = [_left_out(stray) for stray in strays]
    if crossed:
        notes.append(
            warning(
                "polygon_self_crossing",
                f"{name} crosses itself",
                "a simple outline",
                "areas enclosed an odd number of times count as tumour; look at it",
            )
        )
    union = reduce(shapely.symmetric_difference, shapes)
    if not union.area > 0:
        fault = error("polygon_no_area", f"{name} encloses nothing", "an area", "draw it again")
        raise _StrayError(fault.problem)
    left, top, right, bottom = union.bounds
    if left < -0.5 or top < -0.5 or right > width - 0.5 or bottom > height - 0.5:
        inside = shapely.intersection(union, shapely.box(-0.5, -0.5, width - 0.5, height - 0.5))
        place = f"x {left:g} to {right:g}, y {top:g} to {bottom:g}"
        image = f"an image {width} wide and {height} high"
        if not inside.area > 0:
            hint = "check that it is not the annotation of another image"
            raise error("polygon_outside", f"{name} lies outside, {place}", f"inside {image}", hint)
        notes.append(
            warning(
                "polygon_clipped",
                f"{name} leaves the image, {place}",
                f"inside {image}",
                f"cut at the border, {1 - inside.area / union.area:.2%} of its area lost",
            )
        )
        union = inside
    parts = [
        tuple(map(_without_last_point, (area.exterior, *area.interiors))) for area in _areas(union)
    ]
    return parts, notes


def _ring(points: Any, name: str) -> np.ndarray:
    ring = np.asarray(points, float)
    pairs = ring.ndim == 2 and ring.shape[1] == 2
    if pairs and not np.isfinite(ring).all():
        fault = f"{name} has a coordinate that is not a number"
        raise error("polygon_not_finite", fault, "numbers", "draw it again or remove it")
    if not pairs or len(np.unique(ring, axis=0)) < 3:
        few = error(
            "polygon_few_points",
            f"{name} has {len(ring)} points" if ring.ndim else f"{name} has no points",
            "at least three different points of x and y",
            "draw it again or remove it",
        )
        raise _StrayError(few.problem) if pairs or not ring.size else few
    if len(ring) > MAX_POINTS or np.abs(ring).max() > MAX_COORDINATE_PX:
        raise error(
            "polygon_absurd",
            f"{name} has {len(ring)} points up to {np.abs(ring).max():g}",
            f"at most {MAX_POINTS} points, none farther than {MAX_COORDINATE_PX:g} pixels",
            "draw it again",
        )
    return ring


def _left_out(stray: DataError) -> Problem:
    problem = stray.problem
    hint = "left out; look at it"
    return warning("polygon_stray", problem.value, problem.expected, hint)


def _check_tangle(shape: Polygon, name: str) -> None:
    """Raises DataError for a ring with too many crossings to resolve in reasonable time."""
    points = shapely.get_coordinates(shape)
    edges = shapely.linestrings(np.stack([points[:-1], points[1:]], axis=1))
    step = -(-len(edges) // 500)
    # Every edge meets itself and its two neighbours.
    met = shapely.STRtree(edges).query(edges[::step], predicate="intersects").shape[1]
    crossings = (met - 3 * len(edges[::step])) * step // 2
    if crossings > MAX_CROSSINGS:
        raise error(
            "polygon_tangled",
            f"{name} crosses itself about {crossings} times",
            f"a simple outline, at most {MAX_CROSSINGS} crossings",
            "draw it again",
        )


def _crosses_itself(drawn: Polygon, valid: MultiPolygon) -> bool:
    """Whether a ring crosses itself; touching is not enough (a keyhole: a hole joined by a cut).

    Where it crosses, the signed area along the ring differs from the valid area, because the parts
    have opposite signs.
    """
    x, y = shapely.get_coordinates(drawn).T
    x, y = x - x[0], y - y[0]
    signed_area = abs(x[:-1] @ y[1:] - x[1:] @ y[:-1]) / 2
    return abs(signed_area - valid.area) > 1e-9 * (np.ptp(x) * np.ptp(y))


def _areas(shape: BaseGeometry) -> list[Polygon]:
    parts = shapely.get_parts(shapely.get_parts(shape))
    return [part for part in parts if part.geom_type == "Polygon" and part.area > 0]


def _without_last_point(ring: Any) -> np.ndarray:
    return shapely.get_coordinates(ring)[:-1]
