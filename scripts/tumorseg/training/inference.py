"""Predicts probabilities of images with a network."""

from itertools import combinations
from typing import Literal

import keras
import numpy as np

from tumorseg.core.backend import divided
from tumorseg.training.windows import OVERLAP, Windows

Mirrored = bool | Literal["all"]


def predict(
    model: keras.Model, images: np.ndarray, batch_size: int, mirrored: Mirrored = False
) -> np.ndarray:
    """Probabilities (n, spatial..., outputs) float32, in batches of equal size (one compilation).

    mirrored: the mean of the predictions of an image and of its left-right mirror image (the last
    spatial axis); `all`: of its mirror images along all spatial axes and their combinations.
    """
    total = _predict(model, images, batch_size)
    if not mirrored:
        return total
    spatial = range(1, images.ndim - 1)
    axes = spatial if mirrored == "all" else spatial[-1:]
    views = [view for n in range(1, len(axes) + 1) for view in combinations(axes, n)]
    for view in views:
        total = total + np.flip(_predict(model, np.flip(images, view), batch_size), view)
    return total / (1 + len(views))


def predict_whole(
    model: keras.Model,
    images: np.ndarray,
    batch_size: int,
    mirrored: Mirrored = False,
    overlap: float = OVERLAP,
) -> np.ndarray:
    """Probabilities (n, spatial..., outputs) of images of any size: at once, or patch by patch.

    A network that takes whole images predicts them as `predict` does, in batches; otherwise each
    image is predicted by `predict_by_windows` in patches of the network's size.
    """
    patch = tuple(model.input_shape[1:-1])
    if images.shape[1:-1] == patch:
        return predict(model, images, batch_size, mirrored)
    options = patch, batch_size, mirrored, overlap
    found = [predict_by_windows(model, image, *options) for image in images]
    return np.stack(found) if len(found) > 1 else found[0][None]  # one volume is not copied


def predict_by_windows(
    model: keras.Model,
    image: np.ndarray,
    patch: tuple[int, ...],
    batch_size: int,
    mirrored: Mirrored = False,
    overlap: float = OVERLAP,
) -> np.ndarray:
    """Probabilities (spatial..., outputs) float32 of a volume or a large picture, patch by patch.

    Each voxel has the weighted mean of the predictions of all patches that cover it; the weights
    are those of `windows.Windows`. Memory: the result, one batch, and what of the image is read, so
    that it may be a file mapped into memory. A patch that covers the whole image gives exactly what
    `predict` gives.

    Args:
        model: takes (batch, *patch, channels).
        image: (spatial..., channels). Where it is smaller than the patch it is padded on both
            sides, each channel with its lowest value.
        patch: of as many axes as the image has spatial ones.
        batch_size: patches at once.
        mirrored: as in `predict`, for each patch.
        overlap: share of a patch that its neighbour covers as well, along each axis; 0 to .9.

    Raises:
        ValueError: a patch or an overlap that does not fit the image.
    """
    windows = Windows.of(image.shape[:-1], patch, overlap)
    image = windows.padded(image)
    total: np.ndarray | None = None
    for start in range(0, len(windows), batch_size):
        numbers = range(start, min(start + batch_size, len(windows)))
        batch = np.stack([image[windows.place(number)] for number in numbers])
        for number, part in zip(numbers, predict(model, batch, batch_size, mirrored), strict=True):
            if total is None:
                total = np.zeros((*windows.shape, part.shape[-1]), np.float32)
            total[windows.place(number)] += part * windows.weight(number)[..., None]
    assert total is not None  # there is at least one window
    return total[windows.unpadded]


def of_classes(probabilities: np.ndarray, classes: int) -> np.ndarray:
    """The channels of the classes, (..., classes): without the background, where it is the first.

    Raises ValueError where there are neither `classes` nor one more channel.
    """
    found = probabilities.shape[-1]
    if found not in (classes, classes + 1):
        raise ValueError(f"{found} channels of probabilities for {classes} classes")
    return probabilities[..., found - classes :]


def _predict(model: keras.Model, images: np.ndarray, batch_size: int) -> np.ndarray:
    padding = -len(images) % batch_size
    padded = np.concatenate([images, np.zeros((padding, *images.shape[1:]), images.dtype)])
    parts = [
        keras.ops.convert_to_numpy(model.predict_on_batch(divided(padded[i : i + batch_size])))
        for i in range(0, len(padded), batch_size)
    ]
    return np.concatenate(parts)[: len(images)].astype(np.float32)
