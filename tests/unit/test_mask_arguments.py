"""The public metrics accept masks and nothing else: what is no mask is refused, never scored."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from tumorseg.distances import hausdorff, surface, surface_distances
from tumorseg.masks import as_mask
from tumorseg.metrics import Counts, count, overlap

SHAPES = arrays.array_shapes(min_dims=2, max_dims=3, min_side=2, max_side=7)
BOOLEAN = SHAPES.flatmap(lambda shape: arrays.arrays(bool, shape))
NUMBERS = (np.uint8, np.int16, np.uint16, np.int64, np.float16, np.float32, np.float64)
FUNCTIONS = (surface_distances, hausdorff, count)


def same(first, second) -> bool:
    return bool(np.array_equal(list(first.values()), list(second.values()), equal_nan=True))


@given(BOOLEAN, st.sampled_from(NUMBERS), st.sampled_from([1, 2, 255]))
def test_every_way_to_write_a_mask_gives_the_same_values(mask, dtype, value):
    value = 1 if dtype == np.float16 else value
    written = mask.astype(dtype) * dtype(value)
    assert same(surface_distances(mask, mask[::-1]), surface_distances(written, written[::-1]))
    assert count(mask, mask[::-1]) == count(written, written[::-1])


def with_one(mask: np.ndarray, value: object, dtype: object) -> np.ndarray:
    """The mask with another value in its first pixel."""
    changed = mask.astype(dtype)
    changed[(0,) * mask.ndim] = value
    return changed


def two_labels(mask: np.ndarray) -> np.ndarray:
    labels = with_one(mask, 1, np.uint8)
    labels[(-1,) * mask.ndim] = 2
    return labels


NO_MASKS = {
    "NaN": (lambda mask: with_one(mask, np.nan, float), ValueError, "NaN"),
    "infinity": (lambda mask: with_one(mask, np.inf, float), ValueError, "infinity"),
    "a probability": (lambda mask: with_one(mask, 0.3, np.float32), ValueError, "threshold"),
    "only one probability": (lambda mask: with_one(mask * 0, 0.3, float), ValueError, "0.3"),
    "three labels": (two_labels, ValueError, "choose one label"),
    "negative numbers": (lambda mask: with_one(mask, -1, np.int8), ValueError, "-1"),
    "words": (lambda mask: mask.astype(str), TypeError, "numbers"),
    "objects": (lambda mask: mask.astype(object), TypeError, "object"),
    "complex numbers": (lambda mask: mask.astype(complex), TypeError, "complex"),
    "dates": (lambda mask: mask.astype("datetime64[s]"), TypeError, "datetime"),
    "hidden pixels": (lambda mask: np.ma.masked_array(mask, mask), TypeError, "masked"),
}


@pytest.mark.parametrize("name", NO_MASKS)
@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda function: function.__name__)
@given(mask=BOOLEAN)
def test_what_is_no_mask_is_refused_as_truth_and_as_prediction(name, function, mask):
    spoil, error, text = NO_MASKS[name]
    with pytest.raises(error, match=f"truth.*{text}"):
        function(spoil(mask), mask)
    with pytest.raises(error, match=f"prediction.*{text}"):
        function(mask, spoil(mask))


@pytest.mark.parametrize("name", NO_MASKS)
def test_the_surface_of_what_is_no_mask_is_refused(name):
    spoil, error, _ = NO_MASKS[name]
    with pytest.raises(error):
        surface(spoil(np.eye(4, dtype=bool)))


def test_a_mask_of_one_value_and_an_empty_array_are_masks():
    assert as_mask("truth", np.full((2, 2), 255, np.uint8)).all()
    assert not as_mask("truth", np.zeros((2, 2))).any()
    assert as_mask("truth", np.zeros((0, 3))).shape == (0, 3)
    assert as_mask("truth", [[0, 1]]).tolist() == [[False, True]]


@pytest.mark.parametrize(
    ("counts", "error"),
    [
        ((1, 1, 1), TypeError),
        ("1111", TypeError),
        (None, TypeError),
        (("a", 1, 1, 1), TypeError),
        (np.ones((4, 2)), TypeError),
        ((True, True, False, False), TypeError),
        (Counts(-1, 0, 0, 5), ValueError),
        ((np.nan, 0, 0, 5), ValueError),
        ((np.inf, 0, 0, 5), ValueError),
    ],
)
def test_what_cannot_be_counts_of_pixels_is_refused(counts, error):
    with pytest.raises(error, match="counts"):
        overlap(counts)
