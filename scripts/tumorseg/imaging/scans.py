"""Reads a user's images and label images in any format."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tumorseg.core.cases import PLANES
from tumorseg.core.problems import Problem, error, warning
from tumorseg.imaging.any_format import decode
from tumorseg.imaging.grids import Stated
from tumorseg.imaging.padding import undeclared
from tumorseg.imaging.planes import DISPLAY, cut, oblique_notes, world_axes
from tumorseg.imaging.raw import Segment

LABEL_ROUNDING = 0.001  # labels stored as floats may be this far from a whole number


@dataclass(frozen=True)
class Scan:
    """One picture or volume that has been read; the measured value is offset + scale * voxel.

    Attributes:
        voxels: uint8 or uint16; (height, width) of a picture, (page, height, width) of a stack of
            pictures, or (i, j, k) of a volume in the file's order (a DICOM series: slice, row,
            column).
        affine: (4, 4) from (i, j, k) to RAS+ millimetres; None for a picture or stack.
        spacing_mm: (height, width) of a picture's pixel, NaN where unknown; a volume's spacing is
            in its affine.
        uids: the DICOM SOP instance UID of each slice along the first axis.
        notes: warnings from reading the file.
        affines: every affine that the header states, the one that counts first, or the one that is
            assumed; empty where it is `affine` alone.
        turn: the EXIF orientation by which a picture was turned upright; 1 for none.
        study: a digest of the DICOM study's UID; empty where there is none.
    """

    path: Path
    voxels: np.ndarray
    offset: float = 0.0
    scale: float = 1.0
    affine: np.ndarray | None = None
    spacing_mm: tuple[float, float] = (np.nan, np.nan)
    uids: tuple[str, ...] = ()
    notes: tuple[Problem, ...] = ()
    affines: tuple[Stated, ...] = ()
    turn: int = 1
    study: str = ""


@dataclass(frozen=True)
class Labels:
    """A label picture or volume: whole numbers in the file's order, and its affine (or None).

    affines, turn, uids: as in Scan. segments: as in RawImage; where there are any, the last axis of
    values is their layer.
    """

    values: np.ndarray
    affine: np.ndarray | None = None
    notes: tuple[Problem, ...] = ()
    affines: tuple[Stated, ...] = ()
    segments: tuple[Segment, ...] = ()
    turn: int = 1
    uids: tuple[str, ...] = ()


def read(path: Path, channel: int | None = None) -> Scan:
    """Reads a picture, a volume or a folder with a DICOM series (conversions: docs/formats.md).

    Pictures of unsigned 8 or 16 bit keep their values (padding apart); all others, and volumes, are
    scaled linearly so that the image's range becomes 0..65535. channel: which one to read, from 0,
    where a picture's colours or a volume's fourth axis hold different images. Raises DataError for
    a file that cannot be used.
    """
    raw = decode(path, labels=False, channel=channel)
    voxels, offset, scale, notes = raw.values, 0.0, 1.0, list(raw.notes)
    if raw.affine is not None or raw.uids or raw.values.dtype not in (np.uint8, np.uint16):
        _check_finite(voxels)
        measured = undeclared(voxels, notes, inverted=raw.inverted)
        voxels, offset, scale = _to_uint16(measured, raw.inverted)
    elif voxels.dtype == np.uint16:
        voxels = undeclared(voxels, notes, low_end=False)
    if raw.affine is not None:
        notes += oblique_notes(raw.affine)
    return Scan(
        Path(path),
        np.ascontiguousarray(voxels),
        offset,
        scale,
        raw.affine,
        raw.spacing_mm,
        raw.uids,
        tuple(notes),
        raw.affines,
        raw.turn,
        raw.study,
    )


def read_labels(path: Path) -> Labels:
    """Reads a label picture or volume in any image format; its values are never rescaled.

    Numbers within .001 of a whole one count as it. Raises DataError for a file that cannot be used
    or that holds other fractions.
    """
    raw = decode(path, labels=True)
    values, notes = raw.values, raw.notes
    if values.dtype.kind == "f":
        _check_finite(values)
        whole = np.rint(values)
        if np.abs(values - whole).max() > LABEL_ROUNDING or np.abs(values).max() >= 2**31:
            raise error(
                "label_fraction",
                "labels that are not whole numbers",
                "one whole number per label",
                "threshold probabilities first; export labels as integers",
            )
        changed = int(np.count_nonzero(values != whole))
        if changed:
            value = f"{changed} labels that are not quite whole numbers"
            hint = f"they were rounded, by at most {LABEL_ROUNDING:g}; export labels as integers"
            notes = (*notes, warning("label_rounded", value, "whole numbers", hint))
        values = whole.astype(np.int32)
    values = np.ascontiguousarray(values)
    return Labels(values, raw.affine, notes, raw.affines, raw.segments, raw.turn, raw.uids)


def _check_finite(values: np.ndarray) -> None:
    if values.dtype.kind == "f":
        bad = sum(int(np.count_nonzero(~np.isfinite(part))) for part in values)
        if bad:
            raise error(
                "volume_not_finite",
                f"{bad} values that are NaN or infinite",
                "finite numbers",
                "replace them, for instance with 0, and save the file again",
            )


def _to_uint16(values: np.ndarray, inverted: bool) -> tuple[np.ndarray, float, float]:
    """The values scaled to 0..65535 uint16, and the offset and scale that reverse it.

    Whole numbers that span at most 65535 are restored exactly by rounding.
    """
    low, high = float(values.min()), float(values.max())
    scale = (high - low) / 65535 or 1.0
    if not np.isfinite(1 / scale) or not np.isfinite(scale):
        raise error(
            "volume_not_finite",
            f"values from {low:g} to {high:g}",
            "a range that can be scaled to 0..65535",
            "rescale the values and save the file again",
        )
    offset, scale = (high, -scale) if inverted else (low, scale)
    voxels = np.empty(values.shape, np.uint16)
    for target, part in zip(voxels, values, strict=True):  # one slice at a time saves memory
        target[...] = np.rint((part.astype(np.float64) - offset) / scale)
    return voxels, offset, scale


def acquisition_plane(scan: Scan) -> str:
    """The plane in which a volume was acquired; empty for a picture, where it is unknown.

    It is perpendicular to the slice axis: that of a DICOM series; otherwise an axis of one voxel,
    else the axis along which voxels are longest (by at least 1 %), else the file's last axis, where
    converters put the slices.
    """
    if scan.affine is None:
        return ""
    sides = np.linalg.norm(scan.affine[:3, :3], axis=0)
    single = [axis for axis in (2, 1, 0) if scan.voxels.shape[axis] == 1]
    longest = int(np.argmax(sides))
    if scan.uids:
        axis = 0
    elif single:
        axis = single[0]
    else:
        axis = longest if sides[longest] > 1.01 * np.delete(sides, longest).max() else 2
    ras = world_axes(scan.affine)[axis, 0]
    return next(plane for plane in PLANES if DISPLAY[plane][0][0] == ras)


def planes_of(scan: Scan) -> tuple[str, ...]:
    """The planes a scan can be cut into, the acquisition plane first; none for a picture.

    A volume of a single slice has only its acquisition plane.
    """
    if scan.affine is None:
        return ()
    acquired = acquisition_plane(scan)
    if cut(scan.voxels, scan.affine, acquired).shape[0] == 1:
        return (acquired,)
    return (acquired, *(plane for plane in PLANES if plane != acquired))
