"""Pictures that stand twice in a data set: the same pixels, or nearly the same picture.

A picture's print is the signs of the 255 lowest frequencies of its discrete cosine transform on a
grid of 64 x 64 (after Zauner, Implementation and benchmarking of perceptual image hash functions,
2010). A mirrored picture has the same numbers with some signs turned, a transposed one has them
transposed: so all eight positions of a picture are compared for the price of one transform.
"""

import cv2
import numpy as np
import pandas as pd

GRID_PX, KEPT = 64, 16
BITS = KEPT * KEPT - 1  # the mean says nothing of the picture
# Measured (bench/check.py --near): a rescaled, brightened, noisy or JPEG copy differs in at most 17
# bits; of 48,800 pairs of slices of different patients none in fewer than 44, half in 110.
NEAR_BITS = 20
_BLOCK = 64


def picture_print(image: np.ndarray) -> np.ndarray:
    """The eight prints of a (height, width) picture, (8, 4) uint64; the first is its own."""
    small = cv2.resize(image.astype(np.float32), (GRID_PX, GRID_PX), interpolation=cv2.INTER_AREA)
    lowest = cv2.dct(small)[:KEPT, :KEPT]
    turned = 1 - 2 * (np.arange(KEPT) % 2)
    found = [
        frequencies * across * down
        for frequencies in (lowest, lowest.T)
        for across in (1, turned)
        for down in (1, turned[:, np.newaxis])
    ]
    signs = np.stack(found).reshape(8, -1) > 0
    signs[:, 0] = False
    return np.packbits(signs, axis=1).view(np.uint64)


def near_pairs(prints: np.ndarray, groups: np.ndarray, limit: int = NEAR_BITS) -> pd.DataFrame:
    """Pairs of pictures of different groups whose prints differ in at most `limit` of 255 bits.

    prints: (n, 8, 4) uint64 of `picture_print`; groups: (n,) whole numbers. Gives first, second
    (positions, first < second) and bits, nearest first. All pairs, in blocks: memory stays flat.
    """
    own = np.ascontiguousarray(prints[:, 0].T)
    found = []
    for start in range(0, len(prints), _BLOCK):
        block = prints[start : start + _BLOCK]
        least = np.full((len(block), len(prints) - start), 255, np.uint8)
        for position in range(8):
            bits = np.zeros_like(least)
            for word in range(4):
                bits += np.bitwise_count(block[:, position, word, None] ^ own[word, start:])
            np.minimum(least, bits, out=least)
        first, second = np.nonzero(least <= limit)
        bits = least[first, second]
        first, second = first + start, second + start
        kept = (first < second) & (groups[first] != groups[second])
        found.append(pd.DataFrame({"first": first, "second": second, "bits": bits})[kept])
    if not found:
        return pd.DataFrame(columns=["first", "second", "bits"], dtype=int)
    return pd.concat(found).sort_values(["bits", "first", "second"], ignore_index=True)
