"""Prediction by a sliding window: the same as direct prediction, weighted, in bounded memory."""

import tracemalloc
from itertools import product

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import layers
from scipy import ndimage

from tumorseg.training.inference import of_classes, predict, predict_by_windows
from tumorseg.training.windows import Windows

GRIDS = st.integers(2, 3).flatmap(
    lambda axes: st.tuples(
        st.tuples(*[st.integers(1, 19)] * axes), st.tuples(*[st.integers(1, 9)] * axes)
    )
)
OVERLAPS = st.sampled_from([0, 0.25, 0.5, 0.75])


class Network:
    """Stands for a Keras model: computes with NumPy and keeps the shapes of its batches."""

    def __init__(self, function):
        self.function, self.shapes = function, set()

    def predict_on_batch(self, images):
        self.shapes.add(images.shape)
        return self.function(images)


def noise(*shape):
    return np.random.default_rng(0).random(shape, np.float32)


def blurred(images):
    """A network with a receptive field of 5 voxels along each axis, zeros around the patch."""
    spatial = [5] * (images.ndim - 2)
    return ndimage.uniform_filter(images, [1, *spatial, 1], mode="constant")


@given(grid=GRIDS, overlap=OVERLAPS, outputs=st.integers(1, 4), batch=st.integers(1, 5))
def test_a_constant_network_gives_a_constant(grid, overlap, outputs, batch):
    shape, patch = grid
    network = Network(lambda images: np.full((*images.shape[:-1], outputs), 0.3, np.float32))
    found = predict_by_windows(network, noise(*shape, 2), patch, batch, overlap=overlap)
    assert (found.shape, found.dtype) == ((*shape, outputs), np.float32)
    np.testing.assert_allclose(found, 0.3, atol=1e-6)
    assert network.shapes == {(batch, *patch, 2)}  # one compilation


@given(grid=GRIDS, overlap=OVERLAPS, mirrored=st.sampled_from([False, True, "all"]))
def test_a_network_that_copies_its_input_gives_the_input_back(grid, overlap, mirrored):
    shape, patch = grid
    image = noise(*shape, 2)
    found = predict_by_windows(Network(np.copy), image, patch, 3, mirrored, overlap)
    np.testing.assert_allclose(found, image, atol=1e-6)


@pytest.mark.parametrize("shape", [(9, 14, 12), (14, 12)])
@pytest.mark.parametrize("mirrored", [False, True, "all"])
def test_a_patch_that_covers_the_image_gives_exactly_the_direct_prediction(shape, mirrored):
    image = noise(*shape, 2)
    network = Network(lambda images: np.sin(9 * blurred(images)))
    direct = predict(network, image[None], 1, mirrored)[0]
    np.testing.assert_array_equal(predict_by_windows(network, image, shape, 2, mirrored), direct)


def test_an_image_smaller_than_the_patch_is_padded_with_its_lowest_values_on_both_sides():
    image = noise(5, 12, 6, 2) - [3, 0]
    seen = []
    network = Network(lambda images: seen.append(images) or images)
    predict_by_windows(network, image.astype(np.float32), (8, 12, 11), 1)
    (batch,) = seen
    np.testing.assert_array_equal(batch[0, 1:6, :, 2:8], image.astype(np.float32))
    outside = np.ones((8, 12, 11), bool)
    outside[1:6, :, 2:8] = False
    lowest = image.astype(np.float32).min(axis=(0, 1, 2))
    assert (batch[0][outside] == lowest).all()


@pytest.mark.parametrize(("shape", "patch"), [((31, 40, 26), (16, 20, 12)), ((45, 33), (20, 16))])
def test_overlapping_patches_equal_direct_prediction_where_the_receptive_field_allows(shape, patch):
    """That is: where every patch that covers a voxel also covers what its prediction depends on."""
    image = noise(*shape, 1)
    direct = predict(Network(blurred), image[None], 1)[0]
    found = predict_by_windows(Network(blurred), image, patch, 2)
    windows = Windows.of(shape, patch, 0.5)
    whole = np.ones(shape, bool)
    for number in range(len(windows)):
        place = windows.place(number)
        complete = np.ones(patch, bool)
        for axis, (part, side) in enumerate(zip(place, shape, strict=True)):
            line = np.moveaxis(complete, axis, 0)
            if part.start > 0:
                line[:2] = False
            if part.stop < side:
                line[-2:] = False
        whole[place] &= complete
    assert 0.2 < whole.mean() < 1
    np.testing.assert_allclose(found[whole], direct[whole], atol=1e-6)


def test_where_the_receptive_field_does_not_allow_it_the_weights_favour_the_patch_that_sees_more():
    image = noise(32, 40, 24, 1)
    direct = predict(Network(blurred), image[None], 1)[0]
    errors = [
        np.abs(
            predict_by_windows(Network(blurred), image, (16, 20, 12), 2, False, overlap) - direct
        )
        for overlap in (0, 0.5)
    ]
    assert errors[1].mean() < 0.1 * errors[0].mean()


