"""Random augmentation of a whole picture: flip, rotation, scale, shift and intensity."""

import cv2
import numpy as np


def augment(
    image: np.ndarray, masks: np.ndarray, strength: float, random: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """One random variant of a case: image (height, width, channels) float32, masks 0/1.

    At strength 1: rotation up to 15 degrees, scale .85 to 1.15, shift up to 6 % of the side,
    contrast .8 to 1.2, brightness +-.2. At any strength, half of the cases are mirrored left-right.
    All channels move together and change their contrast together; what moves in from outside has
    each channel's lowest value. The masks move with the image by linear interpolation, and
    `masks_of_shares` makes them 0/1 again.

    masks: (height, width), or (height, width, classes).
    """
    height, width = image.shape[:2]
    angle = strength * random.uniform(-15, 15)
    scale = 1 + strength * random.uniform(-0.15, 0.15)
    shift = strength * random.uniform(-0.06, 0.06, 2) * (width, height)
    contrast = 1 + strength * random.uniform(-0.2, 0.2)
    brightness = strength * random.uniform(-0.2, 0.2)
    flip = random.random() < 0.5
    matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), angle, scale)
    matrix[:, 2] = matrix[:, 2] + shift
    if flip:
        matrix = matrix @ np.array([[-1, 0, width - 1], [0, 1, 0], [0, 0, 1]], float)

    def moved(plane: np.ndarray, outside: float) -> np.ndarray:
        size = (width, height)
        return cv2.warpAffine(plane, matrix, size, flags=cv2.INTER_LINEAR, borderValue=outside)

    channels = [moved(channel, float(channel.min())) for channel in np.moveaxis(image, -1, 0)]
    classes = masks.reshape(height, width, -1)
    shares = [moved(mask.astype(np.float32), 0) for mask in np.moveaxis(classes, -1, 0)]
    moved_masks = masks_of_shares(np.stack(shares, axis=-1), classes).reshape(masks.shape)
    return (np.stack(channels, axis=-1) * contrast + brightness).astype(np.float32), moved_masks


def masks_of_shares(shares: np.ndarray, masks: np.ndarray) -> np.ndarray:
    """Interpolated masks, (..., classes) from 0 to 1, as masks of 0 and 1 again, uint8.

    A pixel belongs to a class of which it holds half or more. Where no two of the classes overlap,
    it has the class, or the background, of the largest share: so they never overlap, and no gap
    opens where three meet.

    masks: what was interpolated, (..., classes) 0/1.
    """
    count = masks.shape[-1]
    if count == 1 or masks.sum(axis=-1).max(initial=0) > 1:
        return (shares >= 0.5).astype(np.uint8)
    rest = 1 - shares.sum(axis=-1, keepdims=True)
    largest = np.concatenate([shares, rest], axis=-1).argmax(axis=-1)
    return (largest[..., None] == np.arange(count)).astype(np.uint8)
