"""Promises of the augmentation: image and mask move together, masks stay 0/1, seeds repeat."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tumorseg.training.augmentation import augment, masks_of_shares

SIZE = 48


def case(seed: int = 0, channels: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """A bright ellipse on a dark background, and its mask."""
    random = np.random.default_rng(seed)
    rows, columns = np.mgrid[:SIZE, :SIZE]
    y, x = random.uniform(17, 30, 2)
    mask = (((rows - y) / 9) ** 2 + ((columns - x) / 6) ** 2 <= 1).astype(np.uint8)
    image = np.repeat(mask[..., None].astype(np.float32), channels, axis=-1) * 2 - 1
    return image, mask


class Unflipped:
    """A random generator that never mirrors."""

    def __init__(self, seed: int) -> None:
        self._random = np.random.default_rng(seed)
        self.uniform = self._random.uniform

    def random(self) -> float:
        return 0.9


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**6), strength=st.floats(0, 2), channels=st.integers(1, 4))
def test_mask_stays_0_and_1_and_follows_the_image(seed, strength, channels):
    image, mask = case(seed, channels)
    moved, moved_mask = augment(image, mask, strength, np.random.default_rng(seed))
    assert moved.shape == image.shape
    assert moved.dtype == np.float32
    assert moved_mask.shape == mask.shape
    assert moved_mask.dtype == np.uint8
    assert set(np.unique(moved_mask)) <= {0, 1}
    # The bright part of the moved image is the moved mask: halfway between its two levels.
    level = (moved.min() + moved.max()) / 2
    for channel in range(channels):
        clear = np.abs(moved[..., channel] - level) > 0.1  # OpenCV rounds weights to 1/32
        np.testing.assert_array_equal((moved[..., channel] > level)[clear], moved_mask[clear] == 1)


@pytest.mark.parametrize("seed", range(5))
def test_strength_0_without_a_flip_changes_nothing(seed):
    image, mask = case(seed)
    image += np.random.default_rng(seed).normal(0, 1, image.shape).astype(np.float32)
    moved, moved_mask = augment(image, mask, 0.0, Unflipped(seed))
    np.testing.assert_allclose(moved, image, atol=1e-6)
    np.testing.assert_array_equal(moved_mask, mask)


def test_strength_0_mirrors_exactly_half_of_the_time():
    image, mask = case(3)
    flips = 0
    for seed in range(60):
        moved, moved_mask = augment(image, mask, 0.0, np.random.default_rng(seed))
        if np.array_equal(moved_mask, mask):
            np.testing.assert_allclose(moved, image, atol=1e-6)
        else:
            np.testing.assert_array_equal(moved_mask, mask[:, ::-1])
            np.testing.assert_allclose(moved, image[:, ::-1], atol=1e-6)
            flips += 1
    assert 15 <= flips <= 45


def test_the_same_seed_gives_the_same_bytes_and_leaves_the_inputs_unchanged():
    image, mask = case(1)
    before = image.tobytes(), mask.tobytes()
    first, second = (augment(image, mask, 1.0, np.random.default_rng(5)) for _ in range(2))
    assert [part.tobytes() for part in first] == [part.tobytes() for part in second]
    other = augment(image, mask, 1.0, np.random.default_rng(6))
    assert other[0].tobytes() != first[0].tobytes()
    assert (image.tobytes(), mask.tobytes()) == before


def test_uncovered_corners_are_filled_with_background():
    """A corner that the rotated image does not cover takes the image's darkest value, not 0."""
    image = np.full((SIZE, SIZE, 1), -3.0, np.float32)
    mask = np.ones((SIZE, SIZE), np.uint8)
    for seed in range(8):
        moved, moved_mask = augment(image, mask, 1.0, np.random.default_rng(seed))
        assert np.ptp(moved) < 1e-5
        assert moved_mask.mean() > 0.6


def classes_of(kind: str, size: tuple[int, int] = (48, 36)) -> np.ndarray:
    """Three classes that fill a disc in sectors, or that lie within each other."""
    rows, columns = np.mgrid[: size[0], : size[1]] - np.reshape([23.5, 17.5], (2, 1, 1))
    radius, angle = np.hypot(rows, columns), np.arctan2(rows, columns)
    if kind == "disjoint":
        parts = [(radius < 16) & ((angle + np.pi) // 2.1 == n) for n in range(3)]
    else:
        parts = [radius < limit for limit in (16, 11, 5)]
    return np.stack(parts, axis=-1).astype(np.uint8)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), strength=st.floats(0, 2))
def test_classes_that_do_not_overlap_never_do_and_no_gap_opens_between_them(seed, strength):
    masks = classes_of("disjoint")
    image = np.zeros((*masks.shape[:2], 1), np.float32)
    _, moved = augment(image, masks, strength, np.random.default_rng(seed))
    assert moved.shape == masks.shape
    assert moved.sum(axis=-1).max() == 1
    disc = masks.sum(axis=-1, keepdims=True)
    _, whole = augment(image, disc.astype(np.uint8), strength, np.random.default_rng(seed))
    assert not (moved.any(axis=-1) & ~whole[..., 0].astype(bool)).any()
    assert (whole[..., 0] & ~moved.any(axis=-1)).sum() <= 6  # only where the border meets two


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), strength=st.floats(0, 2))
def test_classes_within_each_other_stay_so_and_move_as_each_would_alone(seed, strength):
    masks = classes_of("nested")
    image = np.zeros((*masks.shape[:2], 1), np.float32)
    _, moved = augment(image, masks, strength, np.random.default_rng(seed))
    assert (moved[..., 1:] <= moved[..., :-1]).all()
    for n in range(3):
        _, alone = augment(image, masks[..., n], strength, np.random.default_rng(seed))
        np.testing.assert_array_equal(moved[..., n], alone)


def test_of_equal_shares_a_class_wins_over_the_background_and_the_first_over_the_second():
    masks = np.eye(2, dtype=np.uint8)[None]
    shares = np.array([[[0.5, 0.0], [0.5, 0.5], [0.4, 0.3], [0.2, 0.3]]], np.float32)
    expected = [[[1, 0], [1, 0], [1, 0], [0, 0]]]
    np.testing.assert_array_equal(masks_of_shares(shares, masks), expected)
    both = np.ones((1, 1, 2), np.uint8)  # classes that overlap are each alone
    np.testing.assert_array_equal(masks_of_shares(shares, both)[0, 1], [1, 1])
