"""Fills polygons to masks: a pixel belongs to a polygon if its centre is inside."""

from collections.abc import Iterable

import numpy as np

from tumorseg.core.cases import Part


def fill(points: np.ndarray, height: int, width: int) -> np.ndarray:
    """The mask (height, width) uint8 0/1 of one polygon: the pixels whose centres are inside.

    points: (n, 2) of x, y in pixels, open or closed, the first pixel's centre at (0, 0). Even-odd
    rule; a centre exactly on a left or upper border is inside, on a right or lower one outside, so
    polygons that share a border never share a pixel. (cv2.fillPoly also fills every pixel that the
    border touches, which enlarges a tumour by half a pixel on all sides.)
    """
    x, y = np.asarray(points, float).T
    next_x, next_y = np.roll(x, -1), np.roll(y, -1)
    # Order every edge downwards: polygons that share an edge then compute identical crossings.
    upwards = next_y < y
    x, next_x = np.where(upwards, next_x, x), np.where(upwards, x, next_x)
    y, next_y = np.where(upwards, next_y, y), np.where(upwards, y, next_y)
    mask = np.zeros((height, width), np.uint8)
    first, last = max(0, int(np.ceil(y.min()))), min(height - 1, int(np.floor(next_y.max())))
    rows = np.arange(first, last + 1)[:, None]
    row, edge = np.nonzero((y <= rows) & (rows < next_y))
    share = (rows[row, 0] - y[edge]) / (next_y[edge] - y[edge])
    crossing = x[edge] + share * (next_x[edge] - x[edge])
    starts = np.clip(np.ceil(crossing), 0, width).astype(int)
    if not len(starts):
        return mask
    # A pixel is inside where an odd number of borders lie at or left of its centre.
    left, right = starts.min(), starts.max()
    toggles = np.zeros((len(rows), right - left + 1), np.uint8)
    np.bitwise_xor.at(toggles, (row, starts - left), 1)
    mask[first : last + 1, left:right] = np.bitwise_xor.accumulate(toggles, axis=1)[:, :-1]
    return mask


def fill_parts(parts: Iterable[Part], height: int, width: int) -> np.ndarray:
    """The mask (height, width) uint8 0/1 of the union of polygons with holes (rule: see `fill`).

    The rings of one part combine by the even-odd rule: inside the outer ring and outside its holes.
    """
    mask = np.zeros((height, width), np.uint8)
    for part in parts:
        inside = np.zeros_like(mask)
        for ring in part:
            inside ^= fill(ring, height, width)
        mask |= inside
    return mask
