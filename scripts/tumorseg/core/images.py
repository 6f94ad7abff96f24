"""Reads and writes the project's own images: slices as greyscale PNG, volumes as NIfTI.

8 or 16 bit; no value is changed. Reads JPEG and TIFF too.
"""

from pathlib import Path

import cv2
import numpy as np

from tumorseg.core.errors import UserError
from tumorseg.core.files import write_bytes

SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff")
VOLUME = ".nii.gz"
_END_MARKS = {".png": b"IEND", ".jpg": b"\xff\xd9", ".jpeg": b"\xff\xd9"}
# Silences OpenCV's lines about a damaged file; our own error replaces them.
cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)


def of_channel(folder: str | Path, position: int) -> Path:
    """Where a folder of images keeps a channel: the first, position 1, in the folder itself."""
    return Path(folder) if position == 1 else Path(folder) / f"channel-{position}"


def of_class(folder: str | Path, position: int) -> Path:
    """Where a folder of masks or probabilities keeps a class: the first in the folder itself."""
    return Path(folder) if position == 1 else Path(folder) / f"class-{position}"


def case_file(folder: str | Path, case: str) -> Path:
    """Where a folder keeps the image or mask of a case: a slice's PNG, or a volume's NIfTI."""
    volume = Path(folder) / f"{case}{VOLUME}"
    return volume if volume.is_file() else Path(folder) / f"{case}.png"


def write_case(
    folder: str | Path,
    case: str,
    image: np.ndarray,
    affine: np.ndarray | None = None,
    step: float = 1.0,
) -> Path:
    """Writes the image of a case, uint8 or uint16, and returns its file.

    image: (height, width), or (depth, height, width) with its affine to RAS+ millimetres, which
    other programs show as value * step.
    """
    path = Path(folder) / f"{case}.png"
    if image.ndim == 2:
        write_png(path, image)
        return path
    from tumorseg.core import volumes  # loads nibabel, which only volumes need

    assert affine is not None  # for the type checker: a volume has one
    path = Path(folder) / f"{case}{VOLUME}"
    volumes.write_volume(path, image, affine, step)
    return path


def write_case_mask(
    folder: str | Path, case: str, mask: np.ndarray, affine: np.ndarray | None = None
) -> Path:
    """Writes the 0/1 mask of a case, as `write_case` does: 0 and 255 in PNG, 0 and 1 in NIfTI."""
    shown = 255 if mask.ndim == 2 else 1
    return write_case(folder, case, (mask > 0).astype(np.uint8) * shown, affine)


def affine_of(path: str | Path) -> np.ndarray | None:
    """The affine of a stored volume; None for a slice."""
    if not str(path).endswith(VOLUME):
        return None
    from tumorseg.core import volumes

    return volumes.read_affine(path)


def read_image(path: str | Path) -> np.ndarray:
    """A slice (height, width) or volume in the file's own type, uint8 or uint16.

    A colour file with three equal channels becomes grey. Raises UserError for a missing,
    unreadable, truncated or truly coloured file.
    """
    path = Path(path)
    if path.name.endswith(VOLUME):
        from tumorseg.core import volumes

        return volumes.read_volume(path)[0]
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise UserError(f"{path}: unknown image type, expected one of {' '.join(SUFFIXES)}")
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise UserError(f"{path}: no such image file") from None
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from None
    mark = _END_MARKS.get(suffix)
    if mark and mark not in content[-4096:]:
        raise UserError(f"{path}: image file is truncated or damaged; copy it again")
    image = None
    if content:
        try:
            image = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
        except cv2.error:
            image = None
    if image is None:
        raise UserError(f"{path}: image file is unreadable; copy it again or convert it to PNG")
    if image.ndim == 3:
        image = _grey(image, path)
    if image.dtype not in (np.uint8, np.uint16):
        raise UserError(
            f"{path}: pixels are {image.dtype}, expected 8- or 16-bit unsigned integers"
        )
    return image


def _grey(image: np.ndarray, path: Path) -> np.ndarray:
    colour = image[..., :3].astype(np.int32)
    # JPEG stores colour at lower precision, so allow channels to differ by 3 levels.
    if np.abs(colour - colour[..., :1]).max() > 3:
        raise UserError(f"{path}: a colour picture, expected greyscale")
    return np.ascontiguousarray(image[..., 1])


def write_png(path: str | Path, image: np.ndarray) -> None:
    """Writes a (height, width) uint8 or uint16 array as PNG, atomically."""
    # Encoded in memory, because OpenCV does not notice that a disk is full when it closes a file.
    content = cv2.imencode(".png", image, [cv2.IMWRITE_PNG_COMPRESSION, 3])[1]
    write_bytes(path, content.tobytes())


def read_mask(path: str | Path) -> np.ndarray:
    """A stored mask as (height, width) uint8 of 0 and 1; any non-zero pixel is foreground."""
    return (read_image(path) > 0).astype(np.uint8)


def write_mask(path: str | Path, mask: np.ndarray) -> None:
    """Writes a 0/1 mask as PNG with values 0 and 255, so that it can be viewed."""
    write_png(path, (mask > 0).astype(np.uint8) * 255)
