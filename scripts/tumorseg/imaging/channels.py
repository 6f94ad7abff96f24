"""Reads a further channel of a case and puts it on the grid of the first."""

from dataclasses import replace

import numpy as np
from scipy import ndimage

from tumorseg.core.cases import ImageFile
from tumorseg.core.problems import DataError, Problem, error, warning
from tumorseg.imaging import grids, scans
from tumorseg.imaging.grids import Stated
from tumorseg.imaging.scans import Scan

LEAST_SHARE = 0.5  # of the first channel that another one must cover


def read(file: ImageFile, first: Scan) -> Scan:
    """A further channel, with voxels in the first's axis order and shape.

    Volumes on another grid are resampled by their affines, linearly, with a warning; outside the
    channel's own grid the lowest measured value counts. Raises DataError for a file that cannot be
    used, pictures of another size (channel_size), and volumes that hardly overlap (channel_apart).
    """
    scan = scans.read(file.path, file.inner)
    if scan.affine is None or first.affine is None:
        if scan.voxels.shape != first.voxels.shape:
            raise error(
                "channel_size",
                f"{_sizes(scan, first)} of the first channel",
                "the same size for all channels of a case",
                "export all channels of the case from the same slice, without cropping",
            )
        return scan
    ours = first.affines or (Stated(first.affine),)
    theirs = scan.affines or (Stated(scan.affine),)
    try:
        how = grids.match(theirs, scan.voxels.shape, ours, first.voxels.shape)
    except DataError as stop:
        if stop.problem.code != "grid_mismatch":
            raise
        return _resampled(scan, first)
    if how.resized:
        return _resampled(scan, first)
    return replace(scan, voxels=grids.place(scan.voxels, how, first.voxels.shape))


def _resampled(scan: Scan, first: Scan) -> Scan:
    assert scan.affine is not None and first.affine is not None  # for the type checker
    to_own = np.linalg.solve(scan.affine, first.affine)  # the first's voxels to this one's
    shape = first.voxels.shape
    inside = _resample(np.ones(scan.voxels.shape, np.uint8), to_own, shape, order=0, outside=0)
    share = float(inside.mean())
    if share < LEAST_SHARE:
        raise error(
            "channel_apart",
            f"it covers {share:.0%} of the first channel",
            f"at least {LEAST_SHARE:.0%}, because both show the same place",
            "check that the files belong to one patient and one examination, and register them",
        )
    lowest = scan.voxels.min() if scan.scale > 0 else scan.voxels.max()
    voxels = _resample(scan.voxels.astype(np.float32), to_own, shape, order=1, outside=lowest)
    voxels = np.rint(voxels).astype(scan.voxels.dtype)
    return replace(scan, voxels=voxels, notes=(*scan.notes, _note(scan, first, share)))


def _resample(
    values: np.ndarray, to_own: np.ndarray, shape: tuple[int, ...], order: int, outside: float
) -> np.ndarray:
    matrix, shift = to_own[:3, :3], to_own[:3, 3]
    return ndimage.affine_transform(
        values, matrix, shift, shape, order=order, mode="constant", cval=float(outside)
    )


def _note(scan: Scan, first: Scan, share: float) -> Problem:
    covered = "" if share > 0.999 else f"; it covers {share:.0%} of the first channel"
    hint = "look at the case in the check's page; where they do not fit, register the channels"
    return warning(
        "channel_resampled",
        f"{_sizes(scan, first)} of the first channel, or elsewhere: resampled{covered}",
        "the same grid for all channels of a case",
        hint,
    )


def _sizes(scan: Scan, first: Scan) -> str:
    own, theirs = (" x ".join(map(str, one.voxels.shape)) for one in (scan, first))
    return f"a channel of {own}, on {theirs}"
