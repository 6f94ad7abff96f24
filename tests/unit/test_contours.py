"""Contours: simple polygons that fill to exactly the mask they came from."""

import json

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from tumorseg.outlines.contours import labelme_content, polygons_of
from tumorseg.outlines.polygons import fill


def filled(mask):
    again = np.zeros(mask.shape, np.uint8)
    for points in polygons_of(mask):
        again |= fill(points, *mask.shape)
    return again


@st.composite
def masks(draw):
    """Random masks from speckle (holes, touching corners, single pixels) to smooth blobs."""
    height, width = draw(st.integers(1, 40)), draw(st.integers(1, 40))
    noise = np.random.default_rng(draw(st.integers(0, 10**6))).random((height, width))
    smooth = ndimage.gaussian_filter(noise, draw(st.sampled_from([0.0, 0.7, 1.5, 3.0])))
    return (smooth > np.quantile(smooth, draw(st.floats(0.0, 1.0)))).astype(np.uint8)


@pytest.mark.slow
@settings(max_examples=200)
@given(mask=masks())
def test_the_polygons_of_a_mask_restore_it_exactly(mask):
    np.testing.assert_array_equal(filled(mask), mask)


@settings(max_examples=100)
@given(mask=masks())
def test_polygons_are_simple_disjoint_and_inside_the_image(mask):
    height, width = mask.shape
    shapes = [shapely.Polygon(points) for points in polygons_of(mask)]
    assert all(shape.is_valid and shape.area > 0 for shape in shapes)
    frame = shapely.box(-0.5, -0.5, width - 0.5, height - 0.5)
    assert all(frame.covers(shape) for shape in shapes)
    union = shapely.union_all(shapes).area
    assert union == pytest.approx(sum(shape.area for shape in shapes))
    # Each polygon cuts off four more pixel corners than it fills.
    assert union == pytest.approx(mask.sum() - len(shapes) / 2)


@pytest.mark.parametrize(
    ("rows", "parts"),
    [
        (["1"], 1),
        (["111", "101", "111"], 2),  # a hole: cut in two
        (["110", "110", "001"], 2),  # parts that share a corner
        (["11100", "10100", "11011", "00101", "00111"], 5),  # two rings that meet at a corner
        (["111", "101", "110"], 3),  # background connected to the outside at a corner
        (["000", "000"], 0),
    ],
)
def test_holes_and_touching_corners_become_several_polygons(rows, parts):
    mask = np.array([[int(digit) for digit in row] for row in rows], np.uint8)
    assert len(polygons_of(mask)) == parts
    np.testing.assert_array_equal(filled(mask), mask)


def test_a_full_mask_is_one_polygon_along_the_picture_border():
    (points,) = polygons_of(np.ones((20, 30), np.uint8))
    assert len(points) == 8


def test_a_labelme_file_states_the_picture_and_its_size():
    mask = np.zeros((20, 30), np.uint8)
    mask[5:9, 4:20] = 1
    content = json.loads(json.dumps(labelme_content({"tumour": mask}, "../a.png")))
    assert (content["imagePath"], content["imageData"]) == ("../a.png", None)
    assert (content["imageHeight"], content["imageWidth"]) == mask.shape
    (shape,) = content["shapes"]
    assert (shape["label"], shape["shape_type"]) == ("tumour", "polygon")
    np.testing.assert_array_equal(fill(np.array(shape["points"]), *mask.shape), mask)
