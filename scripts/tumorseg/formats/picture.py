"""Reads PNG, JPEG and TIFF pictures with one grey value per pixel, and TIFF stacks, as stored."""

import io
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, UnidentifiedImageError

from tumorseg.core.problems import Problem, error
from tumorseg.core.quiet import silent_stderr
from tumorseg.imaging import pages
from tumorseg.imaging.double_tiff import double_tiff
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
_ENDS = {"PNG": b"IEND", "JPEG": b"\xff\xd9"}
_ORIENTATION, _BITS, _PHOTOMETRIC, _SAMPLE_FORMAT = 0x0112, 258, 262, 339  # tags of EXIF and TIFF
# JPEG stores colour at lower precision: channels of a grey picture may differ by this much. In a
GREY_LEVELS, DARK = 3, 32  # dark picture, however, (1, 0, 0) and (2, 0, 0) are labels.
COLOUR_MODES = ("RGB", "RGBA", "P", "PA", "L", "LA", "1")  # of Pillow
Values = Callable[[Image.Image, int, dict], np.ndarray]  # of a page, its bits per value, its tags
Decoded = tuple[np.ndarray, int, list[Problem]]
Image.MAX_IMAGE_PIXELS = MAX_PIXELS


def kind(head: bytes, path: Path) -> str:
    """PNG, JPEG or TIFF by the first bytes; empty for anything else."""
    return next((name for name, starts in _STARTS.items() if head.startswith(starts)), "")


def read(path: Path, *, labels: bool, channel: int | None = None) -> RawImage:
    """The picture (height, width), turned upright by its EXIF orientation, with stored values.

    A TIFF stack: (page, height, width). labels: a colour palette gives its indices instead of an
    error. channel: 0, 1 or 2 reads the red, green or blue of an 8-bit picture as an image by
    itself. Pixel sizes in the file (dpi) describe printing and are ignored.
    """
    content = path.read_bytes()

    def values(opened: Image.Image, bits: int, tags: dict) -> np.ndarray:
        if channel is not None:
            return _channel(opened, bits, channel)
        return _numbers(opened, content, bits, tags, labels)

    array, turn, notes = _decoded(content, values, plain=channel is None)
    return RawImage(array, turn=turn, notes=tuple(notes))


def read_colours(path: Path) -> tuple[np.ndarray, int] | None:
    """The colours (height, width, 4) uint8 of a picture: red, green, blue, opacity; and its turn.

    Upright, by the EXIF orientation that is returned. None for another file and for colours that
    are neither RGB of 8 bit nor a palette.
    """
    content = path.read_bytes() if path.is_file() else b""
    if not kind(content, path):
        return None

    def colours(opened: Image.Image, bits: int, _: dict) -> np.ndarray:
        known = opened.mode in COLOUR_MODES and bits <= 8  # 16 bits would lose their low byte
        return np.asarray(opened.convert("RGBA") if known else [[]])

    rgba, turn, _ = _decoded(content, colours, plain=False)
    return (rgba, turn) if rgba.size else None


def _decoded(content: bytes, values: Values, *, plain: bool) -> Decoded:
    """The upright picture's values, the EXIF orientation by which they were turned, and warnings.

    values: makes them from the loaded page, its bits per value and its tags. plain: they are the
    numbers as stored, so that a TIFF may also hold 64-bit floats or several slices.
    """
    name = kind(content, Path())
    if _ENDS.get(name, b"") not in content[-4096:]:
        raise truncated(name)
    # libtiff prints messages about damaged files.
    quiet = silent_stderr() if name == "TIFF" else nullcontext()
    try:
        with quiet, Image.open(io.BytesIO(content), formats=tuple(KINDS)) as picture:
            numbers, notes = pages.slices(picture, several=plain)
            check_size((len(numbers), picture.height, picture.width), 4)
            stack = []
            for number in numbers:
                picture.seek(number)
                turn, array = _page(picture, content, values)
                stack.append(array)
    except Image.DecompressionBombError:
        raise too_large(f"a {name} with more pixels than allowed") from None
    except UnidentifiedImageError:
        if name == "TIFF" and plain and len(content) >= 256:
            return double_tiff(content), 1, []  # Pillow knows no 64-bit numbers
        raise (truncated if len(content) < 256 else unreadable)(name) from None
    except (OSError, SyntaxError, EOFError):
        raise truncated(name) from None
    if len(stack) > 1:
        return pages.stacked(stack), 1, notes
    if name != "TIFF":  # Pillow and OpenCV turn TIFF themselves
        array = upright(array, turn)
    return np.ascontiguousarray(array), turn if turn in range(1, 9) else 1, notes


def _page(picture: Image.Image, content: bytes, values: Values) -> tuple[int, np.ndarray]:
    """The EXIF orientation of the page at which a picture is, and its values."""
    check_size((picture.height, picture.width), 4)
    bits, tags = _bits(picture, content), dict(getattr(picture, "tag_v2", {}))
    turn = picture.getexif().get(_ORIENTATION, 1)
    picture.load()
    return turn, values(picture, bits, tags)


def _channel(picture: Image.Image, bits: int, channel: int) -> np.ndarray:
    if picture.mode != "RGB" or bits != 8 or channel > 2:
        raise missing_channel(f"a picture of mode {picture.mode} and {bits} bit", channel)
    return np.asarray(picture)[..., channel]


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
    if mode == "P" and labels and _background_first(picture):
        return np.asarray(picture)
    _check_opaque(picture)
    if mode in ("P", "PA"):
        return _grey(np.asarray(picture.convert("RGB")))
    if bits == 16 and len(picture.getbands()) > 1:  # Pillow would reduce these to 8 bit
        if picture.tell():  # OpenCV decodes the first page
            raise unreadable("TIFF")
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


def _background_first(picture: Image.Image) -> bool:
    """Whether a palette's numbers are labels; its colours only show them.

    Not so for greys, and where black or what is transparent has another number than 0.
    """
    indices, colours = np.asarray(picture), np.asarray(picture.convert("RGBA"))
    opaque, beyond = colours[..., 3] > 0, indices > 0
    black = ~colours[..., :3].any(axis=-1)
    return bool(
        not _is_grey(colours[..., :3])
        and opaque[beyond].all()
        and not (black & beyond).any()
        and (opaque.all() or not opaque[~beyond].any())
    )


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
        hint = "flatten it onto its background and save it as greyscale"
        value = "a partly transparent picture"
        raise error("image_transparent", value, "an opaque picture", hint)


def _is_grey(colours: np.ndarray) -> bool:
    colours = colours.astype(np.int32)
    difference = int(np.abs(colours - colours[..., :1]).max())
    return difference <= (GREY_LEVELS if colours.max() >= DARK else 0)


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
