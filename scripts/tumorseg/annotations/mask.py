"""A ready mask: an image of the same size as the slice, foreground where it is not 0."""

from pathlib import Path

import numpy as np

from tumorseg.errors import UserError
from tumorseg.images import read_mask

SUFFIX = ".png"


def read(path: Path, height: int, width: int) -> np.ndarray:
    """The mask as (height, width) uint8 of 0 and 1; UserError where its size is not the image's."""
    mask = read_mask(path)
    if mask.shape != (height, width):
        raise UserError(
            f"mask is {mask.shape[1]} wide and {mask.shape[0]} high, "
            f"the image is {width} wide and {height} high"
        )
    return mask
