"""Promises of the augmentation of patches: all parts move together, and as far as they should."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tumorseg.training import patch_augmentation
from tumorseg.training.patch_augmentation import (
    change_intensities,
    resampled,
    source_positions,
)

SHAPES = {"2-D": (24, 30), "3-D": (12, 20, 16)}
Seeds = st.integers(0, 10**6)


@pytest.fixture(autouse=True)
def always_moved(monkeypatch):
    monkeypatch.setattr(patch_augmentation, "MOVED", 1.0)


def positions_of(shape, seed, *, strength=1.0, spacing=None, pivot=None):
    pivot = pivot or tuple(side // 2 for side in shape)
    spacing = spacing or (1.0,) * len(shape)
    return source_positions(shape, pivot, spacing, strength, np.random.default_rng(seed))


def grid(shape):
    return np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij")).astype(np.float32)


@settings(max_examples=60, deadline=None)
@given(seed=Seeds, strength=st.floats(0, 2), data=st.data())
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_the_pivot_stays_where_it_is_and_nothing_moves_far(shape, seed, strength, data):
    pivot = tuple(data.draw(st.integers(0, side - 1)) for side in shape)
    positions = positions_of(shape, seed, strength=strength, pivot=pivot)
    assert positions.shape == (len(shape), *shape)
    assert positions.dtype == np.float32
    np.testing.assert_allclose(positions[(slice(None), *pivot)], pivot, atol=1e-4)
    moved = np.linalg.norm(positions - grid(shape), axis=0)
    assert moved.max() <= strength * (np.linalg.norm(shape) + 12) + 1e-3


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_at_strength_0_nothing_moves(shape):
    for seed in range(8):
        positions = positions_of(shape, seed, strength=0.0)
        np.testing.assert_allclose(positions, grid(shape), atol=1e-5)


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (2.0, 0.8, 0.9)])
def test_without_deformation_it_is_a_rotation_and_a_scale_in_mm(monkeypatch, spacing):
    monkeypatch.setattr(patch_augmentation, "DEFORMED", 0.0)
    scales = []
    for seed in range(20):
        positions = positions_of((12, 20, 16), seed, spacing=spacing).astype(float)
        steps = np.stack([np.diff(positions, axis=a)[:, 0, 0, 0] for a in (1, 2, 3)], axis=1)
        in_mm = steps * np.reshape(spacing, (3, 1)) / np.reshape(spacing, (1, 3))
        squared = in_mm.T @ in_mm
        np.testing.assert_allclose(squared, squared[0, 0] * np.eye(3), atol=1e-4)
        assert np.linalg.det(in_mm) > 0
        scales.append(1 / np.sqrt(squared[0, 0]))
        assert np.degrees(np.arccos((np.trace(in_mm) * scales[-1] - 1) / 2)) < 30  # 15 on each axis
    assert 0.85 <= min(scales) < 0.95 < 1.05 < max(scales) <= 1.15


def test_nothing_is_turned_or_deformed_out_of_thick_slices_or_of_one_slice():
    for seed in range(20):
        thick = positions_of((8, 20, 20), seed, spacing=(5.0, 1.0, 1.0))
        depth = thick[0]
        assert np.ptp(depth, axis=(1, 2)).max() < 1e-5
        assert np.abs(thick - grid((8, 20, 20)))[1:].max() > 0.2  # within the slices they move
        one = positions_of((1, 20, 20), seed, pivot=(0, 10, 10))
        np.testing.assert_array_equal(one[0], 0)


@pytest.mark.parametrize("strength", [1.0, 2.0])
@pytest.mark.parametrize("shape", [(40, 48), (24, 40, 36)])
def test_a_deformation_is_smooth_and_never_folds(monkeypatch, shape, strength):
    monkeypatch.setattr(patch_augmentation, "DEFORMED", 1.0)
    largest = 0.0
    for seed in range(10):
        bent = positions_of(shape, seed, strength=strength).astype(float)
        steps = [np.gradient(bent, axis=axis) for axis in range(1, len(shape) + 1)]
        jacobian = np.moveaxis(np.stack(steps, axis=1), (0, 1), (-2, -1))
        assert np.linalg.det(jacobian).min() > 0
        curved = [np.abs(np.diff(bent, 2, axis=axis)).max() for axis in range(1, len(shape) + 1)]
        largest = max(largest, *curved)
    assert 1e-3 < largest < 0.15 * strength  # it bends, and from voxel to voxel by little


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_what_does_not_move_is_returned_as_it_was_and_a_shift_is_exact(shape):
    random = np.random.default_rng(1)
    image = random.normal(size=(*shape, 3)).astype(np.float32)
    masks = (random.random((*shape, 2)) > 0.7).astype(np.uint8)
    same, same_masks = resampled(image, masks, grid(shape), [0.0] * 3)
    np.testing.assert_array_equal(same, image)
    np.testing.assert_array_equal(same_masks, masks)
    shift = np.reshape([3, -2, 1][: len(shape)], (-1, *[1] * len(shape)))
    moved, moved_masks = resampled(image, masks, grid(shape) + shift, [-7.0, -8.0, -9.0])
    for array, result, outside in ((image, moved, [-7, -8, -9]), (masks, moved_masks, [0, 0])):
        expected = np.empty_like(array)
        for position in np.ndindex(shape):
            source = np.add(position, shift.ravel())
            inside = (source >= 0).all() and (source < shape).all()
            expected[position] = array[tuple(source)] if inside else outside
        np.testing.assert_array_equal(result, expected)


@settings(max_examples=40, deadline=None)
@given(seed=Seeds, strength=st.floats(0, 2))
def test_masks_stay_0_and_1_follow_the_image_and_keep_within_each_other(seed, strength):
    shape = (14, 22, 18)
    distance = np.linalg.norm(grid(shape) - np.reshape([7, 10, 9], (3, 1, 1, 1)), axis=0)
    masks = np.stack([distance < 6, distance < 4, distance < 0], axis=-1).astype(np.uint8)
    image = masks[..., :2].astype(np.float32) * 2 - 1
    positions = positions_of(shape, seed, strength=strength)
    moved, moved_masks = resampled(image, masks, positions, [-1.0, -1.0])
    assert moved.dtype == np.float32 and moved_masks.dtype == np.uint8
    assert set(np.unique(moved_masks)) <= {0, 1}
    clear = np.abs(moved) > 1e-4
    np.testing.assert_array_equal((moved > 0)[clear], moved_masks[..., :2].astype(bool)[clear])
    assert (moved_masks[..., 1] <= moved_masks[..., 0]).all()
    assert not moved_masks[..., 2].any()


def test_intensities_change_for_each_channel_by_itself_and_at_strength_0_not_at_all():
    image = np.random.default_rng(0).normal(size=(6, 8, 7, 3)).astype(np.float32)
    unchanged = image.copy()
    for seed in range(10):
        change_intensities(unchanged, 0.0, np.random.default_rng(seed))
    np.testing.assert_allclose(unchanged, image, atol=1e-5)
    changed, slopes = image.copy(), set()
    change_intensities(changed, 1.0, np.random.default_rng(3))
    for channel in range(3):
        before, after = image[..., channel].ravel(), changed[..., channel].ravel()
        slope, offset = np.polyfit(before, after, 1)
        slopes.add(round(slope, 4))
        assert 0.6 < slope < 1.5 and abs(offset) < 1.6
        assert np.corrcoef(before, after)[0, 1] > 0.95
    assert len(slopes) == 3


def test_a_constant_channel_stays_finite():
    image = np.full((4, 4, 4, 2), 3.0, np.float32)
    for seed in range(20):
        changed = image.copy()
        change_intensities(changed, 2.0, np.random.default_rng(seed))
        assert np.isfinite(changed).all()
