"""Filling polygons: a pixel is inside where its centre is, and belongs to one polygon only."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.path import Path as Outline

from tumorseg.core.images import read_mask
from tumorseg.imaging.scans import Scan
from tumorseg.outlines import any_form
from tumorseg.outlines.polygons import fill, fill_parts

HEIGHT, WIDTH = 24, 30
REAL = Path(__file__).parents[3] / "shared" / "data" / "t1ce_slices"


def distance_to_border(points: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """Distance of each centre (n, 2) to the nearest edge of the closed polygon."""
    nearest = np.full(len(centres), np.inf)
    for start, end in zip(points, np.roll(points, -1, axis=0), strict=True):
        along = end - start
        length = float(along @ along)
        share = np.clip((centres - start) @ along / length, 0, 1) if length else 0.0
        foot = start + np.outer(share, along) if length else start
        nearest = np.minimum(nearest, np.linalg.norm(centres - foot, axis=1))
    return nearest


def centres() -> np.ndarray:
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    return np.column_stack([columns.ravel(), rows.ravel()]).astype(float)


def regular(count: int, radius: float, x: float, y: float) -> np.ndarray:
    angles = np.arange(count) * 2 * np.pi / count
    return np.column_stack([x + radius * np.cos(angles), y + radius * np.sin(angles)])


@pytest.mark.parametrize(
    ("points", "area"),
    [
        # Along pixel borders: exactly the pixels between them.
        ([(1.5, 2.5), (5.5, 2.5), (5.5, 8.5), (1.5, 8.5)], 4 * 6),
        # Through pixel centres: left and upper border in, right and lower out.
        ([(2, 3), (6, 3), (6, 9), (2, 9)], 4 * 6),
        # The whole image and a single pixel.
        ([(-0.5, -0.5), (29.5, -0.5), (29.5, 23.5), (-0.5, 23.5)], HEIGHT * WIDTH),
        ([(6.6, 6.6), (7.4, 6.6), (7.4, 7.4), (6.6, 7.4)], 1),
        # Between centres: nothing.
        ([(6.1, 6.1), (6.9, 6.1), (6.9, 6.9), (6.1, 6.9)], 0),
        # Right triangle under the diagonal x + y < n of centres: n (n + 1) / 2.
        ([(-0.5, -0.5), (9.25, -0.5), (-0.5, 9.25)], 9 * 10 // 2),
        # Diamond |x| + |y| < 4.5 around (10, 10): 2 n (n + 1) + 1 with n = 4.
        ([(5.5, 10), (10, 5.5), (14.5, 10), (10, 14.5)], 41),
    ],
)
def test_simple_shapes_have_the_expected_pixel_count(points, area):
    assert fill(np.array(points, float), HEIGHT, WIDTH).sum() == area


def test_a_rectangle_lies_at_its_coordinates():
    mask = fill(np.array([(1.5, 2.5), (5.5, 2.5), (5.5, 8.5), (1.5, 8.5)]), HEIGHT, WIDTH)
    expected = np.zeros((HEIGHT, WIDTH), np.uint8)
    expected[3:9, 2:6] = 1
    np.testing.assert_array_equal(mask, expected)
    assert mask.dtype == np.uint8


def test_a_concave_polygon_leaves_its_notch_empty():
    u = [(0.5, 0.5), (3.5, 0.5), (3.5, 6.5), (6.5, 6.5), (6.5, 0.5), (9.5, 0.5), (9.5, 9.5)]
    mask = fill(np.array([*u, (0.5, 9.5)]), HEIGHT, WIDTH)
    assert mask.sum() == 81 - 3 * 6
    assert not mask[1:7, 4:7].any()


def test_the_pixel_count_of_a_large_disc_is_its_area():
    points = regular(90, 200.3, 256.2, 255.7)
    area = 90 / 2 * 200.3**2 * np.sin(2 * np.pi / 90)
    assert fill(points, 512, 512).sum() == pytest.approx(area, rel=1e-3)


@given(zigzag=st.lists(st.floats(0, WIDTH - 1), min_size=2, max_size=9), halves=st.booleans())
def test_polygons_along_a_common_border_share_and_lose_no_pixel(zigzag, halves):
    """A rectangle cut in two along a zigzag; `halves` puts its vertices on whole or half pixels."""
    xs = np.round(np.array(zigzag) * 2) / 2 if halves else np.array(zigzag)
    rows = np.linspace(-0.5, HEIGHT - 0.5, len(xs))
    cut = [*zip(xs, np.round(rows * 2) / 2 if halves else rows, strict=True)]
    left = fill(np.array([(-0.5, rows[-1]), (-0.5, rows[0]), *cut]), HEIGHT, WIDTH)
    right = fill(np.array([*cut, (WIDTH - 0.5, rows[-1]), (WIDTH - 0.5, rows[0])]), HEIGHT, WIDTH)
    np.testing.assert_array_equal(left + right, np.ones((HEIGHT, WIDTH)))


COORDINATES = st.tuples(st.floats(-0.5, WIDTH - 0.5), st.floats(-0.5, HEIGHT - 0.5))


@settings(max_examples=150)
@given(
    radii=st.lists(st.floats(1, 11), min_size=3, max_size=16),
    x=st.floats(11, 18),
    y=st.floats(11, 12),
)
def test_agrees_with_matplotlib_away_from_the_border(radii, x, y):
    """Random star-shaped outlines; centres within 1e-6 px of an edge may differ."""
    angles = np.arange(len(radii)) * 2 * np.pi / len(radii)
    points = np.column_stack([x + radii * np.cos(angles), y + radii * np.sin(angles)])
    inside = Outline(points).contains_points(centres())
    clear = distance_to_border(points, centres()) > 1e-6
    mask = fill(points, HEIGHT, WIDTH).ravel().astype(bool)
    np.testing.assert_array_equal(mask[clear], inside[clear])


@given(points=st.lists(COORDINATES, min_size=3, max_size=12), turn=st.integers(0, 11))
def test_open_closed_reversed_and_rotated_lists_give_the_same_mask(points, turn):
    outline = np.array(points)
    mask = fill(outline, HEIGHT, WIDTH)
    np.testing.assert_array_equal(fill(np.vstack([outline, outline[:1]]), HEIGHT, WIDTH), mask)
    np.testing.assert_array_equal(fill(outline[::-1], HEIGHT, WIDTH), mask)
    np.testing.assert_array_equal(fill(np.roll(outline, turn, axis=0), HEIGHT, WIDTH), mask)


@pytest.mark.skipif(not REAL.is_dir(), reason=f"REAL SLICES NOT CHECKED: no {REAL.name} in shared/")
def test_the_borders_of_the_real_slices_give_their_masks():
    """Mean intersection over union with the given masks of at least .995."""
    samples = pd.read_csv(REAL / "samples.tsv", sep="\t", dtype={"sample_id": str})
    assert len(samples) == 314
    overlaps = []
    for sample in samples.itertuples():
        given_mask = read_mask(REAL / sample.mask).astype(bool)
        scan = Scan(REAL / sample.image, given_mask.astype(np.uint8))
        annotation = any_form.read(REAL / "borders.json", "auto", scan, sample.sample_id)
        mask = fill_parts(annotation.parts, *given_mask.shape).astype(bool)
        overlaps.append((mask & given_mask).sum() / (mask | given_mask).sum())
    assert np.mean(overlaps) >= 0.995
    assert np.min(overlaps) >= 0.95
