"""An image as a user's file holds it, and the way from a volume to slices and back."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from nibabel.orientations import io_orientation

from tumorseg.core.cases import PLANES
from tumorseg.core.problems import DataError, Problem, error, warning
from tumorseg.imaging.any_format import decode
from tumorseg.imaging.planes import DISPLAY, cut, world_axes

OBLIQUE_DEGREES = 15.0  # from here on the nearest plane is worth a warning


@dataclass(frozen=True)
class Scan:
    """One picture or volume, read.

    voxels: uint8 or uint16; (height, width) for a picture, (i, j, k) in the file's own order for a
    volume (a DICOM series: slice, row, column). The measured value is offset + scale * voxel.
    affine: (4, 4) from (i, j, k) to RAS+ millimetres; None for a picture. spacing_mm: (height,
    width) of a picture's pixel, NaN where unknown; a volume's is in its affine. uids: the DICOM SOP
    instance UID of each slice along the first axis. notes: warnings that reading it gave.
    """

    path: Path
    voxels: np.ndarray
    offset: float = 0.0
    scale: float = 1.0
    affine: np.ndarray | None = None
    spacing_mm: tuple[float, float] = (np.nan, np.nan)
    uids: tuple[str, ...] = ()
    notes: tuple[Problem, ...] = ()


@dataclass(frozen=True)
class Labels:
    """A label picture or volume, read: whole numbers in the file's own order, and its grid."""

    values: np.ndarray
    affine: np.ndarray | None = None
    notes: tuple[Problem, ...] = ()


def read(path: Path, channel: int | None = None) -> Scan:
    """A picture, a volume or the DICOM series in a folder; docs/formats.md has every conversion.

    Pictures of unsigned 8 or 16 bit keep their numbers; everything else is stretched linearly over
    the whole image or volume to 0..65535. channel: the one that is read, from 0, where a picture's
    colours or a volume's fourth axis are different images. Raises DataError for a file that cannot
    be used.
    """
    raw = decode(path, labels=False, channel=channel)
    voxels, offset, scale = raw.values, 0.0, 1.0
    if raw.affine is not None or raw.uids or raw.values.dtype not in (np.uint8, np.uint16):
        voxels, offset, scale = _stretched(raw.values, raw.inverted)
    notes = raw.notes if raw.affine is None else (*raw.notes, *_oblique(raw.affine))
    return Scan(
        Path(path),
        np.ascontiguousarray(voxels),
        offset,
        scale,
        raw.affine,
        raw.spacing_mm,
        raw.uids,
        notes,
    )


def read_labels(path: Path) -> Labels:
    """A label picture or volume from any of the same files: its numbers, never rescaled.

    Raises DataError for a file that cannot be used or that holds fractions.
    """
    raw = decode(path, labels=True)
    values = raw.values
    if values.dtype.kind == "f":
        _check_finite(values)
        if (values != np.rint(values)).any() or np.abs(values).max() >= 2**31:
            raise error(
                "label_fraction",
                "labels that are no whole numbers",
                "one whole number a label",
                "threshold probabilities first; export labels as integers",
            )
        values = values.astype(np.int32)
    return Labels(np.ascontiguousarray(values), raw.affine, raw.notes)


def _check_finite(values: np.ndarray) -> None:
    if values.dtype.kind == "f":
        bad = sum(int(np.count_nonzero(~np.isfinite(part))) for part in values)
        if bad:
            raise error(
                "volume_not_finite",
                f"{bad} values that are NaN or infinite",
                "finite numbers",
                "replace them, for instance by 0, and save the file again",
            )


def _stretched(values: np.ndarray, inverted: bool) -> tuple[np.ndarray, float, float]:
    """The values as 0..65535 uint16, the offset and the scale of the way back.

    Whole numbers that span at most 65535 come back exactly when rounded.
    """
    _check_finite(values)
    low, high = float(values.min()), float(values.max())
    scale = (high - low) / 65535 or 1.0
    if not np.isfinite(1 / scale) or not np.isfinite(scale):
        raise error(
            "volume_not_finite",
            f"values from {low:g} to {high:g}",
            "a range that can be divided",
            "rescale the values and save the file again",
        )
    offset, scale = (high, -scale) if inverted else (low, scale)
    voxels = np.empty(values.shape, np.uint16)
    for target, part in zip(voxels, values, strict=True):  # a slice at a time: memory stays flat
        target[...] = np.rint((part.astype(np.float64) - offset) / scale)
    return voxels, offset, scale


