"""The user's own ImageNet weights of ResNet50, put into the encoder of a network.

The file is one of Keras for keras.applications.ResNet50, with or without its classification layer.
Its biases of convolutions, which our layers lack, go into the moving means of the batch
normalisation that follows each: the encoder then computes the same.
"""

from pathlib import Path

import keras
import numpy as np

from tumorseg.core.errors import UserError

RGB = 3


def load_resnet50(model: keras.Model, path: str | Path) -> None:
    """Sets the weights of all layers of the encoder; the decoder keeps its own.

    The first convolution gets the mean of the three colours' kernels for each channel, times
    3 / channels, unless there are three channels: the sum over channels stays the same. In 3-D a
    kernel is repeated along the depth and divided by its length (Carreira & Zisserman 2017).

    Raises UserError where the file cannot be used, or the model has another width.
    """
    original = _original(path)
    biases = {}
    for layer in original.layers:
        if isinstance(layer, keras.layers.Conv2D):
            kernel, biases[layer.name.removesuffix("_conv")] = map(np.asarray, layer.get_weights())
            target = model.get_layer(layer.name)
            wanted = tuple(target.kernel.shape)
            fitted = fitted_kernel(kernel, wanted)
            if fitted.shape != wanted:
                raise UserError(
                    f"network.encoder_file: {layer.name} has {kernel.shape[-1]} features, the "
                    f"network {wanted[-1]}; set base_width to 64"
                )
            target.set_weights([fitted])
    for layer in original.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            gamma, beta, mean, variance = layer.get_weights()
            bias = biases[layer.name.removesuffix("_bn")]
            model.get_layer(layer.name).set_weights([gamma, beta, mean - bias, variance])


def fitted_kernel(kernel: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """A 2-D kernel, (height, width, in, out), for the channels and dimensions of `shape`."""
    channels = shape[-2]
    if kernel.shape[2] == RGB and channels != RGB:
        mean = kernel.mean(axis=2, keepdims=True) * (RGB / channels)
        kernel = np.repeat(mean, channels, axis=2)
    if len(shape) == 5:
        kernel = np.repeat(kernel[None], shape[0], axis=0) / shape[0]
    return kernel


def _original(path: str | Path) -> keras.Model:
    """keras.applications.ResNet50 with the file's weights."""
    if not Path(path).is_file():
        raise UserError(f"network.encoder_file: there is no file {path}")
    reasons = []
    for top in (False, True):
        try:
            return keras.applications.ResNet50(include_top=top, weights=str(path))
        except Exception as error:  # Keras raises many kinds for files of other networks
            reasons.append(str(error).strip().split("\n")[0])
    raise UserError(
        f"network.encoder_file: {path} has no weights of keras.applications.ResNet50: {reasons[0]}"
    )
