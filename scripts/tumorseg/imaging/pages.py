"""Pictures of several pages: TIFF files whose pages are the slices of a volume."""

import re
from typing import NamedTuple

import numpy as np
from PIL import Image

from tumorseg.core.problems import DataError, Problem, error, warning

_DESCRIPTION, _DEPTH, _KIND, _OLD_KIND = 270, 32997, 254, 255  # tags of TIFF
_SMALLER, _TRANSPARENCY = 1, 4  # bits of a page's kind
MOST_SLICES = 2**16
_EXPECTED = "one picture, or a stack of slices as ImageJ and OME write it"


class _Stated(NamedTuple):
    """How many images of which kinds a TIFF's description states; 1 where it states nothing."""

    slices: int = 1
    channels: int = 1
    frames: int = 1
    images: int = 1
    unclear: int = 0  # 1: several images, or more axes than a stack has


def slices(picture: Image.Image, *, several: bool) -> tuple[list[int], list[Problem]]:
    """The pages that are slices of a stack, or the only page of a picture; and warnings.

    ImageJ and OME say what the pages are. Those of a TIFF that says nothing are taken as slices,
    without its thumbnails, with a warning. several: whether a stack may be given. Raises DataError
    (image_pages) for pages that are something else. The picture is at its first page before and
    afterwards.
    """
    tags = getattr(picture, "tag_v2", {})
    stated = _stated(str(tags.get(_DESCRIPTION, "")))
    hidden = max(stated.images, int(tags.get(_DEPTH, 1)))
    if not _has(picture, 1):
        if hidden > 1:
            raise _refused(f"TIFF that states {hidden} images, but lists one page")
        return [0], []
    if picture.format != "TIFF" or stated.unclear:
        raise _refused(f"{picture.format} with several pages")
    if max(stated) == 1:
        return _assumed(picture, several)
    if not several:
        raise _refused("TIFF with several pages")
    if stated.channels > 1 or stated.frames > 1:
        parts = stated._asdict().items()
        texts = [f"{number} {name}" for name, number in parts if number > 1 and name != "images"]
        raise _refused(f"TIFF of {' and '.join(texts)}")
    number = stated.slices
    if number > MOST_SLICES or not _has(picture, number - 1) or _has(picture, number):
        raise _refused(f"TIFF that states {number} slices, but has another number of pages")
    return list(range(number)), []


def _assumed(picture: Image.Image, several: bool) -> tuple[list[int], list[Problem]]:
    """The pages of a TIFF that says nothing about them, without thumbnails and transparency."""
    pages: list[int] = []
    sizes, number = set(), 0
    while _has(picture, number):
        if number == MOST_SLICES:
            raise _refused("TIFF with several pages")
        picture.seek(number)
        tags = getattr(picture, "tag_v2", {})
        smaller = int(tags.get(_KIND, 0)) & (_SMALLER | _TRANSPARENCY) or tags.get(_OLD_KIND) == 2
        if not smaller or not pages:
            pages.append(number)
            sizes.add(picture.size)
        number += 1
    picture.seek(0)
    if len(pages) > 1 and not several:
        raise _refused("TIFF with several pages")
    if len(sizes) > 1:
        raise _refused("TIFF whose pages differ in size or kind")
    value = f"TIFF of {number} pages that does not say what they are"
    hint = f"{len(pages)} pages were taken as slices in their order; save them as NIfTI if so"
    if len(pages) == 1:
        value = f"TIFF of {number} pages, of which all but the first are thumbnails or transparency"
        hint = "the first page was read; save it alone"
    return pages, [warning("pages_assumed", value, _EXPECTED, hint)]


def stacked(pages: list[np.ndarray]) -> np.ndarray:
    """The pages as a stack; raises DataError where they differ in size or in type of number."""
    if len({(page.shape, page.dtype) for page in pages}) > 1:
        raise _refused("TIFF whose pages differ in size or kind")
    return np.stack(pages)


def _has(picture: Image.Image, number: int) -> bool:
    try:
        picture.seek(number)
    except EOFError:
        return False
    finally:
        picture.seek(0)
    return True


def _refused(value: str) -> DataError:
    return error(
        "image_pages",
        value,
        _EXPECTED,
        "save the stack as NIfTI, or with ImageJ as TIFF (one channel, one frame; Image > "
        "Properties counts the slices), or each page as a separate file",
    )


def _stated(text: str) -> _Stated:
    if text.startswith("ImageJ="):
        found = dict(re.findall(r"^(images|slices|channels|frames)=(\d{1,9})\s*$", text, re.M))
        return _Stated(**{name: int(number) for name, number in found.items()})
    if shape := re.match(r'\{"shape": \[([\d, ]{3,99})\]', text):  # of Python's tifffile
        return _Stated(unclear=int(shape[1].count(",") > 2))
    pixels = re.findall(r"<(?:\w+:)?Pixels\b[^>]*>", text) if "OME" in text[:2000] else []
    if len(pixels) != 1:  # OME may hold several images in a file
        return _Stated(unclear=int(bool(pixels)))
    sizes = dict(re.findall(r'\bSize([ZCT])="(\d{1,9})"', pixels[0]))
    return _Stated(*(int(sizes.get(axis, 1)) for axis in "ZCT"))
