"""Finds pictures that occur twice in a data set, also mirrored, rotated or slightly changed.

A picture's fingerprint is the signs of the 255 lowest frequencies of its discrete cosine transform
on a grid of 64 x 64 (after Zauner, Implementation and benchmarking of perceptual image hash
functions, 2010). A mirrored picture has the same values with some signs changed, a transposed one
the transposed values. So one transform gives the fingerprints of all eight orientations.
"""

import cv2
import numpy as np
import pandas as pd

GRID_PX, KEPT = 64, 16
BITS = KEPT * KEPT - 1  # without the mean, which does not depend on the picture's content
# Measured (bench/check.py --near): a rescaled, brightened, noisy or JPEG copy differs in at most 17
# bits; 48,800 pairs of slices of different patients differ in at least 44 bits, median 110.
NEAR_BITS = 20
_BLOCK = 64


def fingerprint(image: np.ndarray) -> np.ndarray:
    """The fingerprints of a (height, width) picture in its eight orientations, (8, 4) uint64.

    The first is that of the picture as it is.
    """
    small = cv2.resize(image.astype(np.float32), (GRID_PX, GRID_PX), interpolation=cv2.INTER_AREA)
    lowest = cv2.dct(small)[:KEPT, :KEPT]
    mirrored = 1 - 2 * (np.arange(KEPT) % 2)
    orientations = [
        frequencies * across * down
        for frequencies in (lowest, lowest.T)
        for across in (1, mirrored)
        for down in (1, mirrored[:, np.newaxis])
    ]
    signs = np.stack(orientations).reshape(8, -1) > 0
    signs[:, 0] = False
    return np.packbits(signs, axis=1).view(np.uint64)


def near_pairs(
    fingerprints: np.ndarray, groups: np.ndarray, limit: int = NEAR_BITS
) -> pd.DataFrame:
    """Pairs of pictures of different groups that differ in at most `limit` of 255 bits.

    fingerprints: (n, 8, 4) uint64 from `fingerprint`. groups: (n,) integers. Returns first, second
    (positions, first < second) and bits, nearest first. Compares all pairs in blocks, so that
    memory grows only with n.
    """
    upright = np.ascontiguousarray(fingerprints[:, 0].T)
    tables = []
    for start in range(0, len(fingerprints), _BLOCK):
        block = fingerprints[start : start + _BLOCK]
        least = np.full((len(block), len(fingerprints) - start), 255, np.uint8)
        for orientation in range(8):
            bits = np.zeros_like(least)
            for word in range(4):
                bits += np.bitwise_count(block[:, orientation, word, None] ^ upright[word, start:])
            np.minimum(least, bits, out=least)
        first, second = np.nonzero(least <= limit)
        bits = least[first, second]
        first, second = first + start, second + start
        kept = (first < second) & (groups[first] != groups[second])
        tables.append(pd.DataFrame({"first": first, "second": second, "bits": bits})[kept])
    if not tables:
        return pd.DataFrame(columns=["first", "second", "bits"], dtype=int)
    return pd.concat(tables).sort_values(["bits", "first", "second"], ignore_index=True)