def _oblique(affine: np.ndarray) -> tuple[Problem, ...]:
    linear = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    cosines = np.abs(linear[world_axes(affine)[:, 0], np.arange(3)])
    degrees = float(np.degrees(np.arccos(min(1.0, cosines.min()))))
    if degrees <= OBLIQUE_DEGREES:
        return ()
    return (
        warning(
            "plane_oblique",
            f"slices tilted by {degrees:.0f} degrees",
            f"at most {OBLIQUE_DEGREES:g} from axial, coronal or sagittal",
            "the nearest plane is used; resample the volume if that is wrong",
        ),
    )


def own_plane(scan: Scan) -> str:
    """The plane in which a volume was taken; empty for a picture, which does not say it.

    DICOM: its slices. Otherwise an axis of a single voxel, else the axis of the widest voxels
    (by 1 % at least), else the file's last axis, where converters put the slices.
    """
    if scan.affine is None:
        return ""
    sides = np.linalg.norm(scan.affine[:3, :3], axis=0)
    single = [axis for axis in (2, 1, 0) if scan.voxels.shape[axis] == 1]
    widest = int(np.argmax(sides))
    if scan.uids:
        axis = 0
    elif single:
        axis = single[0]
    else:
        axis = widest if sides[widest] > 1.01 * np.delete(sides, widest).max() else 2
    ras = world_axes(scan.affine)[axis, 0]
    return next(plane for plane in PLANES if DISPLAY[plane][0][0] == ras)


def planes_of(scan: Scan) -> tuple[str, ...]:
    """The planes a scan can be cut into, its own first; none for a picture.

    A volume of a single slice has its own only.
    """
    own = own_plane(scan)
    if not own:
        return ()
    if cut(scan.voxels, scan.affine, own).shape[0] == 1:
        return (own,)
    return (own, *(plane for plane in PLANES if plane != own))


def to_grid(labels: Labels, scan: Scan) -> np.ndarray:
    """The labels in the scan's own order and shape, where both have one and the same grid.

    Volumes may differ by mirrored and exchanged axes, nothing else; every corner has to lie within
    a tenth of a voxel. A label picture fits a picture or a single DICOM slice of its size. Raises
    DataError (grid_mismatch) otherwise.
    """
    values, shape = labels.values, scan.voxels.shape
    if labels.affine is None or scan.affine is None:
        flat = values.shape[-2:] if values.ndim == 2 or values.shape[0] == 1 else None
        if flat != shape[-2:] or (len(shape) == 3 and (shape[0] != 1 or not scan.uids)):
            raise _mismatch(values.shape, shape, "")
        return values.reshape(shape)
    between = np.linalg.solve(scan.affine, labels.affine)  # from the labels' voxels to the scan's
    turn = io_orientation(between).astype(int)
    axes = np.argsort(turn[:, 0])
    signs = turn[axes, 1]
    exact = np.zeros((4, 4))
    exact[np.arange(3), axes] = signs
    exact[3, 3] = 1
    last = np.array(values.shape) - 1
    exact[:3, 3] = np.where(signs < 0, last[axes], 0)
    corners = np.array([[*(last * at), 1] for at in np.ndindex(2, 2, 2)])
    away = float(np.abs((between - exact) @ corners.T).max())
    turned = np.transpose(values, axes)[tuple(slice(None, None, sign) for sign in signs)]
    if turned.shape != shape or not away <= 0.1:
        raise _mismatch(values.shape, shape, f" and up to {away:.2g} voxels apart")
    return np.ascontiguousarray(turned)


def _mismatch(ours: tuple[int, ...], theirs: tuple[int, ...], apart: str) -> DataError:
    sizes = " x ".join(map(str, ours)), " x ".join(map(str, theirs))
    return error(
        "grid_mismatch",
        f"labels of {sizes[0]} on an image of {sizes[1]}{apart}",
        "one and the same grid",
        "resample the labels onto the image, nearest neighbour",
    )
