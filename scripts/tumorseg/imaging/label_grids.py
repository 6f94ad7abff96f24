"""Puts labels on the grid of their image."""

from dataclasses import dataclass, replace

import numpy as np

from tumorseg.core.problems import Problem
from tumorseg.imaging import grids
from tumorseg.imaging.grids import Stated
from tumorseg.imaging.scans import Labels, Scan


@dataclass(frozen=True)
class Placed:
    """Labels in a scan's axis order and shape.

    affine: the scan's affine that they fit, where its header states several; else None.
    """

    values: np.ndarray
    affine: np.ndarray | None = None
    notes: tuple[Problem, ...] = ()


def placed(labels: Labels, scan: Scan) -> Placed:
    """The labels on the scan's grid.

    Volumes may differ by mirrored and exchanged axes, and labels may cover a part of the scan or
    more than it; their corners must agree to a tenth of a voxel (of another size: to the nearest
    voxel). Where a header states several affines, those count under which both grids agree. A label
    picture fits a picture, or a single DICOM slice, of its size; a stack of pictures fits a stack.
    Raises DataError (grid_mismatch, affine_ambiguous) otherwise.
    """
    values, shape = labels.values, scan.voxels.shape
    if labels.segments:
        layers = [
            placed(replace(labels, values=values[..., layer], segments=()), scan)
            for layer in range(values.shape[-1])
        ]
        return Placed(
            np.stack([one.values for one in layers], axis=-1),
            layers[0].affine,
            tuple(dict.fromkeys(note for one in layers for note in one.notes)),
        )
    if labels.affine is None or scan.affine is None:
        return Placed(_by_shape(labels, scan))
    theirs, ours = (
        labels.affines or (Stated(labels.affine),),
        scan.affines or (Stated(scan.affine),),
    )
    how = grids.match(theirs, values.shape, ours, shape)
    on_grid = grids.place(values, how, shape)
    lost = int(np.count_nonzero(values)) - int(np.count_nonzero(on_grid))
    notes = grids.match_notes(how, (values.shape, shape), len(theirs) + len(ours), lost)
    affine = how.image.affine if len(ours) > 1 else None
    return Placed(on_grid, affine, tuple(notes))


def _by_shape(labels: Labels, scan: Scan) -> np.ndarray:
    """Labels that their shape alone puts on a scan: pictures, a single DICOM slice, or stacks.

    The axes of any other volume can be ordered and directed in many ways.
    """
    drawn = labels.values[0] if labels.uids and len(labels.values) == 1 else labels.values
    shape = scan.voxels.shape
    flat = shape[1:] if scan.uids and shape[0] == 1 and len(shape) == 3 else shape
    stacks = labels.affine is None and scan.affine is None
    if drawn.shape != flat or not (drawn.ndim == 2 or stacks):
        hint = "give both as pictures, as TIFF stacks or as volumes (NIfTI), of the same size"
        raise grids.mismatch(labels.values.shape, shape, "", hint)
    return drawn.reshape(shape)
