"""Pictures of several pages: TIFF files that say that their pages are the slices of a volume."""

import re
from typing import NamedTuple

from PIL import Image

from tumorseg.core.problems import DataError, error

_DESCRIPTION, _DEPTH = 270, 32997  # tags of TIFF
MOST_SLICES = 2**16


class _Stated(NamedTuple):
    """How many images of which kinds a TIFF's description states; 1 where it states nothing."""

    slices: int = 1
    channels: int = 1
    frames: int = 1
    images: int = 1


def count(picture: Image.Image, *, several: bool) -> int:
    """The number of slices of a stack as ImageJ and OME write it; 1 for a picture of one page.

    several: whether a stack may be given. Raises DataError (image_pages) for other pages, of which
    it is not certain that they are slices. The picture is at its first page before and afterwards.
    """
    tags = getattr(picture, "tag_v2", {})
    stated = _stated(str(tags.get(_DESCRIPTION, "")))
    hidden = max(stated.images, int(tags.get(_DEPTH, 1)))
    if not _has(picture, 1):
        if hidden > 1:
            raise _refused(f"TIFF that states {hidden} images, but lists one page")
        return 1
    if picture.format != "TIFF" or not several or max(stated) == 1:
        raise _refused(f"{picture.format} with several pages")
    if stated.channels > 1 or stated.frames > 1:
        parts = stated._asdict().items()
        texts = [f"{number} {name}" for name, number in parts if number > 1 and name != "images"]
        raise _refused(f"TIFF of {' and '.join(texts)}")
    slices = stated.slices
    if slices > MOST_SLICES or not _has(picture, slices - 1) or _has(picture, slices):
        raise _refused(f"TIFF that states {slices} slices, but has another number of pages")
    return slices


def refuse_unlike(pages: list) -> None:
    """Raises DataError where the pages of a stack differ in size or in type of number."""
    if len({(page.shape, page.dtype) for page in pages}) > 1:
        raise _refused("TIFF whose pages differ in size or kind")


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
        "one picture, or a stack of slices as ImageJ and OME write it",
        "save the stack as NIfTI, or with ImageJ as TIFF (one channel, one frame; Image > "
        "Properties counts the slices), or each page as a separate file",
    )


def _stated(text: str) -> _Stated:
    if text.startswith("ImageJ="):
        found = dict(re.findall(r"^(images|slices|channels|frames)=(\d{1,9})\s*$", text, re.M))
        return _Stated(**{name: int(number) for name, number in found.items()})
    pixels = re.findall(r"<(?:\w+:)?Pixels\b[^>]*>", text) if "OME" in text[:2000] else []
    if len(pixels) != 1:  # OME may hold several images in a file
        return _Stated()
    sizes = dict(re.findall(r'\bSize([ZCT])="(\d{1,9})"', pixels[0]))
    return _Stated(*(int(sizes.get(axis, 1)) for axis in "ZCT"))
