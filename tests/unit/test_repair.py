"""Repairing outlines: valid polygons inside the image that give the mask that was drawn."""

import numpy as np
import pytest
import shapely
from hypothesis import example, given, settings
from hypothesis import strategies as st
from shapely.geometry import Polygon

from tumorseg.core.errors import UserError
from tumorseg.outlines.polygons import fill, fill_parts
from tumorseg.outlines.repair import repair_outline
from tumorseg.outlines.strays import StrayError, without_strays

HEIGHT, WIDTH = 24, 30
SQUARE = [(4.5, 2.5), (10.5, 2.5), (10.5, 8.5), (4.5, 8.5)]


def repaired(rings, height=HEIGHT, width=WIDTH):
    parts, notes = repair_outline(rings, height, width, "outline 1")
    return parts, [note.code for note in notes]


def parts_of(ring):
    return repaired([ring])[0]


def area(parts) -> float:
    return sum(Polygon(ring, holes).area for ring, *holes in parts)


def mask_of(rings):
    return fill_parts(repaired(rings)[0], HEIGHT, WIDTH)


def equal_off_the_outline(rings, mask, other):
    """Whether two masks differ only where a pixel centre lies on the outline."""
    lines = shapely.union_all([shapely.LinearRing(ring) for ring in rings])
    return all(
        lines.distance(shapely.Point(column, row)) < 1e-6
        for row, column in np.argwhere(mask != other)
    )


def test_a_valid_outline_is_unchanged():
    (part,), notes = repaired([SQUARE])
    np.testing.assert_array_equal(part[0], SQUARE)
    assert len(part) == 1 and notes == []


@pytest.mark.parametrize("points", [[*SQUARE, SQUARE[0]], [SQUARE[0], *SQUARE, SQUARE[3]]])
def test_repeated_points_change_nothing_and_give_no_warning(points):
    parts, notes = repaired([points])
    assert area(parts) == 36 and notes == []


def test_a_bow_tie_becomes_two_triangles_with_a_warning():
    parts, notes = repaired([[(2, 2), (10, 10), (10, 2), (2, 10)]])
    assert len(parts) == 2 and area(parts) == pytest.approx(32)
    assert notes == ["polygon_self_crossing"]


def test_a_keyhole_is_a_hole_without_a_warning():
    outer = [(0.5, 0.5), (20.5, 0.5), (20.5, 20.5), (0.5, 20.5), (0.5, 0.5)]
    hole = [(5.5, 5.5), (5.5, 10.5), (10.5, 10.5), (10.5, 5.5), (5.5, 5.5)]
    parts, notes = repaired([outer + hole])
    assert area(parts) == pytest.approx(400 - 25) and notes == []
    assert fill_parts(parts, HEIGHT, WIDTH).sum() == 400 - 25
    assert len(parts[0]) == 2


def test_nested_rings_alternate_between_tumour_and_hole():
    rings = [[(k, k), (20 - k, k), (20 - k, 20 - k), (k, 20 - k)] for k in (0.5, 4.5, 7.5)]
    parts, notes = repaired(rings)
    assert area(parts) == pytest.approx(19**2 - 11**2 + 5**2) and notes == []
    np.testing.assert_array_equal(
        fill_parts(parts, HEIGHT, WIDTH),
        fill(np.array(rings[0]), HEIGHT, WIDTH)
        - fill(np.array(rings[1]), HEIGHT, WIDTH)
        + fill(np.array(rings[2]), HEIGHT, WIDTH),
    )


def test_an_outline_that_leaves_the_image_is_cut_at_the_outer_pixel_borders():
    parts, notes = repaired([[(-10, 2.5), (4.5, 2.5), (4.5, 8.5), (-10, 8.5)]])
    assert area(parts) == pytest.approx(5 * 6) and notes == ["polygon_clipped"]
    assert fill_parts(parts, HEIGHT, WIDTH).sum() == 30
    whole_image = [
        (-0.5, -0.5),
        (WIDTH - 0.5, -0.5),
        (WIDTH - 0.5, HEIGHT - 0.5),
        (-0.5, HEIGHT - 0.5),
    ]
    assert repaired([whole_image])[1] == []