def test_a_convolutional_network_in_three_dimensions_predicts_by_windows():
    keras.utils.set_random_seed(1)
    inputs = keras.Input((8, 16, 16, 2))
    hidden = layers.Conv3D(4, 3, padding="same", activation="relu")(inputs)
    model = keras.Model(inputs, layers.Conv3D(3, 1, activation="softmax")(hidden))
    model.compile(jit_compile=False)
    found = predict_by_windows(model, noise(13, 24, 17, 2), (8, 16, 16), 2)
    assert found.shape == (13, 24, 17, 3)
    np.testing.assert_allclose(found.sum(axis=-1), 1, atol=1e-5)
    again = predict_by_windows(model, noise(13, 24, 17, 2), (8, 16, 16), 2)
    np.testing.assert_array_equal(found, again)


@pytest.mark.parametrize("shape", [(6, 7), (4, 6, 7)])
def test_mirrored_predictions_are_the_mean_of_all_views(shape):
    images = noise(3, *shape, 2)
    weights = noise(*shape, 1)
    network = Network(lambda views: views[..., :1] * weights)
    axes = range(1, len(shape) + 1)
    views = {
        True: [(), (len(shape),)],
        "all": [
            [axis for axis, chosen in zip(axes, flips, strict=True) if chosen]
            for flips in product((0, 1), repeat=len(shape))
        ],
    }
    for mirrored, flips in views.items():
        parts = [np.flip(np.flip(images, f)[..., :1] * weights, f) for f in flips]
        found = predict(network, images, 2, mirrored)
        np.testing.assert_allclose(found, np.mean(parts, axis=0), atol=1e-6)


@given(grid=GRIDS, overlap=OVERLAPS)
def test_the_weights_of_all_patches_sum_to_1_and_neighbours_overlap_enough(grid, overlap):
    shape, patch = grid
    windows = Windows.of(shape, patch, overlap)
    total = np.zeros(windows.shape)
    for number in range(len(windows)):
        total[windows.place(number)] += windows.weight(number)
    np.testing.assert_allclose(total, 1, atol=1e-6)
    for starts, side, length in zip(windows.starts, patch, windows.shape, strict=True):
        assert (starts[0], starts[-1]) == (0, length - side)
        assert np.diff(starts).max(initial=0) <= max(1, np.ceil(side * (1 - overlap)))


def test_the_weights_are_nnu_nets_gaussian():
    """They filter a point in the patch's middle with sigma = patch / 8; zeros get the minimum."""
    point = np.zeros(33)
    point[16] = 1
    theirs = ndimage.gaussian_filter(point, 33 / 8, mode="constant")
    windows = Windows.of((66,), (33,), 0)
    np.testing.assert_array_equal(windows.weights[0], 1)  # no overlap: nothing to weigh
    first, second = Windows.of((34,), (33,), 0.5).weights[0]
    np.testing.assert_allclose((first[1:] / second[:-1]), theirs[1:] / theirs[:-1], rtol=1e-6)


@settings(max_examples=10)
@given(batch=st.integers(1, 9))
def test_predictions_by_windows_repeat_and_do_not_depend_on_the_batch(batch):
    image = noise(12, 17, 9, 1)
    network = Network(lambda images: np.sin(9 * blurred(images)))
    once = predict_by_windows(network, image, (6, 8, 5), 4)
    np.testing.assert_array_equal(predict_by_windows(network, image, (6, 8, 5), batch), once)


def test_memory_holds_the_probabilities_and_one_batch_and_maps_the_volume(tmp_path):
    shape, patch, outputs, batch = (96, 120, 96), (32, 32, 32), 3, 2
    np.save(tmp_path / "volume.npy", noise(*shape, 4))
    image = np.load(tmp_path / "volume.npy", mmap_mode="r")
    network = Network(lambda images: np.ones((*images.shape[:-1], outputs), np.float32))
    tracemalloc.start()
    predict_by_windows(network, image, patch, batch, mirrored=True)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    result = np.prod(shape) * outputs * 4
    one_batch = batch * np.prod(patch) * (4 + outputs) * 4
    assert result < peak < 1.2 * result + 8 * one_batch < image.nbytes + result


def test_the_classes_are_the_last_channels():
    probabilities = noise(2, 3, 4, 3)
    np.testing.assert_array_equal(of_classes(probabilities, 3), probabilities)
    np.testing.assert_array_equal(of_classes(probabilities, 2), probabilities[..., 1:])
    with pytest.raises(ValueError, match="3 channels of probabilities for 1 classes"):
        of_classes(probabilities, 1)


@pytest.mark.parametrize("patch", [(4, 4), (4, 4, 0), (4, 4, 4, 4)])
def test_a_patch_that_does_not_fit_is_refused(patch):
    with pytest.raises(ValueError, match="a patch of"):
        predict_by_windows(Network(np.copy), noise(5, 5, 5, 1), patch, 1)
    with pytest.raises(ValueError, match=r"an overlap of 1\.0"):
        predict_by_windows(Network(np.copy), noise(5, 5, 5, 1), (4, 4, 4), 1, overlap=1.0)
