"""Masks to polygons that give the very same mask again, and to LabelMe's files."""

from typing import Any

import contourpy
import numpy as np
from scipy import ndimage


def polygons_of(mask: np.ndarray) -> list[np.ndarray]:
    """Simple polygons whose union is the mask: (n, 2) of x, y, first pixel's centre at (0, 0).

    Each runs through the middles of the pixels' sides, so no pixel's centre lies on a line and
    `polygons.fill` gives the mask to the pixel. None has a hole or touches itself, as LabelMe has
    no holes: a part around a hole is cut in two along a column through the hole.
    """
    found: list[np.ndarray] = []
    waiting = [(mask != 0, 0, 0)]
    while waiting:
        whole, top, left = waiting.pop()
        labels = ndimage.label(whole)[0]  # pieces that share sides, not only corners
        for number, box in enumerate(ndimage.find_objects(labels), start=1):
            piece = labels[box] == number
            y, x = top + box[0].start, left + box[1].start
            cut = _column_through_a_hole(piece)
            if cut is None:
                found.append(_border(piece) + np.array([x, y]))
            else:
                waiting += [(piece[:, cut:], y, x + cut), (piece[:, :cut], y, x)]
    return found


def _column_through_a_hole(piece: np.ndarray) -> int | None:
    """The column that opens a hole when the piece is cut at its left; None without a hole.

    A hole is background that does not reach the outside through pixels' sides; one that leaks out
    at a corner counts, because there the border would touch itself.
    """
    labels = ndimage.label(np.pad(~piece, 1, constant_values=True))[0]
    holes = ndimage.find_objects(np.where(labels > 1, labels, 0)[1:-1, 1:-1])
    holes = [box for box in holes if box is not None]
    if not holes:
        return None
    columns = holes[0][1]
    return (columns.start + columns.stop) // 2


def _border(piece: np.ndarray) -> np.ndarray:
    """The one border line of a piece without holes, (n, 2) of x, y, open, corners only."""
    field = np.pad(piece.astype(float), 1)
    (line,) = contourpy.contour_generator(z=field).lines(0.5)
    points = line[:-1] - 1.0
    before, after = points - np.roll(points, 1, axis=0), np.roll(points, -1, axis=0) - points
    turns = before[:, 0] * after[:, 1] - before[:, 1] * after[:, 0]
    return points[turns != 0]


def labelme(mask: np.ndarray, picture: str, label: str = "tumour") -> dict[str, Any]:
    """The content of a LabelMe file for a mask, in coordinates as `annotations/labelme.py` reads.

    picture: the image's path, from the folder that the file lies in.
    """
    shapes = [
        {
            "label": label,
            "points": points.tolist(),
            "group_id": None,
            "shape_type": "polygon",
            "flags": {},
        }
        for points in polygons_of(mask)
    ]
    height, width = mask.shape
    return {
        "version": "5.5.0",
        "flags": {},
        "shapes": shapes,
        "imagePath": picture,
        "imageData": None,
        "imageHeight": height,
        "imageWidth": width,
    }
