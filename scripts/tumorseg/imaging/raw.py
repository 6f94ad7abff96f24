"""What every format's reader gives back and raises, and how large a file may be."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod
from pathlib import Path
from threading import Lock

import numpy as np

from tumorseg.core.problems import DataError, Problem, error, warning

MAX_PIXELS = 2**27  # of one picture, or of one slice
MAX_BYTES = 2**31  # of one volume's numbers, and of one file
_one_at_a_time = Lock()


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


@contextmanager
def quiet() -> Iterator[None]:
    """Sends what C libraries print about a damaged file nowhere: our one line says it better.

    Standard error is the whole process's, so it is used only around libraries that print, by one
    thread after the other.
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


def no_channel(found: str, channel: int) -> DataError:
    """A file of one image where one of several is asked for."""
    hint = "check that these are the files of the data set, unchanged"
    return error("channel_missing", found, f"an image number {channel + 1} in it", hint)


def unreadable(kind: str) -> DataError:
    """A file that is damaged in some way that its library cannot name."""
    return error(
        "image_unreadable",
        f"{kind} that cannot be decoded: damaged, or of a rare kind",
        "a whole file",
        "copy or export it again, or convert it to PNG or NIfTI",
    )


def truncated(kind: str) -> DataError:
    """A file that ends before its pixels do."""
    return error(
        "image_truncated",
        f"{kind} that ends too early or is damaged",
        "a whole file",
        "copy it again",
    )


def too_large(found: str) -> DataError:
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


def three_axes(shape: tuple[int, ...]) -> tuple[int, int, int]:
    """A shape without the axes of length 1 beyond the third, and filled up to three."""
    if not len(shape) >= 2 or any(side != 1 for side in shape[3:]):
        text = " x ".join(str(side) for side in shape)
        raise error(
            "volume_many",
            f"{len(shape)} dimensions ({text})",
            "one volume of three dimensions",
            "save the volume that is wanted as a file of its own",
        )
    return tuple(int(side) for side in (*shape, 1)[:3])


def orientation_unknown() -> Problem:
    """The warning about a volume whose place in the patient is a guess."""
    return warning(
        "affine_missing",
        "a volume whose header does not say how it lies in the patient",
        "an orientation",
        "planes follow the file's axes as if they ran Right-Anterior-Superior; "
        "mend the header where that is wrong",
    )
