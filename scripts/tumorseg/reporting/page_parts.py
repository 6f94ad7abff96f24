"""Parts of the web pages: outlines as SVG, small pictures, and JSON for their scripts."""

import base64
import json
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np

# Of the colour-blind palette, in an order in which the first ones differ most; bright on black.
COLOURS = ("#D55E00", "#56B4E9", "#ECE133", "#029E73", "#CC78BC", "#0173B2", "#DE8F05")


def class_facts(names: Sequence[str]) -> list[dict[str, str]]:
    """Each class with its fixed colour: its name and `#RRGGBB`. From the eighth on they repeat."""
    return [
        {"name": name, "colour": COLOURS[index % len(COLOURS)]} for index, name in enumerate(names)
    ]


def contour_path(mask: np.ndarray) -> str:
    """SVG path data of a mask's borders, including holes, in pixel coordinates (x y).

    The closed lines run through the centres of the border pixels and keep every corner: filled
    with the border included, they give the mask again. An empty mask gives an empty text.
    """
    contours = cv2.findContours(mask.astype(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)[0]
    parts = []
    for points in (contour[:, 0].astype(int) for contour in contours):
        steps = " ".join(f"{x} {y}" for x, y in np.diff(points, axis=0))
        # A single pixel becomes a line of length 0, which SVG draws as a dot.
        parts.append(f"M{points[0, 0]} {points[0, 1]}l{steps or '0 0'}z".replace(" -", "-"))
    return "".join(parts)


def picture_url(image: np.ndarray, longest_px: int, quality: int) -> str:
    """A uint8 picture (height, width) as a WebP data URL, reduced to at most `longest_px`."""
    scale = longest_px / max(image.shape)
    if scale < 1:
        image = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    content = cv2.imencode(".webp", image, [cv2.IMWRITE_WEBP_QUALITY, quality])[1].tobytes()
    return f"data:image/webp;base64,{base64.b64encode(content).decode()}"


def json_text(value: Any) -> str:
    """JSON for a script element: `<` is escaped, so that no text can end the element."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c")


def grey_limit(image: np.ndarray) -> float:
    """The value shown as white: the 99.8th percentile, so that outliers do not darken the rest."""
    return max(1.0, float(np.percentile(image, 99.8)))
