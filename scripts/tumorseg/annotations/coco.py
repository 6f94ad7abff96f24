"""COCO JSON: polygons and run lengths (RLE), many images in one file.

Polygons start at the upper left corner of the first pixel, as pycocotools draws them. `iscrowd`
only says that a region is stored as run lengths; it counts like any other.
"""

from pathlib import Path
from typing import Any

import numpy as np

from tumorseg.core.problems import error
from tumorseg.imaging.scans import Scan
from tumorseg.outlines.drawings import Annotation, check_size, drawn, frame, is_tumour
from tumorseg.outlines.json_files import Images, by_key

EXPECTED = "JSON with lists `images`, `annotations` and `categories`, with polygons or RLE"


def read(path: Path, scan: Scan, *, key: str, labels: dict[str, str] | None) -> Annotation:
    """The tumour on the image called `key`; a label is a category's name or number.

    Polygons of one annotation are united, as pycocotools does. Raises DataError for an image that
    the file lacks, another image's size, and boxes without an outline.
    """
    image, annotations = by_key(path, key, _images)
    check_size(image.get("height"), image.get("width"), scan)
    outlines, masks = [], []
    for category, one in annotations:
        if not is_tumour([*category, str(one.get("category_id"))], labels):
            continue
        segmentation = one.get("segmentation")
        if not segmentation:
            raise error(
                "box_only",
                "an annotation that is a box without an outline",
                "polygons or RLE under `segmentation`",
                "export segmentations, not detections",
            )
        if isinstance(segmentation, dict):
            masks.append(decoded(segmentation, scan))
        else:
            outlines += [[np.array(flat, float).reshape(-1, 2) - 0.5] for flat in segmentation]
    return drawn(outlines, scan, masks)


def _images(content: dict[str, Any]) -> Images:
    categories = {one["id"]: [str(one["name"])] for one in content.get("categories", [])}
    images = {image["id"]: (image, []) for image in content["images"]}
    for one in content["annotations"]:
        if one["image_id"] in images:
            images[one["image_id"]][1].append((categories.get(one.get("category_id"), []), one))
    return Images((image["file_name"], (image, own)) for image, own in images.values())


def decoded(rle: dict[str, Any], scan: Scan) -> np.ndarray:
    """The mask (height, width) uint8 of run lengths: down the columns, background first.

    Written here since pycocotools' C code does not check them, and writes where it must not.
    """
    height, width = frame(scan)
    check_size(*rle["size"], scan)
    counts = rle["counts"]
    runs = np.array(_unpacked(counts) if isinstance(counts, str) else counts, np.int64)
    if (runs < 0).any() or (runs > height * width).any() or runs.sum() != height * width:
        raise error(
            "rle_length",
            f"run lengths of {len(runs)} runs that do not fill the image",
            f"{height * width} pixels",
            "export the annotations again",
        )
    values = np.arange(len(runs), dtype=np.uint8) % 2
    return np.repeat(values, runs).reshape(width, height).T.copy()


def _unpacked(text: str) -> list[int]:
    """COCO's compressed run lengths: 5 bits a character, from the third run on differences."""
    runs: list[int] = []
    value = shift = 0
    for character in text:
        bits = ord(character) - 48
        if not 0 <= bits < 64 or shift > 60:
            raise ValueError("not compressed run lengths")
        value |= (bits & 31) << shift
        shift += 5
        if not bits & 32:
            value -= (1 << shift) if bits & 16 else 0
            runs.append(value + (runs[-2] if len(runs) > 2 else 0))
            value = shift = 0
    if shift:
        raise ValueError("compressed run lengths break off")
    return runs
