"""Masks of one colour on a plain background whose edges JPEG or resizing has mixed.

JPEG stores brightness exactly and colour more coarsely. Beside an edge a pixel has therefore the
brightness of one side and a colour between both: its hue lies on the line from one to the other.
"""

from typing import NamedTuple

import cv2
import numpy as np

from tumorseg.outlines.grey_edges import tumour_level

# Limits measured for JPEG of quality 75 and more: one colour stays within, a second one, even as a
# line of one pixel, does not. Levels of 0 to 255, and shares of the way between the two colours.
BESIDE = 45.0  # off the line between both hues
BRIGHTER = 55.0  # than both, or darker
BEFORE, BEHIND = -0.38, 1.45  # along the line; 0 is the background, 1 the colour
ALIKE = 45.0  # from one of the two, where no edge is near
LEAST = 40.0  # between the two hues: fewer is a grey picture
EDGE_PX = 8  # half of the 16 pixels over which JPEG mixes colours


class TwoColours(NamedTuple):
    """A mask (height, width) bool, its colour and that of its background (red, green, blue)."""

    inside: np.ndarray
    colour: tuple[int, int, int]
    background: tuple[int, int, int]


def two_colours(rgb: np.ndarray) -> TwoColours | None:
    """The region of one colour on the colour of the picture's border; None where it is not certain.

    rgb: (height, width, 3) uint8.
    """
    values = rgb.astype(np.float64)
    border = np.concatenate([rgb[0], rgb[-1], rgb[:, 0], rgb[:, -1]])
    back = np.median(border, axis=0)
    distance = np.linalg.norm(values - back, axis=-1)
    core = _core(distance > distance.max() / 2)
    if core is None:
        return None
    colour = np.median(rgb[core], axis=0)
    way = colour - back
    share = (values - back) @ way / max(1.0, way @ way)
    strength = np.clip(np.rint(share * 255), 0, 255).astype(np.uint8)
    if not _of_one_hue(rgb, back, colour):
        return None
    level = tumour_level(cv2.medianBlur(strength, 3))  # without the single pixels that JPEG adds
    if level is None:
        return None
    inside = strength >= level / 2
    near = np.minimum(distance, np.linalg.norm(values - colour, axis=-1))
    if (near[~_near_edge(inside)] > ALIKE).any():
        return None
    return TwoColours(inside, _whole(colour), _whole(back))


def _core(region: np.ndarray) -> np.ndarray | None:
    """The pixels of a region that are farthest from its edge, up to three; None for no region."""
    for side in (7, 5, 3):
        inner = cv2.erode(region.astype(np.uint8), np.ones((side, side), np.uint8)) > 0
        if inner.any():
            return inner
    return None


def _of_one_hue(rgb: np.ndarray, back: np.ndarray, colour: np.ndarray) -> bool:
    """Whether all pixels have hues between two colours and are hardly brighter or darker."""
    ends = np.rint([[back, colour]]).astype(np.uint8)
    (dark, light), (first, last) = _hues(ends)[0][0], _hues(ends)[1][0]
    brightness, hues = _hues(rgb)
    way = last - first
    length = float(np.hypot(*way))
    if length < LEAST:
        return False
    along = (hues - first) @ way / length**2
    beside = np.abs((hues - first) @ np.array([way[1], -way[0]])) / length
    low, high = sorted((float(dark), float(light)))
    return bool(
        beside.max() <= BESIDE
        and along.min() >= BEFORE
        and along.max() <= BEHIND
        and brightness.min() >= low - BRIGHTER
        and brightness.max() <= high + BRIGHTER
    )


def _hues(rgb: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Brightness (height, width) and hue (height, width, 2) as JPEG stores them."""
    stored = cv2.cvtColor(rgb, cv2.COLOR_RGB2YCrCb).astype(np.float64)
    return stored[..., 0], stored[..., 1:]


def _near_edge(inside: np.ndarray) -> np.ndarray:
    side = 2 * EDGE_PX + 1
    square = np.ones((side, side), np.uint8)
    return cv2.morphologyEx(inside.astype(np.uint8), cv2.MORPH_GRADIENT, square) > 0


def _whole(colour: np.ndarray) -> tuple[int, int, int]:
    red, green, blue = np.rint(colour).astype(int).tolist()
    return red, green, blue
