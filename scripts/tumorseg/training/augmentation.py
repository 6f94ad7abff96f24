"""Random augmentation of a training case: flip, rotation, scale, shift and intensity."""

import cv2
import numpy as np


def augment(
    image: np.ndarray, mask: np.ndarray, strength: float, random: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """One random variant of a case: image (size, size, channels) float32, mask (size, size) 0/1.

    At strength 1: rotation up to 15 degrees, scale .85 to 1.15, shift up to 6 % of the side,
    contrast .8 to 1.2, brightness +-.2. At any strength, half of the cases are mirrored left-right.
    All channels move together and change their contrast together; what moves in from outside has
    each channel's lowest value. The mask moves with the image by linear interpolation and a
    threshold of .5, so it stays 0/1.
    """
    size = image.shape[0]
    angle = strength * random.uniform(-15, 15)
    scale = 1 + strength * random.uniform(-0.15, 0.15)
    shift = strength * random.uniform(-0.06, 0.06, 2) * size
    contrast = 1 + strength * random.uniform(-0.2, 0.2)
    brightness = strength * random.uniform(-0.2, 0.2)
    flip = random.random() < 0.5
    centre = (size - 1) / 2
    matrix = cv2.getRotationMatrix2D((centre, centre), angle, scale)
    matrix[:, 2] += shift
    if flip:
        matrix = matrix @ np.array([[-1, 0, size - 1], [0, 1, 0], [0, 0, 1]], float)
    channels = [
        cv2.warpAffine(
            channel, matrix, (size, size), flags=cv2.INTER_LINEAR, borderValue=float(channel.min())
        )
        for channel in np.moveaxis(image, -1, 0)
    ]
    moved_mask = cv2.warpAffine(
        mask.astype(np.float32), matrix, (size, size), flags=cv2.INTER_LINEAR, borderValue=0
    )
    moved = np.stack(channels, axis=-1) * contrast + brightness
    return moved.astype(np.float32), (moved_mask >= 0.5).astype(np.uint8)
