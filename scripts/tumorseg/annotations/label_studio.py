"""Reads Label Studio's JSON export: polygons, rectangles, ellipses and brush strokes, many images.

Shapes are in percent of the image's width and height, from its upper left corner. A brush stroke
holds the values of a picture of four channels in Label Studio's own run lengths.
"""

import re
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import numpy as np

from tumorseg.core.problems import error, quoted
from tumorseg.imaging.scans import Scan
from tumorseg.outlines.drawings import (
    Annotation,
    annotation_of,
    check_drawing_size,
    drawing_size,
    ellipse,
    is_tumour_by_any,
    rectangle,
    turned,
    wrong_shape,
)
from tumorseg.outlines.image_keys import ImageIndex, ImageKey
from tumorseg.outlines.json_files import find_image

EXPECTED = "Label Studio's export `JSON`: tasks, each with `data` and `annotations`"
# Answers about the whole image, which draw nothing.
NO_SHAPE = ("choices", "textarea", "rating", "number", "taxonomy", "datetime", "relation")
UPLOADED = re.compile(r"/data/upload/\d+/[^/-]+-|/data/upload/([0-9a-f]{8}-)?")


def read(path: Path, scan: Scan, *, key: ImageKey, labels: dict[str, str] | None) -> Annotation:
    """The tumour on the image called `key`, from the one annotation of its task.

    Raises DataError where no task or several have the image, where nobody or several people
    annotated it, for another image size, and for shapes that are no area.
    """
    task, notes = find_image(path, key, _tasks)
    outlines, masks = [], []
    for items in _regions(task):
        names = [str(name) for item in items for name in _labels(item["value"])]
        if not is_tumour_by_any(names, labels):
            continue
        # With separate tags for shape and label, the export holds the same shape twice.
        item = items[0]
        check_drawing_size(item["original_height"], item["original_width"], scan)
        if item.get("image_rotation"):
            value = f"a shape on the image turned by {quoted(item['image_rotation'])} degrees"
            raise error("annotation_form", value, "the image as it is", "turn it back and save")
        if "rle" in item["value"]:
            masks.append(_brush(item["value"]["rle"], scan))
        else:
            outlines.append(item)
    return annotation_of(outlines, lambda item: [_ring(item) - 0.5], scan, masks, notes)


def _tasks(content: Any) -> ImageIndex:
    tasks = content if isinstance(content, list) else [content]
    if any("data" not in task or "annotations" not in task for task in tasks):
        value = "Label Studio's short export, or another list of objects"
        raise error("annotation_form", value, EXPECTED, "export again as `JSON`, not `JSON-MIN`")
    return ImageIndex(((_name(task["data"]), task) for task in tasks), drawn=_is_annotated)


def _is_annotated(task: dict[str, Any]) -> bool:
    return any(annotation["result"] for annotation in _finished(task))


def _finished(task: dict[str, Any]) -> list[dict[str, Any]]:
    return [one for one in task["annotations"] if not one.get("was_cancelled")]


def _name(data: dict[str, Any]) -> str:
    """The image's path, without what Label Studio adds: its address and a number for uploads."""
    texts = {name: text for name, text in data.items() if isinstance(text, str)}
    text = texts.get("image") or next((t for t in texts.values() if "/" in t or "." in t), "")
    address = urlsplit(text)
    local = parse_qs(address.query).get("d", [""])[0]  # /data/local-files/?d=folder/a.png
    return local or UPLOADED.sub("", unquote(address.path), count=1)


def _regions(task: dict[str, Any]) -> list[list[dict[str, Any]]]:
    """The items of each region, which share an id."""
    finished = _finished(task)
    expected = "one annotation for each image"
    if not finished:
        hint = "submit it in Label Studio, empty if there is no tumour, and export again"
        raise error("annotation_unfinished", "a task without annotation", expected, hint)
    if len(finished) > 1:
        value = f"a task with {len(finished)} annotations"
        raise error("annotation_several", value, expected, "delete all but one, and export again")
    regions: dict[Any, list[dict[str, Any]]] = {}
    for number, item in enumerate(finished[0]["result"]):
        if item["type"] not in NO_SHAPE:
            regions.setdefault(item.get("id", number), []).append(item)
    return list(regions.values())


def _labels(value: dict[str, Any]) -> list[Any]:
    return [label for name, given in value.items() if name.endswith("labels") for label in given]


def _ring(item: dict[str, Any]) -> np.ndarray:
    value = item["value"]
    scale = np.array([item["original_width"], item["original_height"]]) / 100
    angle = np.radians(value.get("rotation") or 0)  # clockwise
    if "points" in value:
        return np.array(value["points"], float) * scale
    if "radiusX" in value:
        x, y = np.array([value["x"], value["y"]]) * scale
        across, down = np.array([value["radiusX"], value["radiusY"]]) * scale
        return ellipse(x, y, across, down, angle)
    if "height" in value:
        left, top = np.array([value["x"], value["y"]]) * scale
        across, down = np.array([value["width"], value["height"]]) * scale
        return turned(rectangle(left, top, left + across, top + down), angle, left, top)
    kind = f"region of type {quoted(item['type'])}"
    raise wrong_shape(kind, "polygon, rectangle, ellipse or brush")


def _brush(numbers: list[int], scan: Scan) -> np.ndarray:
    """The mask (height, width) uint8 of a stroke: its opaque pixels, from half of full opacity.

    The bytes are a stream of bits: the count of values (32 bits), bits per value - 1 (5), and four
    bit counts - 1 (4 each). Then blocks: repeated or not (1), which bit count (2), length - 1, and
    the value once, or as many values as the length.
    """
    height, width = drawing_size(scan)
    bits = "".join(f"{number:08b}" for number in bytes(numbers))
    place = 0

    def take(count: int) -> int:
        nonlocal place
        place += count
        if place > len(bits):
            raise ValueError
        return int(bits[place - count : place], 2)

    try:
        total = take(32)
        value_bits, counts = take(5) + 1, [take(4) + 1 for _ in range(4)]
        values = np.zeros(total if total == height * width * 4 else 0, np.uint8)
        at = 0
        while at < len(values):
            repeated, end = take(1), at + 1 + take(counts[take(2)])
            block = [take(value_bits)] if repeated else [take(value_bits) for _ in range(end - at)]
            values[at:end] = block
            at = end
        if at != total:
            raise ValueError
    except (ValueError, OverflowError):
        raise error(
            "rle_length",
            f"a brush stroke of {len(numbers)} bytes that does not fill the image",
            f"{height * width} pixels of four values",
            "export again, or export the masks as PNG",
        ) from None
    return (values.reshape(height, width, 4)[:, :, 3] >= 128).astype(np.uint8)
