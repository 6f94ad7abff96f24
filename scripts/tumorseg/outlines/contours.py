"""Converts masks to polygons that fill to exactly the same mask, and to LabelMe files."""

from collections.abc import Mapping
from typing import Any, cast

import contourpy
import numpy as np
from scipy import ndimage


def polygons_of(mask: np.ndarray) -> list[np.ndarray]:
    """Simple polygons whose union is the mask: (n, 2) of x, y, first pixel's centre at (0, 0).

    Each runs through the middles of pixel sides, so no pixel centre lies on a line and
    `polygons.fill` restores the mask exactly. LabelMe has no holes, so no polygon has a hole or
    touches itself: a part around a hole is cut in two along a column through the hole.
    """
    polygons: list[np.ndarray] = []
    waiting = [(mask != 0, 0, 0)]
    while waiting:
        part, top, left = waiting.pop()
        labels = ndimage.label(part)[0]  # pieces connected by sides, not by corners
        for number, box in enumerate(ndimage.find_objects(labels), start=1):
            piece = labels[box] == number
            y, x = top + box[0].start, left + box[1].start
            cut = _column_through_a_hole(piece)
            if cut is None:
                polygons.append(_border(piece) + np.array([x, y]))
            else:
                waiting += [(piece[:, cut:], y, x + cut), (piece[:, :cut], y, x)]
    return polygons


def _column_through_a_hole(piece: np.ndarray) -> int | None:
    """The column whose left side, as a cut, opens a hole; None where there is no hole.

    A hole is background not connected to the outside through pixel sides. Background that connects
    at a corner only is a hole too, because the border would touch itself there.
    """
    labels = ndimage.label(np.pad(~piece, 1, constant_values=True))[0]
    holes = ndimage.find_objects(np.where(labels > 1, labels, 0)[1:-1, 1:-1])
    holes = [box for box in holes if box is not None]
    if not holes:
        return None
    columns = holes[0][1]
    return (columns.start + columns.stop) // 2


def _border(piece: np.ndarray) -> np.ndarray:
    """The border of a piece without holes: its corners, (n, 2) of x, y, none repeated."""
    field = np.pad(piece.astype(float), 1)
    (line,) = cast(list[np.ndarray], contourpy.contour_generator(z=field).lines(0.5))
    points = line[:-1] - 1.0
    before, after = points - np.roll(points, 1, axis=0), np.roll(points, -1, axis=0) - points
    turns = before[:, 0] * after[:, 1] - before[:, 1] * after[:, 0]
    return points[turns != 0]


def labelme_content(masks: Mapping[str, np.ndarray], picture: str) -> dict[str, Any]:
    """The content of a LabelMe file for masks; `annotations/labelme.py` reads them back exactly.

    masks: by label, one at least. picture: the image's path, relative to the file's folder.
    """
    shapes = [
        {
            "label": label,
            "points": points.tolist(),
            "group_id": None,
            "shape_type": "polygon",
            "flags": {},
        }
        for label, mask in masks.items()
        for points in polygons_of(mask)
    ]
    height, width = next(iter(masks.values())).shape
    return {
        "version": "5.5.0",
        "flags": {},
        "shapes": shapes,
        "imagePath": picture,
        "imageData": None,
        "imageHeight": height,
        "imageWidth": width,
    }
