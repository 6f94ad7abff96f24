"""What pages of our own are made of: outlines, small pictures, and data that scripts read."""

import base64
import json
from typing import Any

import cv2
import numpy as np


def contour_path(mask: np.ndarray) -> str:
    """SVG path data of a mask's borders: closed lines, holes too, in pixel coordinates (x y).

    The lines run through the outermost pixels' centres, an integer each, and keep every corner:
    filled, border included, they give the mask again. Empty for an empty mask.
    """
    found = cv2.findContours(mask.astype(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)[0]
    parts = []
    for points in (contour[:, 0].astype(int) for contour in found):
        steps = " ".join(f"{x} {y}" for x, y in np.diff(points, axis=0))
        # A single pixel is a line of no length, which SVG draws as a dot.
        parts.append(f"M{points[0, 0]} {points[0, 1]}l{steps or '0 0'}z".replace(" -", "-"))
    return "".join(parts)


def picture_url(image: np.ndarray, longest_px: int, quality: int) -> str:
    """A (height, width) uint8 picture as a data URL, reduced to at most `longest_px`."""
    scale = longest_px / max(image.shape)
    if scale < 1:
        image = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    content = cv2.imencode(".webp", image, [cv2.IMWRITE_WEBP_QUALITY, quality])[1].tobytes()
    return f"data:image/webp;base64,{base64.b64encode(content).decode()}"


def json_text(value: Any) -> str:
    """JSON that may stand inside a script element: nothing in it can end the element."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c")


def grey_limit(image: np.ndarray) -> float:
    """The value shown as white: bright outliers shall not darken the rest."""
    return max(1.0, float(np.percentile(image, 99.8)))
