"""A user's file to numbers: its format is told by its content, and whatever the bytes are, nothing
but UserError comes out."""

import functools
import inspect
import logging
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from math import prod
from pathlib import Path
from threading import Lock

import numpy as np

from tumorseg import registry
from tumorseg.errors import UserError
from tumorseg.problems import Problem, error, warning

MAX_PIXELS = 2**27  # of one picture, or of one slice
MAX_BYTES = 2**31  # of one volume's numbers, and of one file
READABLE = "PNG, JPEG, TIFF, DICOM, NIfTI, MHA, MHD, NRRD or MATLAB 7.3"
_one_at_a_time = Lock()
# pydicom writes values of the header into its log: those must reach nobody's terminal.
logging.getLogger("pydicom").setLevel(logging.CRITICAL + 1)


@dataclass(frozen=True)
class Raw:
    """What a file holds, undone of its coding and rescaled to what was measured.

    values: (height, width) of a picture, (i, j, k) of a volume, any type of number. inverted: the
    lowest value is shown white. The rest as in tumorseg.scans.Scan.
    """

    values: np.ndarray
    affine: np.ndarray | None = None
    spacing_mm: tuple[float, float] = (np.nan, np.nan)
    uids: tuple[str, ...] = ()
    inverted: bool = False
    notes: tuple[Problem, ...] = ()


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
        with _quiet(), warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            raw = read(path, labels=labels)
    except UserError:
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


@contextmanager
def _quiet() -> Iterator[None]:
    """Sends what C libraries print about a damaged file nowhere: our one line says it better.

    Standard error is the whole process's, so threads decode one after the other.
    """
    with _one_at_a_time, Path(os.devnull).open("wb") as nowhere:
        sys.stderr.flush()
        kept = os.dup(2)
        try:
            os.dup2(nowhere.fileno(), 2)
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)


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


def no_channel(found: str, channel: int) -> UserError:
    """A file of one image where one of several is asked for."""
    hint = "check that these are the files of the data set, unchanged"
    return error("channel_missing", found, f"an image number {channel + 1} in it", hint)


def unreadable(kind: str) -> UserError:
    """A file that is damaged in some way that its library cannot name."""
    return error(
        "image_unreadable",
        f"{kind} that cannot be decoded: damaged, or of a rare kind",
        "a whole file",
        "copy or export it again, or convert it to PNG or NIfTI",
    )


def truncated(kind: str) -> UserError:
    """A file that ends before its pixels do."""
    return error(
        "image_truncated",
        f"{kind} that ends too early or is damaged",
        "a whole file",
        "copy it again",
    )


def too_large(found: str) -> UserError:
    """A file that would not fit."""
    return error(
        "image_too_large",
        found,
        f"at most {MAX_PIXELS} pixels a slice and {MAX_BYTES} bytes a volume",
        "crop or downsample it",
    )


def check_size(shape: tuple[int, ...], itemsize: int) -> None:
    """Raises UserError for a picture or volume of more than the caps: call it before decoding.

    shape: (height, width) or any volume's; itemsize: bytes a number.
    """
    count = prod(int(side) for side in shape)
    text = " x ".join(str(int(side)) for side in shape)
    if any(side < 1 for side in shape):
        raise error("image_empty", f"a size of {text}", "an image", "export it again")
    if (len(shape) == 2 and count > MAX_PIXELS) or count * itemsize > MAX_BYTES:
        raise too_large(f"a size of {text}")


def rescaled(values: np.ndarray, slope: float, intercept: float) -> np.ndarray:
    """slope * values + intercept; whole numbers stay whole where the two are whole."""
    if (slope, intercept) == (1, 0):
        return values
    if values.dtype.kind in "iu" and float(slope).is_integer() and float(intercept).is_integer():
        reach = max(abs(int(values.min())), abs(int(values.max()))) * abs(slope) + abs(intercept)
        kind = np.int32 if reach < 2**31 else np.int64
        if reach < 2**63:
            return values.astype(kind) * kind(slope) + kind(intercept)
    kind = np.float32 if values.dtype.itemsize <= 2 else np.float64
    return values.astype(kind) * kind(slope) + kind(intercept)
