"""A user's file to numbers: its format is told by its content, and whatever the bytes are, nothing
but UserError comes out."""

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
from tumorseg.imaging.raw import MAX_BYTES, Raw, no_channel, too_large, unreadable

READABLE = "PNG, JPEG, TIFF, DICOM, NIfTI, MHA, MHD, NRRD or MATLAB 7.3"
# pydicom's log and warnings quote headers: they must reach nobody's terminal. Filters are set once,
# for catch_warnings is not safe where threads read.
logging.getLogger("pydicom").setLevel(logging.CRITICAL + 1)
for _library in ("pydicom", "PIL", "nibabel"):
    warnings.filterwarnings("ignore", module=rf"{_library}(\.|$)")


def decode(path: Path, *, labels: bool, channel: int | None = None) -> Raw:
    """The numbers of a picture, a volume or a folder with one DICOM series.

    labels: the file holds label numbers, not an image. channel: which of a picture's colours or of
    a volume's fourth axis, from 0; None where there is only one. Raises UserError for everything
    that is wrong; memory stays below a small multiple of MAX_BYTES whatever the file claims.
    """
    path = Path(path)
    try:
        if path.is_dir():
            return _guarded(registry.entry("formats", "dicom").read, path, "DICOM", labels)
        head = _head(path)
    except OSError as problem:
        reason = problem.strerror or "input/output error"
        raise error(
            "image_unreadable", f"it cannot be read ({reason})", "a file", "check its rights"
        ) from None
    known: dict[str, tuple[str, ...]] = {}
    found: tuple[str, Callable[..., Raw]] | None = None
    for name in registry.names("formats"):
        module = registry.entry("formats", name)
        known |= module.KINDS
        kind = module.kind(head, path)
        if kind and found is None:
            found = kind, module.read
    suffix = ".nii.gz" if path.name.lower().endswith(".nii.gz") else path.suffix.lower()
    stated = [kind for kind, suffixes in known.items() if suffix in suffixes]
    if found is None:
        value = (
            f"no {stated[0]} file, whatever its name says" if stated else "no known image format"
        )
        hint = "export it again, or convert it to PNG (a slice) or NIfTI (a volume)"
        raise error("image_type", value, READABLE, hint)
    kind, read = found
    if channel is not None:
        if "channel" not in inspect.signature(read).parameters:
            raise no_channel(kind, channel)
        read = functools.partial(read, channel=channel)
    raw = _guarded(read, path, kind, labels)
    if stated and kind not in stated:
        lie = warning(
            "image_type",
            f"named {suffix}, but it is {kind}",
            f"a {stated[0]} file",
            "it was read by its content; give it its right name",
        )
        raw = replace(raw, notes=(lie, *raw.notes))
    return raw


def _head(path: Path) -> bytes:
    if not path.exists():
        raise error("image_missing", "there is no such file", "an image file", "correct its path")
    if not path.is_file():  # a pipe or a device would never end
        raise error("image_missing", "this is no ordinary file", "an image file", "give a file")
    size = path.stat().st_size
    if size == 0:
        raise error("image_empty", "a file of 0 bytes", "an image", "copy it again")
    if size > MAX_BYTES:
        raise too_large(f"a file of {size} bytes")
    with path.open("rb") as file:
        return file.read(4096)


def _guarded(read: Callable[..., Raw], path: Path, kind: str, labels: bool) -> Raw:
    """What a format's reader gives; its library's warnings and errors never reach the user."""
    try:
        with np.errstate(all="ignore"):
            raw = read(path, labels=labels)
    except (UserError, NameError):  # NameError: a fault of ours, which no file can provoke
        raise
    except MemoryError:
        raise too_large("more than the memory holds") from None
    except Exception:  # a library may raise anything on damaged bytes; its text may quote a header
        raise unreadable(kind) from None
    if raw.values.size == 0:
        raise error("image_empty", f"{kind} without a single pixel", "an image", "export it again")
    if raw.values.dtype.kind == "b":
        raw = replace(raw, values=raw.values.astype(np.uint8))
    if raw.values.dtype.kind not in "iuf":
        raise error(
            "image_colour",
            f"{kind} of colours or complex numbers",
            "one grey value a pixel",
            "export the magnitude or the grey picture",
        )
    if raw.affine is not None:
        _check_affine(raw.affine)
    return raw


def _check_affine(affine: np.ndarray) -> None:
    linear = affine[:3, :3]
    sides = np.linalg.norm(linear, axis=0)
    if not np.isfinite(affine).all() or not (sides > 1e-4).all() or not (sides < 1e4).all():
        found = "voxel sizes of " + " x ".join(f"{side:g}" for side in sides) + " mm"
    elif abs(np.linalg.det(linear / sides)) < 0.05:
        found = "voxel axes that lie in one plane"
    else:
        return
    raise error("affine_wrong", found, "three axes in millimetres", "mend the header's orientation")
