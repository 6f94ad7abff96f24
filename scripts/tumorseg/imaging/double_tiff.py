"""TIFF pictures of 64-bit floats, which Pillow does not know."""

import io
import struct

import cv2
import numpy as np
from PIL import TiffImagePlugin

from tumorseg.imaging.raw import check_size, unreadable

WIDTH, HEIGHT, BITS, ORIENTATION, SAMPLE_FORMAT = 256, 257, 258, 274, 339  # tags


def double_tiff(content: bytes) -> np.ndarray:
    """The values of a TIFF of one page of 64-bit floats, which OpenCV reads; not yet turned."""
    try:
        tags = TiffImagePlugin.ImageFileDirectory_v2(content[:8])
        stream = io.BytesIO(content)
        stream.seek(tags.next)
        tags.load(stream)
    except (OSError, SyntaxError, ValueError, struct.error):  # damaged
        raise unreadable("TIFF") from None
    doubles = tags.get(BITS) in (64, (64,)) and tags.get(SAMPLE_FORMAT) in (3, (3,))
    if not doubles or tags.next or tags.get(ORIENTATION, 1) != 1:
        raise unreadable("TIFF")
    shape = int(tags[HEIGHT]), int(tags[WIDTH])
    check_size(shape, 8)
    decoded = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
    if decoded is None or decoded.shape != shape:
        raise unreadable("TIFF")
    return decoded
