"""Reads COCO JSON: polygons and run lengths (RLE), many images in one file.

Coordinates start at the upper left corner of the first pixel, as in pycocotools. `iscrowd` only
means that a region is stored as run lengths; it counts like any other.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from tumorseg.core.problems import DataError, Problem, error, quoted, warning
from tumorseg.imaging.scans import Scan
from tumorseg.outlines.drawings import (
    Annotation,
    annotation_of,
    check_drawing_size,
    drawing_size,
    fill_runs,
    is_tumour,
)
from tumorseg.outlines.image_keys import ImageIndex, ImageKey
from tumorseg.outlines.json_files import find_image
from tumorseg.outlines.references import id_value, repeated_ids, unlisted

EXPECTED = "JSON with lists `images`, `annotations` and `categories`, with polygons or RLE"


def read(path: Path, scan: Scan, *, key: ImageKey, labels: dict[str, str] | None) -> Annotation:
    """The tumour on the image called `key`; a label is a category's name or number.

    Polygons of one annotation are united, as in pycocotools. Raises DataError where the file lacks
    the image, its size differs, or an annotation is a box without an outline.
    """
    (image, annotations), notes = find_image(path, key, _images)
    check_drawing_size(image.get("height"), image.get("width"), scan)
    outlines, masks = [], []
    for category, annotation in annotations:
        if not is_tumour([*category, str(id_value(annotation.get("category_id")))], labels):
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
            outlines += _rings(segmentation)
    return annotation_of(outlines, lambda ring: [ring - 0.5], scan, masks, notes)


def _images(content: dict[str, Any]) -> ImageIndex:
    """Name -> (image, its annotations, each with its category's name in a list, or none).

    Numbers of images and categories are compared by value: "4", 4 and 4.0 are the same.
    """
    listed, categories = content["images"], content.get("categories", [])
    names = {id_value(category["id"]): [str(category["name"])] for category in categories}
    images: dict[Any, tuple[dict, list]] = {id_value(i["id"]): (i, []) for i in listed}
    orphans = []
    for annotation in content["annotations"]:
        number = id_value(annotation.get("image_id"))
        if number in images:
            category = names.get(id_value(annotation.get("category_id")), [])
            images[number][1].append((category, annotation))
        else:
            orphans.append(number)
    faults = [
        *repeated_ids("images", ((i["id"], i["file_name"]) for i in listed)),
        *repeated_ids("categories", ((c["id"], c["name"]) for c in categories)),
        *_repeated_annotations(content["annotations"]),
        *unlisted(orphans, len(content["annotations"])),
    ]
    pairs = ((image["file_name"], (image, drawn)) for image, drawn in images.values())
    return ImageIndex(pairs, faults, drawn=lambda pair: pair[1])


def _repeated_annotations(annotations: list[dict[str, Any]]) -> Iterable[Problem]:
    """A warning where annotations share a number: all count, because nothing refers to it."""
    numbers = [id_value(a["id"]) for a in annotations if a.get("id") is not None]
    shared = len(numbers) - len(set(numbers))
    if shared:
        hint = "all of them are used; look for annotations that are there twice"
        value = f"{shared} of {len(annotations)} annotations have the id of another"
        yield warning("annotation_id_repeated", value, "a different id for each", hint)


def _rings(segmentation: Any) -> list[np.ndarray]:
    """The polygons (n, 2) of a segmentation: lists of x1, y1, x2, y2, ..., or one such list."""
    if not isinstance(segmentation, list):
        raise _wrong_shape("text or a number")
    if not any(isinstance(part, list | dict) for part in segmentation):
        segmentation = [segmentation]
    rings = []
    for flat in segmentation:
        if not isinstance(flat, list) or any(isinstance(number, list | dict) for number in flat):
            raise _wrong_shape("a list of lists of lists, or of objects")
        if len(flat) % 2:
            fault = f"a polygon of {len(flat)} numbers"
            raise error("border_odd", fault, "pairs of x and y", "export it again")
        rings.append(np.array(flat, float).reshape(-1, 2))
    return rings


def _wrong_shape(what: str) -> DataError:
    expected = "lists of x1, y1, x2, y2, ... in pixels, or RLE with `size` and `counts`"
    hint = "export the annotations again as COCO instance segmentation"
    return error("annotation_form", f"a COCO segmentation that is {what}", expected, hint)


def decode_rle(rle: dict[str, Any], scan: Scan) -> np.ndarray:
    """The mask (height, width) uint8 of run lengths: down the columns, background first.

    pycocotools is not used because its C code writes out of bounds for invalid run lengths.
    """
    height, width = drawing_size(scan)
    if "size" not in rle or "counts" not in rle:
        raise _wrong_shape("an object without `size` or `counts`")
    rle_height, rle_width = rle["size"]
    check_drawing_size(rle_height, rle_width, scan)
    counts = rle["counts"]
    runs = _uncompressed_runs(counts) if isinstance(counts, str) else counts
    return fill_runs(runs, width, height).T.copy()


def _uncompressed_runs(text: str) -> list[int]:
    """Decodes COCO's run lengths: 5 bits per character, from the third on as differences."""
    runs: list[int] = []
    value = shift = 0
    for character in text:
        bits = ord(character) - 48
        if not 0 <= bits < 64 or shift > 60:
            raise _wrong_shape(f"RLE with the character {quoted(character)}")
        value |= (bits & 31) << shift
        shift += 5
        if not bits & 32:
            value -= (1 << shift) if bits & 16 else 0
            runs.append(value + (runs[-2] if len(runs) > 2 else 0))
            value = shift = 0
    if shift:
        raise _wrong_shape("RLE that ends too early")
    return runs
