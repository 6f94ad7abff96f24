"""Reads CVAT's XML for images, version 1.1: polygons, boxes, ellipses and masks, many images.

Coordinates start at the upper left corner of the first pixel, as in the tool's display and its COCO
export. A mask is run lengths along the rows of its own box.
"""

from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np

from tumorseg.core.problems import error, quoted
from tumorseg.imaging.scans import Scan
from tumorseg.outlines.drawings import (
    Annotation,
    annotation_of,
    check_drawing_size,
    drawing_size,
    ellipse,
    fill_runs,
    is_tumour,
    rectangle,
    turned,
    wrong_shape,
)
from tumorseg.outlines.image_keys import ImageIndex, ImageKey
from tumorseg.outlines.json_files import find_image

EXPECTED = "XML with `annotations` that hold an `image` of `name`, `width` and `height` for each"
Shape = ElementTree.Element


def read(path: Path, scan: Scan, *, key: ImageKey, labels: dict[str, str] | None) -> Annotation:
    """The tumour on the image called `key`; tags of a whole image draw nothing and are passed over.

    Raises DataError where the file lacks the image, its size differs, or a shape is no area.
    """
    image, notes = find_image(path, key, _images, _parsed)
    check_drawing_size(int(image.attrib["height"]), int(image.attrib["width"]), scan)
    outlines, masks = [], []
    for shape in image:
        if shape.tag == "tag" or not is_tumour([shape.attrib["label"]], labels):
            continue
        if shape.tag == "mask":
            masks.append(_mask(shape, scan))
        else:
            outlines.append(shape)
    return annotation_of(outlines, lambda shape: [_ring(shape) - 0.5], scan, masks, notes)


class _NoTypes(ElementTree.TreeBuilder):
    """Refuses a document type before it is read: its entities can fill any memory."""

    def doctype(self, name: str, pubid: str, system: str) -> None:
        expected, hint = "XML as CVAT writes it, without it", "export it again"
        raise error("annotation_form", "XML with a document type (DOCTYPE)", expected, hint)


def _parsed(content: bytes) -> Shape:
    parser = ElementTree.XMLParser(target=_NoTypes())
    try:
        parser.feed(content)
        return parser.close()
    except ElementTree.ParseError as wrong:
        fault = "not XML: wrong at line {}, column {}".format(*wrong.position)
    except (LookupError, ValueError):
        fault = "not XML: text of an unknown encoding"
    fault = fault if content else "an empty file"
    raise error("annotation_not_xml", fault, "an XML file", "export it again")


def _images(root: Shape) -> ImageIndex:
    if root.find("track") is not None:
        value, hint = "CVAT's XML for videos", "export the task again as `CVAT for images 1.1`"
        raise error("annotation_form", value, "CVAT's XML for images", hint)
    return ImageIndex(((image.attrib["name"], image) for image in root.findall("image")), drawn=len)


def _numbers(shape: Shape, *names: str) -> list[float]:
    return [float(shape.attrib[name]) for name in names]


def _ring(shape: Shape) -> np.ndarray:
    angle = np.radians(float(shape.get("rotation", 0)))  # clockwise, around the centre
    if shape.tag == "polygon":
        pairs = (pair.split(",") for pair in shape.attrib["points"].split(";"))
        return np.array([(float(x), float(y)) for x, y in pairs])
    if shape.tag == "box":
        left, top, right, bottom = _numbers(shape, "xtl", "ytl", "xbr", "ybr")
        centre = (left + right) / 2, (top + bottom) / 2
        return turned(rectangle(left, top, right, bottom), angle, *centre)
    if shape.tag == "ellipse":
        x, y, across, down = _numbers(shape, "cx", "cy", "rx", "ry")
        return ellipse(x, y, across, down, angle)
    raise wrong_shape(f"shape of type {quoted(shape.tag)}", "polygon, box, ellipse or mask")


def _mask(shape: Shape, scan: Scan) -> np.ndarray:
    picture: Any = np.zeros(drawing_size(scan), np.uint8)
    left, top, width, height = map(int, _numbers(shape, "left", "top", "width", "height"))
    place = picture[max(top, 0) : top + height, max(left, 0) : left + width]
    if place.shape != (height, width) or not place.size:
        value = f"a mask {width} wide and {height} high at x {left}, y {top}"
        expected = f"inside an image {picture.shape[1]} wide and {picture.shape[0]} high"
        raise error("annotation_form", value, expected, "export the annotations again")
    place[:] = fill_runs([int(run) for run in shape.attrib["rle"].split(",")], height, width)
    return picture
