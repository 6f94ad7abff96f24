"""Polygons to masks by the pixel-centre rule."""

from collections.abc import Iterable

import numpy as np

from tumorseg.core.cases import Part


def fill(points: np.ndarray, height: int, width: int) -> np.ndarray:
    """The mask (height, width) uint8 0/1 of one polygon: a pixel is in if its centre is inside.

    points: (n, 2) of x, y in pixels, the first pixel's centre at (0, 0); open or closed. Even-odd
    rule; a centre exactly on a left or upper border is in, on a right or lower one out, so polygons
    that share a border never share a pixel. (cv2.fillPoly also paints every pixel that the border
    touches, which fattens a tumour by half a pixel all round.)
    """
    x, y = np.asarray(points, float).T
    next_x, next_y = np.roll(x, -1), np.roll(y, -1)
    # Every edge from its upper end down, so that neighbours find the same crossing to the last bit.
    turned = next_y < y
    x, next_x = np.where(turned, next_x, x), np.where(turned, x, next_x)
    y, next_y = np.where(turned, next_y, y), np.where(turned, y, next_y)
    mask = np.zeros((height, width), np.uint8)
    first, last = max(0, int(np.ceil(y.min()))), min(height - 1, int(np.floor(next_y.max())))
    rows = np.arange(first, last + 1)[:, None]
    row, edge = np.nonzero((y <= rows) & (rows < next_y))
    share = (rows[row, 0] - y[edge]) / (next_y[edge] - y[edge])
    crossing = x[edge] + share * (next_x[edge] - x[edge])
    starts = np.clip(np.ceil(crossing), 0, width).astype(int)
    if not len(starts):
        return mask
    # A pixel is inside where an odd number of borders lies at or left of its centre.
    left, right = starts.min(), starts.max()
    toggles = np.zeros((len(rows), right - left + 1), np.uint8)
    np.bitwise_xor.at(toggles, (row, starts - left), 1)
    mask[first : last + 1, left:right] = np.bitwise_xor.accumulate(toggles, axis=1)[:, :-1]
    return mask


def fill_parts(parts: Iterable[Part], height: int, width: int) -> np.ndarray:
    """The mask (height, width) uint8 0/1 of polygons with holes, united (rule: polygons.fill).

    The rings of one part count by the even-odd rule: inside its outer ring and in no hole.
    """
    mask = np.zeros((height, width), np.uint8)
    for part in parts:
        inside = np.zeros_like(mask)
        for ring in part:
            inside ^= fill(ring, height, width)
        mask |= inside
    return mask