@pytest.mark.parametrize(
    ("points", "code"),
    [
        ([], "polygon_few_points"),
        ([(0, 0), (3, 3)], "polygon_few_points"),
        ([(0, 0), (3, 3), (0, 0), (3, 3)], "polygon_few_points"),
        ([(0, 0, 0), (1, 1, 1), (2, 2, 2)], "polygon_few_points"),
        ([(0, 0), (1, 1), (2, 2)], "polygon_no_area"),
        ([(0, 0), (float("nan"), 0), (3, 3)], "polygon_not_finite"),
        ([(0, 0), (float("inf"), 0), (3, 3)], "polygon_not_finite"),
        ([(0, 0), (1e300, 0), (3, 3)], "polygon_absurd"),
        (np.random.default_rng(1).random((100_001, 2)), "polygon_absurd"),
        ([(31, 1), (35, 1), (35, 5)], "polygon_outside"),
        ([(29.5, 1), (35, 1), (29.5, 5)], "polygon_outside"),
        (np.random.default_rng(1).random((3000, 2)) * 20, "polygon_tangled"),
    ],
)
def test_impossible_outlines_give_a_one_line_error(points, code):
    with pytest.raises(UserError, match=rf"outline 1.*\[{code}\]") as caught:
        repaired([points])
    assert "\n" not in str(caught.value)


def test_a_long_outline_with_a_few_loops_is_accepted():
    angles = np.linspace(0, 2 * np.pi, 20_000, endpoint=False)
    radius = 8 + np.sin(7 * angles)
    points = np.column_stack([15 + radius * np.cos(angles), 12 + radius * np.sin(angles)])
    points[[100, 160]] = points[[160, 100]]
    parts, notes = repaired([points])
    assert notes == ["polygon_self_crossing"]
    assert area(parts) == pytest.approx(np.pi * (64 + 0.5), rel=0.01)


COORDINATES = st.tuples(st.floats(-5, WIDTH + 5), st.floats(-5, HEIGHT + 5))
WHOLE = st.tuples(st.integers(0, WIDTH - 1), st.integers(0, HEIGHT - 1))
OUTLINES = st.lists(COORDINATES, min_size=3, max_size=9)


def test_an_outline_drawn_twice_counts_once_with_a_warning():
    parts, notes = repaired([[*SQUARE, *SQUARE]])
    assert area(parts) == 36 and notes == ["polygon_self_crossing"]


@settings(max_examples=100)
@given(points=OUTLINES, seed=st.integers(0, 99))
def test_repair_changes_no_pixel_of_the_even_odd_mask(points, seed):
    """Except where a centre lies on the outline, within a millionth of a pixel.

    The points are moved randomly so that no edge lies on another, as in an outline drawn twice.
    """
    points = np.array(points) + np.random.default_rng(seed).uniform(0, 1e-3, (len(points), 2))
    try:
        mask = mask_of([points])
    except UserError as error:
        assert any(code in str(error) for code in ("few_points", "no_area", "outside"))
        return
    assert equal_off_the_outline([points], mask, fill(np.array(points, float), HEIGHT, WIDTH))


@settings(max_examples=100)
@example([[(0, 0), (0, 24), (1, 1)], [(1, 1), (4.75e-227, 0), (1, 0)]])
@given(rings=st.lists(OUTLINES, min_size=1, max_size=3))
def test_repaired_polygons_are_valid_and_inside_the_image(rings):
    try:
        parts, _ = repaired(rings)
    except UserError:
        return
    for ring, *holes in parts:
        shape = Polygon(ring, holes)
        assert shape.is_valid and shape.area > 0
        left, top, right, bottom = shape.bounds
        assert left >= -0.5 and top >= -0.5
        assert right <= WIDTH - 0.5 and bottom <= HEIGHT - 0.5


@settings(max_examples=100)
@given(points=st.lists(WHOLE, min_size=3, max_size=9), right=st.integers(0, 9))
def test_a_shift_by_whole_pixels_shifts_the_mask(points, right):
    wide = WIDTH + 10
    try:
        here, there = (
            fill_parts(repaired([np.add(points, (by, 0))], width=wide)[0], HEIGHT, wide)
            for by in (0, right)
        )
    except UserError:
        return
    moved = np.roll(here, right, axis=1)
    assert equal_off_the_outline([np.add(points, (right, 0))], moved, there)


@settings(max_examples=100)
@given(points=OUTLINES)
def test_pixel_count_agrees_with_shapelys_area_within_the_border(points):
    """A pixel can be wrong only where the border passes within half its diagonal."""
    try:
        parts, _ = repaired([points])
    except UserError:
        return
    shapes = [Polygon(ring, holes) for ring, *holes in parts]
    expected = shapely.union_all(shapes)
    border = expected.boundary.length * 2**0.5 + np.pi / 2 * len(parts)
    pixels = int(fill_parts(parts, HEIGHT, WIDTH).sum())
    assert abs(pixels - expected.area) <= border


