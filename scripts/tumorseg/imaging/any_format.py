"""Decodes a user's image file; the format is detected from the content.

Damaged input raises UserError, never anything else.
"""

import functools
import inspect
import logging
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from tumorseg.core import registry
from tumorseg.core.errors import UserError
from tumorseg.core.problems import error, warning
from tumorseg.core.two_files import COMPRESSED_PAIR, UNPACK
from tumorseg.imaging import grids
from tumorseg.imaging.raw import MAX_BYTES, RawImage, missing_channel, too_large, unreadable

READABLE = "PNG, JPEG, TIFF, DICOM, NIfTI, MHA, MHD, NRRD or MATLAB 7.3"
# pydicom's log and warnings quote headers, so they must not be printed. The filters are global
# because catch_warnings is not thread-safe.
logging.getLogger("pydicom").setLevel(logging.CRITICAL + 1)
for _library in ("pydicom", "PIL", "nibabel"):
    warnings.filterwarnings("ignore", module=rf"{_library}(\.|$)")


def decode(path: Path, *, labels: bool, channel: int | None = None) -> RawImage:
    """Decodes a picture, a volume or a folder with one DICOM series.

    labels: the file holds label numbers, not an image. channel: the colour of a picture or the
    index along a volume's fourth axis to read, from 0; None where there is only one. Raises
    UserError for any fault; memory stays below a small multiple of MAX_BYTES whatever size the
    file claims.
    """
    path = Path(path)
    try:
        if path.is_dir():
            if channel is not None:
                raise missing_channel("a folder of DICOM slices", channel)
            return _read_safely(registry.entry("formats", "dicom").read, path, "DICOM", labels)
        head = _head(path)
    except OSError as problem:
        reason = problem.strerror or "input/output error"
        raise error(
            "image_unreadable",
            f"the file cannot be read ({reason})",
            "a readable file",
            "check its permissions",
        ) from None
    suffixes_of: dict[str, tuple[str, ...]] = {}
    detected: tuple[str, Callable[..., RawImage]] | None = None
    for name in registry.names("formats"):
        module = registry.entry("formats", name)
        suffixes_of |= module.KINDS
        kind = module.kind(head, path)
        if kind and detected is None:
            detected = kind, module.read
    suffix = ".nii.gz" if path.name.lower().endswith(".nii.gz") else path.suffix.lower()
    kinds_by_name = [kind for kind, suffixes in suffixes_of.items() if suffix in suffixes]
    if detected is None:
        value = (
            f"not a {kinds_by_name[0]} file, despite its name"
            if kinds_by_name
            else "no known image format"
        )
        hint = "export it again, or convert it to PNG (a slice) or NIfTI (a volume)"
        if suffix == ".img":
            hint = "copy the header of the same name, .hdr, beside it, or convert the pair to .nii"
        if path.name.lower().endswith(COMPRESSED_PAIR):
            value, hint = "one file of a compressed pair of header and pixels", UNPACK
        raise error("image_type", value, READABLE, hint)
    kind, read = detected
    if channel is not None:
        if "channel" not in inspect.signature(read).parameters:
            raise missing_channel(kind, channel)
        read = functools.partial(read, channel=channel)
    raw = _read_safely(read, path, kind, labels)
    if kinds_by_name and kind not in kinds_by_name:
        note = warning(
            "image_type",
            f"named {suffix}, but it is {kind}",
            f"a {kinds_by_name[0]} file",
            f"it was read as {kind}; correct its name",
        )
        raw = replace(raw, notes=(note, *raw.notes))
    return raw


def _head(path: Path) -> bytes:
    if not path.exists():
        raise error("image_missing", "there is no such file", "an image file", "correct its path")
    if not path.is_file():  # reading a pipe or a device may never end
        raise error("image_missing", "not a regular file", "an image file", "give a file")
    size = path.stat().st_size
    if size == 0:
        raise error("image_empty", "a file of 0 bytes", "an image", "copy it again")
    if size > MAX_BYTES:
        raise too_large(f"a file of {size} bytes")
    with path.open("rb") as file:
        return file.read(4096)


def _read_safely(read: Callable[..., RawImage], path: Path, kind: str, labels: bool) -> RawImage:
    """Calls a format's reader; its library's warnings and errors never reach the user."""
    try:
        with np.errstate(all="ignore"):
            raw = read(path, labels=labels)
    except (UserError, NameError):  # a NameError is our own bug: no file can cause it
        raise
    except MemoryError:
        raise too_large("more than fits into memory") from None
    except Exception:  # damaged bytes can make a library raise anything, quoting a header
        raise unreadable(kind) from None
    if raw.values.size == 0:
        raise error("image_empty", f"{kind} without pixels", "an image", "export it again")
    if raw.values.dtype.kind == "b":
        raw = replace(raw, values=raw.values.astype(np.uint8))
    if raw.values.dtype.kind not in "iuf":
        raise error(
            "image_colour",
            f"{kind} of colours or complex numbers",
            "one grey value per pixel",
            "export the magnitude or the grey picture",
        )
    if raw.affine is not None:
        _check_affine(raw.affine)
    return raw


def _check_affine(affine: np.ndarray) -> None:
    fault = grids.fault_of(affine)
    if fault:
        hint = "fix the header's orientation"
        raise error("affine_wrong", fault, "three axes in millimetres", hint)
