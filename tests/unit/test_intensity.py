"""Intensities of volumes: measured units, which voxels count, the papers' recipes, N4."""

from dataclasses import replace

import numpy as np
import pytest

from tumorseg.core.cases import Channel
from tumorseg.core.errors import UserError
from tumorseg.imaging.intensity import check_steps, prepared
from tumorseg.imaging.placement import network_input, normalise
from tumorseg.imaging.volume_input import VolumePreparation, volume_input

SHAPE = (6, 30, 20)


@pytest.fixture
def head() -> tuple[np.ndarray, np.ndarray]:
    """A volume with 0 around a head, and where the head is."""
    inside = np.zeros(SHAPE, bool)
    inside[1:5, 4:26, 3:17] = True
    values = np.random.default_rng(0).normal(400, 50, SHAPE)
    return np.where(inside, values, 0).astype(np.float32), inside


@pytest.mark.parametrize("scale", [0.05, -0.05])
def test_a_window_is_in_measured_units_whatever_the_stored_pixels_are(scale):
    units = np.linspace(-1000, 2000, 101).reshape(1, 1, 101)
    offset = -1000 if scale > 0 else 2000
    pixels = np.rint((units - offset) / scale).astype(np.uint16)
    everywhere = np.ones(pixels.shape, bool)
    clipped = prepared(pixels, everywhere, [{"clip": [-79, 304]}], offset=offset, scale=scale)
    measured = offset + scale * clipped
    np.testing.assert_allclose(measured, np.clip(units, -79, 304), atol=abs(scale))


def test_the_recipe_of_2021_maps_the_window_to_0_and_1():
    units = np.arange(-1024, 1024).reshape(2, 32, 32)
    steps = [{"clip": [-79, 304]}, "zscore", {"minmax": [0, 1]}]
    everywhere = np.ones(units.shape, bool)
    scaled = prepared(units + 1024, everywhere, steps, offset=-1024)
    np.testing.assert_allclose(scaled, (np.clip(units, -79, 304) + 79) / 383, atol=1e-6)
    without = prepared(units + 1024, everywhere, [steps[0], steps[2]], offset=-1024)
    np.testing.assert_allclose(scaled, without, atol=1e-6)  # the earlier z-score changes nothing


def test_statistics_are_those_of_the_voxels_that_count_and_all_voxels_change(head):
    values, inside = head
    before = values.copy()
    scored = prepared(values, inside, ["zscore"])
    of_head = values[inside].astype(float)
    np.testing.assert_allclose(scored, (values - of_head.mean()) / of_head.std(), atol=1e-5)
    np.testing.assert_array_equal(values, before)
    assert scored.dtype == np.float32
    scaled = prepared(values, inside, [{"minmax": [-1, 1]}])
    assert (scaled[inside].min(), scaled[inside].max()) == (-1, 1)
    assert (scaled[~inside] == -1).all()
    limits = np.percentile(of_head, (5, 95))
    cut = prepared(values, inside, [{"percentiles": [5, 95]}])
    np.testing.assert_allclose(cut, np.clip(values, *limits), rtol=1e-6)


def test_steps_are_done_in_the_order_in_which_they_are_listed(head):
    values, inside = head
    first = prepared(values, inside, [{"minmax": [0, 1]}, "zscore"])
    assert first[inside].mean() == pytest.approx(0, abs=1e-4)
    last = prepared(values, inside, ["zscore", {"minmax": [0, 1]}])
    assert (last.min(), last.max()) == (0, 1)


def test_a_constant_or_uncounted_channel_stays_finite(head):
    _, inside = head
    steps = [{"percentiles": [1, 99]}, {"minmax": [0, 1]}, "zscore", {"limit": [-5, 5]}]
    for values in (np.zeros(SHAPE), np.full(SHAPE, 7)):
        for counted in (inside, inside & False):
            np.testing.assert_array_equal(prepared(values, counted, steps), 0)


