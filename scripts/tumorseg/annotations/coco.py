"""Reads COCO JSON: polygons and run lengths (RLE), many images in one file.

Coordinates start at the upper left corner of the first pixel, as in pycocotools. `iscrowd` only
means that a region is stored as run lengths; it counts like any other.
"""

from pathlib import Path
from typing import Any

import numpy as np

from tumorseg.core.problems import error
from tumorseg.imaging.scans import Scan
from tumorseg.outlines.drawings import (
    Annotation,
    annotation_of,
    check_drawing_size,
    drawing_size,
    is_tumour,
)
from tumorseg.outlines.json_files import ImageIndex, find_image

EXPECTED = "JSON with lists `images`, `annotations` and `categories`, with polygons or RLE"


def read(path: Path, scan: Scan, *, key: str, labels: dict[str, str] | None) -> Annotation:
    """The tumour on the image called `key`; a label is a category's name or number.

    Polygons of one annotation are united, as in pycocotools. Raises DataError where the file lacks
    the image, its size differs, or an annotation is a box without an outline.
    """
    image, annotations = find_image(path, key, _images)
    check_drawing_size(image.get("height"), image.get("width"), scan)
    outlines, masks = [], []
    for category, annotation in annotations:
        if not is_tumour([*category, str(annotation.get("category_id"))], labels):
            continue
        segmentation = annotation.get("segmentation")
        if not segmentation:
            raise error(
                "box_only",
                "an annotation that is a box without an outline",
                "polygons or RLE under `segmentation`",
                "export segmentations, not detections",
            )
        if isinstance(segmentation, dict):
            masks.append(decode_rle(segmentation, scan))
        else:
            outlines += [[np.array(flat, float).reshape(-1, 2) - 0.5] for flat in segmentation]
    return annotation_of(outlines, scan, masks)


def _images(content: dict[str, Any]) -> ImageIndex:
    """Name -> (image, its annotations, each with its category's name in a list, or none)."""
    names = {category["id"]: [str(category["name"])] for category in content.get("categories", [])}
    images: dict[Any, tuple[dict, list]] = {image["id"]: (image, []) for image in content["images"]}
    for annotation in content["annotations"]:
        if annotation["image_id"] in images:
            category = names.get(annotation.get("category_id"), [])
            images[annotation["image_id"]][1].append((category, annotation))
    return ImageIndex((pair[0]["file_name"], pair) for pair in images.values())


def decode_rle(rle: dict[str, Any], scan: Scan) -> np.ndarray:
    """The mask (height, width) uint8 of run lengths: down the columns, background first.

    pycocotools is not used because its C code writes out of bounds for invalid run lengths.
    """
    height, width = drawing_size(scan)
    rle_height, rle_width = rle["size"]
    check_drawing_size(rle_height, rle_width, scan)
    counts = rle["counts"]
    runs = np.array(_uncompressed_runs(counts) if isinstance(counts, str) else counts, np.int64)
    if (runs < 0).any() or (runs > height * width).any() or runs.sum() != height * width:
        raise error(
            "rle_length",
            f"{len(runs)} run lengths that do not fill the image",
            f"{height * width} pixels",
            "export the annotations again",
        )
    values = np.arange(len(runs), dtype=np.uint8) % 2
    return np.repeat(values, runs).reshape(width, height).T.copy()


def _uncompressed_runs(text: str) -> list[int]:
    """Decodes COCO's run lengths: 5 bits per character, from the third on as differences."""
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
        raise ValueError("compressed run lengths end too early")
    return runs
