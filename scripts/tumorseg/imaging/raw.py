"""What every format's reader returns and raises, and how large a file may be."""

from dataclasses import dataclass
from math import prod

import numpy as np

from tumorseg.core.problems import DataError, Problem, error, warning
from tumorseg.imaging.grids import Stated

MAX_PIXELS = 2**27  # of one picture, or of one slice
MAX_BYTES = 2**31  # of one volume's numbers, and of one file


@dataclass(frozen=True)
class Segment:
    """A named label: the voxels of `value` in one layer of a segmentation."""

    name: str
    value: int
    layer: int


@dataclass(frozen=True)
class RawImage:
    """A decoded file, rescaled to the measured values.

    values: (height, width) of a picture or (i, j, k) of a volume, any type of number. inverted: the
    lowest value is displayed white. segments: of 3D Slicer's segmentations, whose values are
    (i, j, k, layer). The other attributes are those of imaging.scans.Scan.
    """

    values: np.ndarray
    affine: np.ndarray | None = None
    spacing_mm: tuple[float, float] = (np.nan, np.nan)
    uids: tuple[str, ...] = ()
    inverted: bool = False
    notes: tuple[Problem, ...] = ()
    affines: tuple[Stated, ...] = ()
    segments: tuple[Segment, ...] = ()
    turn: int = 1
    study: str = ""


def upright(array: np.ndarray, turn: int) -> np.ndarray:
    """The stored array turned and mirrored by the EXIF orientation (1 to 8)."""
    if turn in (5, 6, 7, 8):
        array = array.swapaxes(0, 1)
    if turn in (2, 3, 6, 7):
        array = array[:, ::-1]
    if turn in (3, 4, 7, 8):
        array = array[::-1]
    return array


def missing_channel(content: str, channel: int) -> DataError:
    """The error for a file that lacks the requested channel. content: what the file holds."""
    hint = "check that these are the files of the data set, unchanged"
    return error("channel_missing", content, f"an image number {channel + 1} in it", hint)


def unreadable(kind: str) -> DataError:
    """The error for a file that its library cannot decode."""
    return error(
        "image_unreadable",
        f"{kind} that cannot be decoded: damaged, or of a rare kind",
        "a complete file",
        "copy or export it again, or convert it to PNG or NIfTI",
    )


def truncated(kind: str) -> DataError:
    """The error for a file that ends before its pixels do."""
    return error(
        "image_truncated",
        f"{kind} that ends too early or is damaged",
        "a complete file",
        "copy it again",
    )


def too_large(size: str) -> DataError:
    """The error for a file above the limits."""
    return error(
        "image_too_large",
        size,
        f"at most {MAX_PIXELS} pixels per slice and {MAX_BYTES} bytes per volume",
        "crop or downsample it",
    )


def check_size(shape: tuple[int, ...], itemsize: int) -> None:
    """Raises UserError for a picture or volume above the limits; call it before decoding.

    shape: (height, width), or a volume's. itemsize: bytes per number.
    """
    count = prod(int(side) for side in shape)
    text = " x ".join(str(int(side)) for side in shape)
    if any(side < 1 for side in shape):
        raise error("image_empty", f"a size of {text}", "an image", "export it again")
    if (len(shape) == 2 and count > MAX_PIXELS) or count * itemsize > MAX_BYTES:
        raise too_large(f"a size of {text}")


def rescaled(values: np.ndarray, slope: float, intercept: float) -> np.ndarray:
    """slope * values + intercept; integers stay integers where slope and intercept are integers."""
    if (slope, intercept) == (1, 0):
        return values
    if values.dtype.kind in "iu" and float(slope).is_integer() and float(intercept).is_integer():
        reach = max(abs(int(values.min())), abs(int(values.max()))) * abs(slope) + abs(intercept)
        integer: type = np.int32 if reach < 2**31 else np.int64
        if reach < 2**63:
            return values.astype(integer) * integer(slope) + integer(intercept)
    real: type = np.float32 if values.dtype.itemsize <= 2 else np.float64
    return values.astype(real) * real(slope) + real(intercept)


def to_three_axes(shape: tuple[int, ...]) -> tuple[int, int, int]:
    """A shape with exactly three axes: drops further axes of length 1, adds missing ones."""
    if not len(shape) >= 2 or any(side != 1 for side in shape[3:]):
        text = " x ".join(str(side) for side in shape)
        raise error(
            "volume_many",
            f"{len(shape)} dimensions ({text})",
            "one volume of three dimensions",
            "save the volume you need as a separate file",
        )
    first, second, third = (int(side) for side in (*shape, 1)[:3])
    return first, second, third


def orientation_warning(axes: str) -> Problem:
    """The warning for a volume without an orientation in its header; axes: what is assumed."""
    return warning(
        "affine_missing",
        "a volume whose header gives no orientation in the patient",
        "an orientation",
        f"the file's axes are assumed to run {axes}; fix the header if that is wrong",
    )