def test_the_recipe_of_slices_can_be_asked_for_in_words():
    square = np.random.default_rng(3).integers(0, 3000, (1, 40, 40)).astype(np.float32)
    counted = square > 0.02 * np.percentile(square, 99.5)
    ours = prepared(square, counted, ["zscore", {"limit": [-5, 5]}])
    np.testing.assert_allclose(ours, normalise(square, per_case=True, full_scale=1), atol=1e-5)


def shaded(shape) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Two tissues under a smooth field; the field; where the head is."""
    grid = (np.indices(shape) + 0.5) / np.array(shape).reshape(-1, *[1] * len(shape)) - 0.5
    inside = (grid**2).sum(axis=0) < 0.24
    field = np.exp(0.8 * grid[-1] + 0.4 * grid[-2])
    random = np.random.default_rng(5)
    tissue = np.where(random.random(shape) < 0.5, 600, 900) + random.normal(0, 10, shape)
    return np.where(inside, tissue * field, 0).astype(np.float32), field, inside


@pytest.mark.parametrize("shape", [(8, 40, 36), (1, 40, 36), (40, 36)])
def test_n4_takes_a_smooth_field_out_keeps_the_level_and_repeats(shape):
    values, field, inside = shaded(shape)
    corrected = prepared(values, inside, ["n4"])
    assert (corrected.shape, corrected.dtype) == (shape, np.float32)
    removed = np.log(values[inside] / corrected[inside])
    left = removed - np.log(field[inside])
    assert left.std() < 0.25 * np.log(field[inside]).std()
    assert removed.mean() == pytest.approx(0, abs=1e-5)
    assert (corrected[~inside] == 0).all()
    np.testing.assert_array_equal(prepared(values, inside, ["n4"]), corrected)


def test_n4_may_come_last_as_in_2024_where_values_are_negative():
    values, _, inside = shaded((8, 40, 36))
    corrected = prepared(values, inside, [{"minmax": [0, 1]}, "zscore", "n4"])
    plain = prepared(values, inside, [{"minmax": [0, 1]}, "zscore"])
    assert np.isfinite(corrected).all()
    half = np.arange(36) < 18

    def difference(volume):
        return volume[inside & half].mean() - volume[inside & ~half].mean()

    assert abs(difference(corrected)) < 0.3 * abs(difference(plain))


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        (["z-score"], "unknown intensity step 'z-score'; expected one of clip, percentiles"),
        ([{"clip": [-79]}], r"expected {clip: \[low, high\]} with low < high"),
        ([{"clip": [304, -79]}], "with low < high"),
        ([{"clip": "-79, 304"}], "with low < high"),
        (["minmax"], r"expected {minmax: \[low, high\]}"),
        ([{"zscore": [0, 1]}], "expected the word zscore"),
        ([{"clip": [0, 1], "minmax": [0, 1]}], "unknown intensity step"),
        ([{"percentiles": [1, 101]}], "between 0 and 100"),
        (["zscore", {"clip": [-79, 304]}], "comes after zscore, but its numbers are measured"),
        ([3], "unknown intensity step 3"),
    ],
)
def test_steps_that_cannot_be_done_are_one_line(steps, message):
    with pytest.raises(UserError, match=message):
        check_steps(steps)
    with pytest.raises(UserError, match=message):
        prepared(np.zeros(SHAPE), np.zeros(SHAPE, bool), steps)


ZSCORE = VolumePreparation(steps=(("zscore",),))


def test_a_volume_is_cropped_to_what_is_not_zero_and_padded_to_a_patch(head):
    values, inside = head
    image = np.rint(values).astype(np.uint16)
    packed, place = volume_input(image, [Channel(image)], ZSCORE, (3, 1, 1))
    assert packed.shape == (4, 22, 14, 1) == (*place.size, 1)
    assert packed.mean() == pytest.approx(0, abs=1e-4)
    larger = replace(ZSCORE, patch=(16, 16, 16))
    padded, wide = volume_input(image, [Channel(image)], larger, (3, 1, 1))
    assert padded.shape == (16, 22, 16, 1)
    middle = padded[6:10, :, 1:15]
    np.testing.assert_array_equal(middle, packed)  # padding does not count
    outside = np.ones(padded.shape, bool)
    outside[6:10, :, 1:15] = False
    background, _ = volume_input(image, [Channel(image)], replace(ZSCORE, crop="none"), (3, 1, 1))
    np.testing.assert_array_equal(np.unique(padded[outside]), background[0, 0, 0])
    np.testing.assert_array_equal(wide.back(padded[..., 0]) > 0, place.back(packed[..., 0]) > 0)
    everything = replace(larger, counted="all")
    same, _ = volume_input(image, [Channel(image)], everything, (3, 1, 1))
    np.testing.assert_allclose(same[6:10, :, 1:15], packed, atol=1e-5)  # all of the crop counts
    assert inside.sum() == packed.size


def test_voxels_next_to_the_head_do_not_count_after_cubic_resampling(head):
    """A cubic spline rings around an edge: its small numbers must not become head voxels."""
    values, _ = head
    image = np.rint(values).astype(np.uint16)
    finer = replace(ZSCORE, crop="none", spacing_mm=(1, 0.5, 0.5), order="cubic")
    packed, _ = volume_input(image, [Channel(image)], finer, (3, 1, 1))
    inside = np.zeros(packed.shape[:3], bool)
    inside[3:15, 8:52, 6:34] = True
    assert packed[inside].mean() == pytest.approx(0, abs=0.01)  # its corners do not count either


def test_permuted_channels_permute_the_input_and_each_has_its_steps_and_units(head):
    values, _ = head
    image = np.rint(values).astype(np.uint16)
    channels = [Channel(image), Channel(image // 2, offset=-100, scale=2)]
    steps = (("zscore",), ({"clip": [0, 300]}, {"minmax": [0, 1]}))
    preparation = VolumePreparation(steps=steps, spacing_mm=(2, 1.5, 1.5))
    packed, place = volume_input(image, channels, preparation, (3, 1, 1))
    turned = replace(preparation, steps=steps[::-1])
    swapped, other = volume_input(image, channels[::-1], turned, (3, 1, 1))
    np.testing.assert_array_equal(swapped, packed[..., ::-1])
    assert place == other
    assert (packed[..., 1].min(), packed[..., 1].max()) == (0, 1)
    with pytest.raises(ValueError, match="steps of 2 channels for 1"):
        volume_input(image, channels[:1], preparation, (3, 1, 1))


def test_a_volume_is_cropped_to_an_organ_as_in_2024(head):
    values, _ = head
    image = np.rint(values).astype(np.uint16)
    organ = np.zeros(SHAPE, np.uint8)
    organ[2:4, 10:16, 8:12] = 1
    gland = replace(ZSCORE, crop="organ", margin_mm=3, shape=(4, 16, 12))
    packed, place = volume_input(image, [Channel(image)], gland, (3, 1, 1), organ)
    assert packed.shape == (4, 16, 12, 1)
    crop = (place.crop_front, place.crop_top, place.crop_left)
    assert crop == (1, 7, 5)
    assert (place.crop_depth, place.crop_height, place.crop_width) == (4, 12, 10)
    for wrong, found in ((None, "none is given"), (organ[1:], r"its shape is \(5, 30, 20\)")):
        with pytest.raises(UserError, match=f"needs the organ's mask .* but {found}"):
            volume_input(image, [Channel(image)], gland, (3, 1, 1), wrong)


def test_a_volume_of_one_slice_is_prepared_as_the_slice_is():
    rows, columns = np.mgrid[:60, :60]
    disc = (rows - 28) ** 2 + (columns - 31) ** 2 < 22**2
    random = np.random.default_rng(4)
    image = np.where(disc, random.normal(150, 20, disc.shape), 3).clip(0, 255).astype(np.uint8)
    square, flat = network_input(image, [image], 32, "robust", (1.0, 1.0))
    preparation = VolumePreparation(
        steps=(("zscore", {"limit": [-5, 5]}),),
        crop="head",
        counted="head",
        shape=(1, flat.inner_height, flat.inner_width),
        patch=(1, 32, 32),
    )
    packed, place = volume_input(image[None], [Channel(image[None])], preparation, (1, 1, 1))
    np.testing.assert_allclose(packed[0], square, atol=1e-4)
    assert (place.top, place.left) == (flat.top, flat.left)
