"""Predicts probabilities of images with a network."""

import keras
import numpy as np


def predict(
    model: keras.Model, images: np.ndarray, batch_size: int, mirrored: bool = False
) -> np.ndarray:
    """Probabilities (n, size, size, 1) float32, in batches of equal size (one compilation).

    mirrored: the mean of the predictions of an image and of its left-right mirror image.
    """
    if mirrored:
        mirror = predict(model, images[:, :, ::-1], batch_size)[:, :, ::-1]
        return (predict(model, images, batch_size) + mirror) / 2
    padding = -len(images) % batch_size
    padded = np.concatenate([images, np.zeros((padding, *images.shape[1:]), images.dtype)])
    parts = [
        keras.ops.convert_to_numpy(model.predict_on_batch(padded[i : i + batch_size]))
        for i in range(0, len(padded), batch_size)
    ]
    return np.concatenate(parts)[: len(images)].astype(np.float32)
