"""Tells the grey edges of a mask of two levels from regions that have a label of their own."""

import cv2
import numpy as np

MIN_LEVEL = 128  # below it, values are labels: 1, 2, 4
REACH_PX = 3  # medium greys of an edge are at most this far from where the mask is cut
FEW_VALUES = 8  # compression and resizing leave more values; a mask with so few has labels
MOST_MEDIUM = 0.25  # of the pixels: a picture with more is no mask with edges
WIDEST_PX = 8  # mean width of the edges: a mask enlarged eight times has 7
MOST_OVERSHOOT = 1.5  # of the level, at a small region of a mask that was resized
SQUARE = np.ones((3, 3), np.uint8)
CROSS = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))


def tumour_level(values: np.ndarray) -> float | None:
    """The tumour's value where all values but this and 0 are edges between the two, else None.

    Edges come from JPEG compression, smoothing and resizing, which may also overshoot the level.
    They are steep, narrow and have many values; a region of nearly one value is a label.

    Args:
        values: (height, width), a mask with more than one value besides 0.

    Returns:
        The level; the mask is best cut at half of it.
    """
    values = values.astype(np.float64)
    largest = values.max()
    if largest < MIN_LEVEL or values.min() < 0:
        return None
    levels, counts = np.unique(values[values >= largest / 2], return_counts=True)
    level = float(levels[::-1][np.argmax(counts[::-1])])
    between = (values > 0) & (values != level)
    number = np.unique(values[between]).size
    grey = (values > level / 8) & (values < level * 7 / 8)
    medium = (values > level / 4) & (values < level * 3 / 4)
    inside = (values >= level / 2).astype(np.uint8)
    outline = inside.sum() - cv2.erode(inside, CROSS).sum()
    if largest > level * MOST_OVERSHOOT or medium.mean() > MOST_MEDIUM:
        return None
    if grey.any() and (number < 3 or grey.sum() > WIDEST_PX * outline):
        return None
    regions = (
        _far_from_cut(medium, inside)
        | (grey & (_range(values) <= level / 16))
        | (_inside(grey) & (_range(cv2.blur(values, (3, 3))) <= level / 8))
        | _flat_near_levels(values, level, few=number <= FEW_VALUES)
    )
    return None if regions.any() else level


def _range(values: np.ndarray) -> np.ndarray:
    """The difference between the largest and the smallest of each pixel's 3 x 3 neighbours."""
    return cv2.dilate(values, SQUARE) - cv2.erode(values, SQUARE)


def _inside(grey: np.ndarray) -> np.ndarray:
    """Where all 5 x 5 neighbours are grey."""
    return cv2.erode(grey.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0


def _far_from_cut(medium: np.ndarray, inside: np.ndarray) -> np.ndarray:
    side = 2 * REACH_PX + 1
    square = np.ones((side, side), np.uint8)
    return medium & (cv2.morphologyEx(inside, cv2.MORPH_GRADIENT, square) == 0)


def _flat_near_levels(values: np.ndarray, level: float, *, few: bool) -> np.ndarray:
    """3 x 3 pixels of one value that is neither 0 nor the level: labels 1 and 2 beside 255, say.

    few: the mask has few values. Otherwise it is compressed, which can shift whole blocks a little.
    """
    shift = np.minimum(values, np.abs(values - level))
    return (shift > (0 if few else level / 32)) & (_range(values) == 0)
