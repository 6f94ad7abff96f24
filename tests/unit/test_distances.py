"""Promises of tumorseg.distances."""

import math

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.ndimage import binary_erosion
from scipy.spatial.distance import directed_hausdorff

from tumorseg.distances import boundary, diagonal, hausdorff

MASKS = arrays(bool, (7, 9))


def pixels(*where, shape=(20, 30)):
    array = np.zeros(shape, bool)
    for row, column in where:
        array[row, column] = True
    return array


@pytest.mark.parametrize(
    ("second", "spacing", "expected"),
    [
        ((5, 7), (1.0, 1.0), 2.0),
        ((7, 5), (1.0, 1.0), 2.0),
        ((5, 7), (3.0, 0.5), 1.0),
        ((7, 5), (3.0, 0.5), 6.0),
        ((8, 9), (1.0, 1.0), 5.0),
        ((8, 9), (2.0, 2.0), 10.0),
    ],
)
def test_two_single_pixels_are_as_far_apart_as_their_centres(second, spacing, expected):
    assert hausdorff(pixels((5, 5)), pixels(second), spacing) == pytest.approx(expected)


def test_the_boundary_counts_the_image_border_as_background():
    full = np.ones((4, 5), bool)
    rim = full.copy()
    rim[1:-1, 1:-1] = False
    assert np.array_equal(boundary(full), rim)


def test_a_hole_has_a_boundary_but_a_diagonal_gap_has_none():
    ring = pixels()
    ring[2:9, 2:9] = True
    ring[5, 5] = False
    edge = boundary(ring)
    assert edge[5, 4]
    assert edge[4, 5]
    assert not edge[4, 4]


@given(MASKS)
def test_the_boundary_is_what_erosion_by_a_cross_removes(mask):
    assert np.array_equal(boundary(mask), mask & ~binary_erosion(mask, border_value=0))


def test_empty_masks_give_nan_or_the_diagonal():
    empty, one = pixels(shape=(30, 40)), pixels((3, 3), shape=(30, 40))
    assert math.isnan(hausdorff(empty, empty))
    assert hausdorff(empty, one) == hausdorff(one, empty) == 50.0
    assert hausdorff(empty, one, (2.0, 2.0)) == diagonal((30, 40), (2.0, 2.0)) == 100.0


@given(MASKS, MASKS, st.tuples(st.floats(0.2, 4), st.floats(0.2, 4)))
def test_the_distance_is_scipys_on_the_boundary_pixels(first, second, spacing):
    assume(first.any() and second.any())
    a, b = (np.argwhere(boundary(mask)) * spacing for mask in (first, second))
    expected = max(directed_hausdorff(a, b)[0], directed_hausdorff(b, a)[0])
    assert hausdorff(first, second, spacing) == pytest.approx(expected)


@pytest.mark.parametrize("spacing", [(1.0, 1.0), (3.0, 0.5)])
def test_the_distance_is_simpleitks_on_the_boundary_pixels(spacing):
    generator = np.random.default_rng(7)
    first, second = pixels(), pixels()
    first[3:12, 4:15] = True
    second[6:17, 9:25] = generator.random((11, 16)) > 0.2
    images = [sitk.GetImageFromArray(boundary(mask).astype(np.uint8)) for mask in (first, second)]
    for image in images:
        image.SetSpacing(spacing[::-1])
    measure = sitk.HausdorffDistanceImageFilter()
    measure.Execute(*images)
    expected = measure.GetHausdorffDistance()
    assert hausdorff(first, second, spacing) == pytest.approx(expected, rel=1e-5)


@given(MASKS, MASKS)
def test_the_distance_is_symmetric_and_zero_exactly_for_equal_boundaries(first, second):
    assume(first.any() and second.any())
    distance = hausdorff(first, second)
    assert distance == hausdorff(second, first)
    assert (distance == 0) == np.array_equal(boundary(first), boundary(second))


@given(MASKS, MASKS, st.integers(0, 5), st.integers(0, 5))
def test_moving_both_masks_together_changes_nothing(first, second, down, right):
    assume(first.any() and second.any())
    room = ((1, 6), (1, 6))
    moved = [np.roll(np.pad(mask, room), (down, right), (0, 1)) for mask in (first, second)]
    assert hausdorff(*moved) == hausdorff(first, second)


def test_masks_of_different_shape_are_refused():
    with pytest.raises(ValueError, match="differ in shape"):
        hausdorff(np.zeros((2, 3)), np.zeros((3, 2)))