@given(
    corners=st.lists(
        st.tuples(st.integers(0, 28), st.integers(0, 22)), min_size=2, max_size=2, unique=True
    ).filter(lambda c: c[0][0] != c[1][0] and c[0][1] != c[1][1])
)
def test_pixel_count_is_the_area_for_outlines_along_pixel_borders(corners):
    (left, top), (right, bottom) = np.array(corners) - 0.5
    points = [(left, top), (right, top), (right, bottom), (left, bottom)]
    parts, _ = repaired([points])
    assert fill_parts(parts, HEIGHT, WIDTH).sum() == area(parts) == Polygon(points).area


@given(first=OUTLINES, second=OUTLINES)
def test_a_hole_is_a_difference_and_parts_are_united(first, second):
    try:
        one, two = repaired([first])[0], repaired([second])[0]
        both = mask_of([first, second])
    except UserError:
        return
    if shapely.equals(*(Polygon(*parts[0][:1]) for parts in (one, two))):
        return  # a ring that is there twice counts once
    masks = [fill_parts(parts, HEIGHT, WIDTH) for parts in (one, two)]
    np.testing.assert_array_equal(fill_parts([*one, *two], HEIGHT, WIDTH), masks[0] | masks[1])
    assert equal_off_the_outline([first, second], both, masks[0] ^ masks[1])


def test_outlines_that_enclose_nothing_are_left_out_unless_they_are_all():
    line, click = [(0, 0), (1, 1), (2, 2)], [(3, 3)]
    (parts,), (note,) = without_strays(parts_of, [line, SQUARE, click, []])
    assert area(parts) == 36
    assert note.code == "polygon_stray"
    what = "outline of 0 points, outline of 1 points, outline without area"
    assert f"3 of 4 shapes enclose nothing: {what}" in note.line()
    with pytest.raises(StrayError, match="polygon_no_area"):
        without_strays(parts_of, [line, click, []])
    none, (note,) = without_strays(parts_of, [line, click, []], others=1)
    assert none == [] and "3 of 4 shapes" in note.line()
    assert without_strays(parts_of, []) == ([], [])


def test_a_ring_that_is_there_twice_counts_once_with_a_warning():
    """The even-odd rule would remove it: as an RTSTRUCT has it that was exported twice."""
    other = [(15, 2), (20, 2), (20, 8)]
    again = [*reversed(SQUARE[1:]), SQUARE[0], SQUARE[-1]]
    parts, notes = repaired([SQUARE, other, again])
    assert area(parts) == 36 + 15 and notes == ["polygon_self_crossing"]
    assert area(repaired([SQUARE, SQUARE])[0]) == 36


def test_rings_that_overlap_in_part_give_a_warning():
    parts, notes = repaired([SQUARE, np.add(SQUARE, 2)])
    assert area(parts) == 2 * (36 - 16) and notes == ["polygon_self_crossing"]
    assert repaired([SQUARE, np.add(SQUARE, (6, 0))])[1] == []  # beside each other


def test_a_stray_ring_of_an_outline_is_left_out():
    parts, notes = repaired([SQUARE, [(1, 1), (2, 2)]])
    assert area(parts) == 36 and notes == ["polygon_stray"]


@pytest.mark.parametrize(
    "ring", [[(1, 1), (2, 2), (3, 3)], [(1, 1), (5, 1), (5, 5), (5, 1)], [(1, 1), (2, 2)], []]
)
def test_a_ring_on_a_line_is_left_out_with_the_same_warning_as_a_click(ring):
    """Three points on one line were left out without a word."""
    _, notes = repair_outline([SQUARE, ring], 20, 20, "outline 1")
    (note,) = notes
    assert note.code == "polygon_stray"
    assert "1 of 2 rings of outline 1 enclose nothing: outline " in note.line()


@pytest.mark.parametrize("wrong", [[(31, 1), (35, 1), (35, 5)], [(0, 0), (float("nan"), 0)]])
def test_other_faults_beside_a_good_outline_stay_errors(wrong):
    with pytest.raises(UserError, match=r"polygon_outside|polygon_not_finite"):
        without_strays(parts_of, [SQUARE, wrong])
