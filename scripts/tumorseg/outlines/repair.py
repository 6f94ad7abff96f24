"""Turns outlines as people draw them into valid polygons inside the image."""

from collections.abc import Sequence
from functools import reduce
from typing import Any

import numpy as np
import shapely
from shapely.geometry import MultiPolygon, Polygon
from shapely.geometry.base import BaseGeometry

from tumorseg.core.cases import Part
from tumorseg.core.problems import Problem, error, warning
from tumorseg.outlines.strays import check_points, no_area, without_strays

MAX_POINTS = 100_000  # of one ring
MAX_COORDINATE_PX = 1e6  # no image is that large, and doubles still resolve a millionth of a pixel
NOTHING_PX = 1e-9  # GEOS cannot compute with 1e-227 beside 1
MAX_CROSSINGS = 50_000  # of one ring; resolving more takes minutes


def repair_outline(
    rings: Sequence[Any], height: int, width: int, name: str
) -> tuple[list[Part], list[Problem]]:
    """One outline as valid polygons inside the image's outer pixel borders, and warnings.

    Where the outline crosses itself, or its rings overlap in part, the even-odd rule decides
    (shapely's make_valid by linework). A ring that is there twice counts once. A ring that encloses
    nothing is left out with a warning. Raises StrayError for an outline that encloses nothing, and
    DataError for an impossible ring and for an outline outside the image.
    """
    drawn, notes = without_strays(lambda ring: _valid(ring, name), rings, of=f"rings of {name}")
    shapes = [valid for _, valid in drawn]
    crossed = any(_crosses_itself(ring, valid) for ring, valid in drawn if valid is not ring)
    once, overlapping = _compared(shapes)
    if len(once) < len(shapes):
        number = len(shapes) - len(once)
        hint = "each counts once; look at it"
        value = f"{number} rings of {name} are there twice"
        notes.append(warning("polygon_self_crossing", value, "each ring once", hint))
    if crossed or overlapping:
        notes.append(
            warning(
                "polygon_self_crossing",
                f"{name} crosses itself",
                "a simple outline",
                "areas enclosed an odd number of times count as tumour; look at it",
            )
        )
    union = reduce(shapely.symmetric_difference, once)
    if not union.area > 0:
        raise no_area(name)
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


def _valid(points: Any, name: str) -> tuple[Polygon, BaseGeometry]:
    """A ring as it was drawn, and what it encloses; StrayError where that is nothing."""
    drawn = Polygon(_ring(points, name))
    if drawn.is_valid:
        return drawn, drawn
    _check_tangle(drawn, name)
    valid = MultiPolygon(_areas(shapely.make_valid(drawn)))
    if not valid.area > 0:
        raise no_area(name)
    return drawn, valid


def _ring(points: Any, name: str) -> np.ndarray:
    ring = np.asarray(points, float)
    ring = ring if ring.size else np.empty((0, 2))
    if ring.ndim != 2 or ring.shape[1] != 2:
        fault = f"{name} is not a list of points of x and y"
        raise error("polygon_few_points", fault, "at least three of them", "draw it again")
    if not np.isfinite(ring).all():
        fault = f"{name} has a coordinate that is not a number"
        raise error("polygon_not_finite", fault, "numbers", "draw it again or remove it")
    check_points(ring, name)
    if len(ring) > MAX_POINTS or np.abs(ring).max() > MAX_COORDINATE_PX:
        raise error(
            "polygon_absurd",
            f"{name} has {len(ring)} points up to {np.abs(ring).max():g}",
            f"at most {MAX_POINTS} points, none farther than {MAX_COORDINATE_PX:g} pixels",
            "draw it again",
        )
    return np.where(np.abs(ring) < NOTHING_PX, 0.0, ring)


def _compared(shapes: list[BaseGeometry]) -> tuple[list[BaseGeometry], bool]:
    """The valid shapes without repeated ones, and whether any two of them overlap in part."""
    if len(shapes) < 2:
        return shapes, False
    tree = shapely.STRtree(shapes)
    covers = set(zip(*tree.query(shapes, predicate="covers").tolist(), strict=True))
    again = {later for first, later in covers if first < later and (later, first) in covers}
    once = [shape for number, shape in enumerate(shapes) if number not in again]
    return once, tree.query(shapes, predicate="overlaps").size > 0


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


def _crosses_itself(drawn: Polygon, valid: BaseGeometry) -> bool:
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
