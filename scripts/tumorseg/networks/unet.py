"""The U-Net of the study: four encoder and four decoder blocks with two 3x3 convolutions each.

Ronneberger et al. 2015, as in the 2025 study's notebooks: ReLU, he_normal, dropout between the two
convolutions of a block, 2x2 max-pooling, 2x2 stride-2 transposed convolution, concatenation, 1x1
sigmoid. With 3 input channels and base width 16 it has 1,941,105 parameters.
"""

import keras
from keras import layers

from tumorseg.core.batch_norm import FusedBatchNormalization

DROPOUT = (0.1, 0.1, 0.2, 0.2, 0.3, 0.2, 0.2, 0.1, 0.1)


def _block(
    x: keras.KerasTensor, width: int, rate: float, norm: bool, name: str
) -> keras.KerasTensor:
    for index in (1, 2):
        x = layers.Conv2D(
            width,
            3,
            padding="same",
            use_bias=not norm,
            kernel_initializer="he_normal",
            name=f"{name}_conv{index}",
        )(x)
        if norm:
            x = FusedBatchNormalization(momentum=0.9, name=f"{name}_norm{index}")(x)
        x = layers.Activation("relu", name=f"{name}_relu{index}")(x)
        if index == 1 and rate:
            x = layers.Dropout(rate, name=f"{name}_dropout")(x)
    return x


def build(
    *,
    size_px: int = 128,
    channels: int = 1,
    base_width: int = 16,
    dropout: float = 1.0,
    normalisation: bool = False,
    foreground_prior: float = 0.5,
) -> keras.Model:
    """The network: images (batch, size_px, size_px, channels) to (batch, size_px, size_px, 1).

    Args:
        size_px: side of the square input in pixels, a multiple of 16.
        channels: channels of the input.
        base_width: feature maps of the first block; each level below has twice as many.
        dropout: factor on the paper's rates; 0 builds no dropout.
        normalisation: batch normalisation after each convolution (not in the paper).
        foreground_prior: probability that the untrained network predicts for each pixel (Lin et
            al. 2017, section 4.1: a small one keeps the many background pixels from dominating the
            first steps); .5 is a bias of zero.

    Returns:
        The model; its output is a float32 probability, under mixed precision too.

    Raises:
        ValueError: size_px is not a multiple of 16.
    """
    if size_px % 16:
        raise ValueError(f"size_px must be a multiple of 16, not {size_px}")
    rates = [rate * dropout for rate in DROPOUT]
    x = inputs = keras.Input((size_px, size_px, channels), name="image")
    skips = []
    for level in range(4):
        width = base_width * 2**level
        x = _block(x, width, rates[level], normalisation, f"encoder{level + 1}")
        skips.append(x)
        x = layers.MaxPooling2D(2, name=f"pool{level + 1}")(x)
    x = _block(x, base_width * 16, rates[4], normalisation, "bottleneck")
    for level in reversed(range(4)):
        width = base_width * 2**level
        x = layers.Conv2DTranspose(width, 2, strides=2, padding="same", name=f"up{level + 1}")(x)
        x = layers.Concatenate(name=f"concat{level + 1}")([x, skips[level]])
        x = _block(x, width, rates[8 - level], normalisation, f"decoder{level + 1}")
    bias = -float(keras.ops.log(1 / foreground_prior - 1)) if foreground_prior != 0.5 else 0.0
    outputs = layers.Conv2D(
        1,
        1,
        activation="sigmoid",
        dtype="float32",
        bias_initializer=keras.initializers.Constant(bias),
        name="probability",
    )(x)
    return keras.Model(inputs, outputs, name="unet")
