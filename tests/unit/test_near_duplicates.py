"""Duplicate detection finds copies in every orientation, and no other pictures."""

import bad_data
import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tumorseg.checking import near_duplicates
from tumorseg.data import cohort

HEADS = [bad_data.head(number, 192) for number in range(40)]
FINGERPRINTS = np.stack([near_duplicates.fingerprint(head) for head in HEADS])


def bits(first, second):
    """The number of bits by which two pictures differ in near_pairs."""
    fingerprints = np.stack(
        [near_duplicates.fingerprint(np.ascontiguousarray(p)) for p in (first, second)]
    )
    return int(near_duplicates.near_pairs(fingerprints, np.arange(2), limit=255)["bits"].iloc[0])


@given(st.integers(0, 39), st.integers(0, 3), st.booleans())
def test_a_rotated_or_mirrored_copy_differs_in_no_bit(number, quarters, mirrored):
    copy = np.rot90(HEADS[number], quarters)
    assert bits(HEADS[number], copy[:, ::-1] if mirrored else copy) == 0


@given(st.integers(0, 39), st.integers(0, 3), st.booleans(), st.floats(0.4, 3))
def test_the_order_of_picture_and_copy_does_not_matter(number, quarters, mirrored, factor):
    side = round(192 * factor)
    copy = cv2.resize(HEADS[number], (side, side), interpolation=cv2.INTER_AREA)
    copy = np.rot90(copy[:, ::-1] if mirrored else copy, quarters)
    there, back = bits(HEADS[number], copy), bits(copy, HEADS[number])
    assert there == back <= near_duplicates.NEAR_BITS


@given(st.integers(0, 39), st.floats(0.5, 1.1), st.floats(0, 20), st.integers(15, 95))
def test_a_brightened_and_compressed_copy_is_near(number, gain, offset, quality):
    copy = np.clip(HEADS[number] * gain + offset, 0, 255).astype(np.uint8)
    coded = cv2.imencode(".jpg", copy, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    assert bits(HEADS[number], cv2.imdecode(coded, 0)) <= near_duplicates.NEAR_BITS


def test_different_heads_are_far_apart():
    pairs = near_duplicates.near_pairs(FINGERPRINTS, np.arange(40), limit=255)
    assert len(pairs) == 40 * 39 // 2
    assert pairs["bits"].min() > 2 * near_duplicates.NEAR_BITS


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 3)), min_size=1, max_size=90))
def test_pairs_computed_in_blocks_are_those_of_two_plain_loops(chosen):
    fingerprints = FINGERPRINTS[[number for number, _ in chosen]]
    groups = np.array([group for _, group in chosen])
    pairs = near_duplicates.near_pairs(fingerprints, groups)
    expected = [
        (i, j)
        for i in range(len(chosen))
        for j in range(i + 1, len(chosen))
        if chosen[i][0] == chosen[j][0] and groups[i] != groups[j]
    ]
    assert sorted(zip(pairs["first"], pairs["second"], strict=True)) == expected


@pytest.mark.parametrize("other", [np.uint16, "shape", "pixel"])
def test_a_digest_depends_on_pixels_type_and_shape(other):
    image = np.arange(60, dtype=np.uint8).reshape(6, 10)
    changed = image.copy()
    changed[0, 0] = 1
    copies = {np.uint16: image.astype(np.uint16), "shape": image.reshape(10, 6), "pixel": changed}
    assert cohort.pixel_digest(image) == cohort.pixel_digest(np.asfortranarray(image))
    assert cohort.pixel_digest(image) != cohort.pixel_digest(copies[other])
