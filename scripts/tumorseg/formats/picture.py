"""Reads PNG, JPEG and TIFF pictures with one grey value per pixel; values stay as stored."""

import io
from contextlib import nullcontext
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, TiffImagePlugin, UnidentifiedImageError

from tumorseg.core.problems import error
from tumorseg.core.quiet import silent_stderr
from tumorseg.imaging.raw import (
    MAX_PIXELS,
    RawImage,
    check_size,
    missing_channel,
    too_large,
    truncated,
    unreadable,
    upright,
)

KINDS = {"PNG": (".png",), "JPEG": (".jpg", ".jpeg"), "TIFF": (".tif", ".tiff")}
_STARTS = {
    "PNG": (b"\x89PNG\r\n\x1a\n",),
    "JPEG": (b"\xff\xd8\xff",),
    "TIFF": (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"),
}
_WIDTH, _HEIGHT = 256, 257
_ENDS = {"PNG": b"IEND", "JPEG": b"\xff\xd9"}
_ORIENTATION, _BITS, _PHOTOMETRIC, _SAMPLE_FORMAT = 0x0112, 258, 262, 339  # tags of EXIF and TIFF
# JPEG stores colour at lower precision: channels of a grey picture may differ by this much.
GREY_LEVELS = 3
Image.MAX_IMAGE_PIXELS = MAX_PIXELS


def kind(head: bytes, path: Path) -> str:
    """PNG, JPEG or TIFF by the first bytes; empty for anything else."""
    return next((name for name, starts in _STARTS.items() if head.startswith(starts)), "")


def read(path: Path, *, labels: bool, channel: int | None = None) -> RawImage:
    """The picture (height, width), turned upright by its EXIF orientation, with stored values.

    labels: a colour palette gives its indices instead of an error. channel: 0, 1 or 2 reads the
    red, green or blue of an 8-bit picture as an image by itself. Pixel sizes in the file (dpi)
    describe printing and are ignored.
    """
    content = path.read_bytes()
    name = kind(content, path)
    # libtiff prints messages about damaged files.
    with silent_stderr() if name == "TIFF" else nullcontext():
        values, turn = _decoded(content, name, labels, channel)
        return RawImage(values, turn=turn)


def _decoded(
    content: bytes, name: str, labels: bool, channel: int | None
) -> tuple[np.ndarray, int]:
    """The picture's values, upright, and the EXIF orientation by which they were turned."""
    if _ENDS.get(name, b"") not in content[-4096:]:
        raise truncated(name)
    try:
        with Image.open(io.BytesIO(content), formats=tuple(KINDS)) as picture:
            check_size((picture.height, picture.width), 4)
            _check_single(picture)
            bits = _bits(picture, content)
            turn = picture.getexif().get(_ORIENTATION, 1)
            tags = dict(getattr(picture, "tag_v2", {}))
            picture.load()
            if channel is None:
                array = _numbers(picture, content, bits, tags, labels)
            else:
                array = _channel(picture, bits, channel)
    except Image.DecompressionBombError:
        raise too_large(f"a {name} with more pixels than allowed") from None
    except UnidentifiedImageError:
        if name == "TIFF" and channel is None and len(content) >= 256:
            return _double_tiff(content), 1  # Pillow knows no 64-bit numbers
        raise (truncated if len(content) < 256 else unreadable)(name) from None
    except (OSError, SyntaxError, EOFError):
        raise truncated(name) from None
    if name != "TIFF":  # Pillow and OpenCV turn TIFF themselves
        array = upright(array, turn)
    return np.ascontiguousarray(array), turn if turn in range(1, 9) else 1


def _double_tiff(content: bytes) -> np.ndarray:
    """The values of a TIFF of one page of 64-bit floats, which OpenCV reads; not yet turned."""
    tags = TiffImagePlugin.ImageFileDirectory_v2(content[:8])
    stream = io.BytesIO(content)
    stream.seek(tags.next)
    tags.load(stream)
    doubles = tags.get(_BITS) in (64, (64,)) and tags.get(_SAMPLE_FORMAT) in (3, (3,))
    if not doubles or tags.next or tags.get(_ORIENTATION, 1) != 1:
        raise unreadable("TIFF")
    shape = int(tags[_HEIGHT]), int(tags[_WIDTH])
    check_size(shape, 8)
    decoded = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
    if decoded is None or decoded.shape != shape:
        raise unreadable("TIFF")
    return decoded


def _channel(picture: Image.Image, bits: int, channel: int) -> np.ndarray:
    if picture.mode != "RGB" or bits != 8 or channel > 2:
        raise missing_channel(f"a picture of mode {picture.mode} and {bits} bit", channel)
    return np.asarray(picture)[..., channel]


def _check_single(picture: Image.Image) -> None:
    try:
        picture.seek(1)
    except EOFError:
        picture.seek(0)
        return
    raise error(
        "image_pages",
        f"{picture.format} with several pages",
        "one picture per file",
        "save each page as a separate file, or the stack as NIfTI",
    )


def _bits(picture: Image.Image, content: bytes) -> int:
    """Bits per stored value; Pillow itself spreads 2 and 4 bits over 0..255."""
    if picture.format == "PNG":
        return content[24]
    bits = getattr(picture, "tag_v2", {}).get(_BITS, (1,)) if picture.format == "TIFF" else (8,)
    return max(bits) if isinstance(bits, tuple) else int(bits)


def _numbers(
    picture: Image.Image, content: bytes, bits: int, tags: dict, labels: bool
) -> np.ndarray:
    """The grey values or, of a colour palette with labels, its indices.

    Args:
        picture: opened by Pillow.
        content: the bytes of its file.
        bits: per stored value.
        tags: TIFF tags; empty for other formats.
        labels: the file holds label numbers.

    Returns:
        (height, width), not yet turned upright.

    Raises:
        UserError: for colours, transparency and modes that are not greyscale.
    """
    mode = picture.mode
    _check_opaque(picture)
    if mode in ("P", "PA"):
        indices = np.asarray(picture if mode == "P" else picture.getchannel(0))
        colours = np.asarray(picture.convert("RGB"))
        return indices if labels and not _is_grey(colours) else _grey(colours)
    if bits == 16 and len(picture.getbands()) > 1:  # Pillow would reduce these to 8 bit
        with silent_stderr() if picture.format != "TIFF" else nullcontext():
            decoded = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
        if decoded is None or decoded.shape[:2] != (picture.height, picture.width):
            raise unreadable(picture.format or "a picture")
        if decoded.ndim == 3 and decoded.shape[2] == 4:
            _check_alpha(decoded[..., 3])
        return decoded if decoded.ndim == 2 else _grey(decoded[..., :3])
    if mode in ("LA", "RGBA"):
        _check_alpha(np.asarray(picture.getchannel("A")))
        return _grey(np.asarray(picture)[..., :-1])
    if mode == "RGB":
        return _grey(np.asarray(picture))
    if mode not in ("1", "L", "I", "F") and not mode.startswith("I;16"):
        raise error(
            "image_colour",
            f"a picture of colour mode {mode}",
            "one grey value per pixel",
            "save it as greyscale PNG",
        )
    array = np.asarray(picture)
    signed = 2 in np.atleast_1d(tags.get(_SAMPLE_FORMAT, 1))
    if mode == "L" and bits in (2, 4):
        array = array // (255 // (2**bits - 1))
    elif mode == "L" and signed:
        array = array.view(np.int8)
    elif mode == "I" and tags and bits == 32 and not signed:
        array = array.view(np.uint32)
    elif mode.startswith("I;16") and tags.get(_PHOTOMETRIC) == 0:  # white is zero
        array = 65535 - array
    return array


def _check_opaque(picture: Image.Image) -> None:
    """Raises UserError for transparency of palette colours or of one grey value."""
    key = picture.info.get("transparency")
    if key is None:
        return
    if picture.mode.startswith("I"):
        _check_alpha(np.asarray(picture) == key)
    else:
        _check_alpha(np.asarray(picture.convert("RGBA").getchannel("A")))


def _check_alpha(alpha: np.ndarray) -> None:
    if alpha.min() != alpha.max():
        raise error(
            "image_transparent",
            "a partly transparent picture",
            "an opaque picture",
            "flatten it onto its background and save it as greyscale",
        )


def _is_grey(colours: np.ndarray) -> bool:
    colours = colours.astype(np.int32)
    return int(np.abs(colours - colours[..., :1]).max()) <= GREY_LEVELS


def _grey(colours: np.ndarray) -> np.ndarray:
    if colours.shape[-1] > 1 and not _is_grey(colours):
        # An outline drawn into the image would show the network the answer.
        raise error(
            "image_colour",
            "a colour picture",
            "greyscale",
            "export the image without drawings or colour map",
        )
    return colours[..., min(1, colours.shape[-1] - 1)]
