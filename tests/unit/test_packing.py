"""Resizing to network size and back: proportions, exact pixel centres, 0/1 masks."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from packed_files import pack_in

from tumorseg.core.errors import UserError
from tumorseg.core.files import read_table, write_table
from tumorseg.core.images import write_mask, write_png
from tumorseg.imaging.placement import Placement, head_box, normalise, placement

SIZES = st.integers(20, 300)


def letterboxed(height, width, size=64, crop=None) -> Placement:
    return placement(height, width, size, letterbox=True, crop=crop)


def stretched(height, width, size=64) -> Placement:
    return placement(height, width, size, letterbox=False)


@given(height=SIZES, width=SIZES, size=st.sampled_from([32, 64, 128]))
def test_letterboxing_keeps_proportions_and_fills_the_longer_side(height, width, size):
    place = letterboxed(height, width, size)
    assert max(place.inner_height, place.inner_width) == size
    scale = size / max(height, width)
    assert abs(place.inner_height - height * scale) <= 0.5
    assert abs(place.inner_width - width * scale) <= 0.5
    assert abs((size - place.inner_height) - 2 * place.top) <= 1
    assert abs((size - place.inner_width) - 2 * place.left) <= 1


@given(height=SIZES, width=SIZES, size=st.integers(16, 96), times=st.integers(1, 4))
def test_pixels_that_are_not_square_keep_their_proportions_in_millimetres(
    height, width, size, times
):
    tall = placement(height, width, size, letterbox=True, spacing_mm=(0.5 * times, 0.5))
    square = placement(height * times, width, size, letterbox=True)
    assert (tall.inner_height, tall.inner_width) == (square.inner_height, square.inner_width)
    assert (tall.top, tall.left) == (square.top, square.left)
    plain = placement(height, width, size, letterbox=True)
    assert placement(height, width, size, letterbox=True, spacing_mm=(np.nan, np.nan)) == plain
    assert placement(height, width, size, letterbox=True, spacing_mm=(0.3, 0.3)) == plain


def test_a_disc_stays_round_only_when_letterboxed():
    rows, columns = np.mgrid[:200, :400]
    disc = ((rows - 100) ** 2 + (columns - 200) ** 2 < 80**2).astype(np.uint8)
    for place, ratio in ((letterboxed(200, 400), 1.0), (stretched(200, 400), 2.0)):
        resized = place.mask_forward(disc, nearest=False)
        high, wide = resized.any(axis=1).sum(), resized.any(axis=0).sum()
        assert high / wide == pytest.approx(ratio, rel=0.05)


@settings(max_examples=40)
@given(height=SIZES, width=SIZES, letterbox=st.booleans(), level=st.integers(0, 255))
def test_a_constant_image_is_restored_exactly(height, width, letterbox, level):
    place = placement(height, width, 64, letterbox=letterbox)
    square = place.forward(np.full((height, width), level, np.uint8))
    inside = place.forward(np.ones((height, width), np.uint8)) > 0
    np.testing.assert_allclose(square[inside], level, rtol=1e-6)
    np.testing.assert_array_equal(square[~inside], 0)
    back = place.back(square / 255)
    np.testing.assert_allclose(back, level / 255, atol=1e-6)


@settings(max_examples=40)
@given(height=SIZES, width=SIZES, letterbox=st.booleans(), across=st.booleans())
def test_a_linear_ramp_is_restored_without_a_shift(height, width, letterbox, across):
    """A shift by half a pixel anywhere would move the ramp by half a step.

    Bilinear and area resizing reproduce a linear function except at the outer border. 0.02 px is
    the rounding of OpenCV's interpolation weights.
    """
    place = placement(height, width, 64, letterbox=letterbox)
    length, inner = (width, place.inner_width) if across else (height, place.inner_height)
    ramp = np.broadcast_to(
        np.arange(length) / length, (height, width) if across else (width, height)
    )
    ramp = ramp if across else ramp.T
    back = place.back(place.forward(ramp.astype(np.float32)))
    rim = int(np.ceil(2 * max(1, length / inner)))
    middle = slice(rim, -rim)
    part = (slice(None), middle) if across else (middle, slice(None))
    error_px = np.abs(back - ramp)[part].max(initial=0) * length
    # A shrunk ramp is a staircase of averages where sizes do not divide: up to 1/8 of a step each.
    assert error_px <= 0.02 + 0.25 * max(1, length / inner) * (length % inner != 0)


@pytest.mark.parametrize("factor", [2, 3, 4])
def test_pixel_centres_map_exactly(factor):
    """Native centre c maps to (c + .5) inner / crop - .5 + offset, and exactly back."""
    height, width = 32 * factor, 64 * factor
    place = letterboxed(height, width)
    rows, columns = np.mgrid[:height, :width].astype(np.float64)
    square_rows = place.forward(rows)
    square_columns = place.forward(columns)
    centres = (np.arange(64) + 0.5) * factor - 0.5
    np.testing.assert_allclose(square_columns[place.top], centres, atol=1e-4)
    inner = square_rows[place.top : place.top + 32, 0]
    np.testing.assert_allclose(inner, centres[:32], atol=1e-4)
    assert (place.top, place.left) == (16, 0)
    middle = slice(factor, -factor)
    back = place.back(square_columns / width) * width
    np.testing.assert_allclose(back[:, middle], columns[:, middle], atol=1e-3)


def test_a_blob_keeps_its_centre_of_mass():
    rows, columns = np.mgrid[:341, :517]
    blob = np.exp(-((rows - 120.3) ** 2 + (columns - 301.8) ** 2) / (2 * 15**2))
    for place in (
        letterboxed(341, 517),
        stretched(341, 517),
        letterboxed(341, 517, 64, (40, 60, 250, 400)),
    ):
        back = place.back(place.forward(blob))
        assert (back * rows).sum() / back.sum() == pytest.approx(120.3, abs=0.05)
        assert (back * columns).sum() / back.sum() == pytest.approx(301.8, abs=0.05)


def test_outside_the_crop_nothing_is_predicted():
    place = letterboxed(100, 80, 32, crop=(20, 10, 60, 50))
    back = place.back(np.ones((32, 32), np.float32))
    assert back.shape == (100, 80)
    assert (back[20:80, 10:60] == 1).all()
    assert back.sum() == 60 * 50


@settings(max_examples=40)
@given(
    height=SIZES,
    width=SIZES,
    letterbox=st.booleans(),
    nearest=st.booleans(),
    seed=st.integers(0, 99),
)
def test_masks_stay_0_and_1(height, width, letterbox, nearest, seed):
    mask = (np.random.default_rng(seed).random((height, width)) > 0.5).astype(np.uint8)
    place = placement(height, width, 64, letterbox=letterbox)
    packed_slice = place.mask_forward(mask, nearest=nearest)
    assert packed_slice.dtype == np.uint8
    assert packed_slice.shape == (64, 64)
    assert set(np.unique(packed_slice)) <= {0, 1}


def test_half_covered_pixels_are_tumour_and_less_covered_ones_not():
    mask = np.zeros((128, 128), np.uint8)
    mask[:64, :63] = 1  # the 32nd column of the square is covered by half
    mask[64:, :1] = 1
    mask[64::2, 1] = 0
    packed_slice = letterboxed(128, 128).mask_forward(mask, nearest=False)
    assert packed_slice[:32].sum() == 32 * 32
    assert packed_slice[32:, 0].all()
    assert packed_slice[32:, 1:].sum() == 0


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("seed", range(6))
def test_the_head_box_contains_the_whole_head(seed, dtype):
    """The head is an ellipse, much brighter than the noisy air; the box may be a little larger."""
    random = np.random.default_rng(seed)
    height, width = random.integers(150, 400, 2)
    rows, columns = np.mgrid[:height, :width]
    y, x = height * random.uniform(0.4, 0.6), width * random.uniform(0.4, 0.6)
    a, b = height * random.uniform(0.2, 0.39), width * random.uniform(0.2, 0.39)
    head = ((rows - y) / a) ** 2 + ((columns - x) / b) ** 2 <= 1
    full = np.iinfo(dtype).max
    image = np.where(head, 0.5, 0.01) * full + random.normal(0, 0.005 * full, head.shape)
    image = np.clip(image, 0, full).astype(dtype)
    top, left, tall, wide = head_box(image)
    inside = np.zeros_like(head)
    inside[top : top + tall, left : left + wide] = True
    assert not (head & ~inside).any()
    assert tall <= 2 * a + 0.06 * max(height, width)
    assert wide <= 2 * b + 0.06 * max(height, width)


def test_the_head_box_of_an_empty_image_is_the_whole_image():
    assert head_box(np.zeros((40, 50), np.uint8)) == (0, 0, 40, 50)


def test_robust_normalisation_is_a_z_score_of_the_head_at_any_scale():
    random = np.random.default_rng(0)
    square = np.zeros((64, 64), np.float32)
    square[10:50, 10:50] = random.normal(100, 20, (40, 40))
    packed_slice = normalise(square, per_case=True, full_scale=255)
    assert packed_slice[10:50, 10:50].mean() == pytest.approx(0, abs=1e-4)
    assert packed_slice[10:50, 10:50].std() == pytest.approx(1, abs=1e-3)
    assert packed_slice.min() >= -5
    assert packed_slice.max() <= 5
    np.testing.assert_allclose(
        normalise(square * 37, per_case=True, full_scale=65535), packed_slice, atol=1e-4
    )
    np.testing.assert_array_equal(normalise(square * 0, per_case=True, full_scale=255), 0)


def store(folder, images, masks):
    names = [f"{number:02d}" for number in range(len(images))]
    for name, image, mask in zip(names, images, masks, strict=True):
        write_png(folder / "stripped" / f"{name}.png", image)
        write_mask(folder / "masks" / f"{name}.png", mask)
    table = pd.DataFrame({"case": names, "pixel_height_mm": np.nan, "pixel_width_mm": np.nan})
    write_table(table, folder / "cases.tsv")


def packed(folder, preparation, size_px=32):
    pack_in(folder, preparation=preparation, size_px=size_px)
    images = np.load(folder / "images.npy", allow_pickle=False)
    targets = np.load(folder / "targets.npy", allow_pickle=False)
    return images, targets, read_table(folder / "placement.tsv")


@pytest.fixture
def slices(tmp_path):
    random = np.random.default_rng(1)
    images = [
        random.integers(1, 255, (64, 128)).astype(np.uint8),
        random.integers(1, 65535, (90, 50)).astype(np.uint16),
    ]
    masks = [np.zeros(image.shape, np.uint8) for image in images]
    for mask in masks:
        mask[20:40, 10:30] = 1
    store(tmp_path, images, masks)
    return tmp_path, images, masks


def test_paper_preparation_is_a_plain_resize_divided_by_the_full_scale(slices):
    folder, natives, masks = slices
    images, targets, places = packed(folder, "paper")
    assert images.shape == targets.shape == (2, 32, 32, 1)
    assert (images.dtype, targets.dtype) == (np.float32, np.uint8)
    blocks = natives[0].reshape(32, 2, 32, 4).mean(axis=(1, 3)) / 255
    np.testing.assert_allclose(images[0, ..., 0], blocks, atol=1e-5)
    assert 0 <= images.min() <= images.max() <= 1
    # Nearest neighbour: one pixel stands for each 2 x 4 block.
    chosen = {masks[0][r::2, c::4].tobytes() for r in range(2) for c in range(4)}
    assert targets[0, ..., 0].tobytes() in chosen
    assert list(places["inner_height"]) == list(places["inner_width"]) == [32, 32]


def test_robust_preparation_keeps_proportions_and_normalises_each_case(slices):
    folder, natives, _ = slices
    images, targets, places = packed(folder, "robust")
    for number, native in enumerate(natives):
        row = places.iloc[number]
        placed, cropped = row.inner_height / row.inner_width, row.crop_height / row.crop_width
        assert placed == pytest.approx(cropped, rel=0.05)
        assert (row.height, row.width) == native.shape
    assert np.isfinite(images).all()
    assert np.abs(images).max() <= 5
    assert set(np.unique(targets)) == {0, 1}


def test_placements_read_from_the_table_restore_the_mask(slices):
    folder, _, masks = slices
    for preparation in ("paper", "robust"):
        _, targets, places = packed(folder, preparation, size_px=64)
        for mask, target, row in zip(masks, targets, places.to_dict("records"), strict=True):
            row.pop("case")
            back = Placement(**row).back(target[..., 0]) > 0.5
            both = (back & (mask > 0)).sum()
            assert 2 * both / (back.sum() + mask.sum()) > 0.9


def test_packing_names_the_case_whose_image_is_missing(slices):
    folder, _, _ = slices
    (folder / "stripped" / "01.png").unlink()
    with pytest.raises(UserError, match=r"01\.png: no such image file"):
        packed(folder, "paper")
