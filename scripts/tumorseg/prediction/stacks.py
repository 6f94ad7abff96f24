"""New images as the stacks of slices that are predicted, and results back in the images' shape."""

import math
from collections.abc import Sequence

import numpy as np

from tumorseg.core.cases import Channel
from tumorseg.imaging import planes, scans
from tumorseg.imaging.scans import Scan
from tumorseg.prediction.mean_of_members import Stack

ISOTROPIC = 1.01  # voxels whose sides differ by less have no slices


def plane_of(scan: Scan, trained: dict[str, int]) -> str:
    """The plane in which a scan is predicted; empty for a picture.

    A volume's is that of its acquisition. Where the model was not trained on it, it is the one
    of the trained planes that had most slices.
    """
    available = scans.planes_of(scan)
    fitting = [plane for plane in available if plane in trained]
    if not fitting or available[0] in fitting:
        return scans.acquisition_plane(scan)
    return max(fitting, key=trained.__getitem__)


def has_slices(scan: Scan) -> bool:
    """Whether a volume's voxels are longer along one axis, so that its plane matters."""
    assert scan.affine is not None
    sides = np.linalg.norm(scan.affine[:3, :3], axis=0)
    return bool(sides.max() > ISOTROPIC * sides.min())


def stack_of(scan: Scan, further: Sequence[Scan], plane: str) -> Stack:
    """A scan and its other channels as slices; a volume is cut in the given plane."""
    cut = [_cut(one.voxels, scan, plane) for one in (scan, *further)]
    pairs = zip(cut[1:], further, strict=True)
    others = tuple(Channel(slices, one.offset, one.scale) for slices, one in pairs)
    sides = scan.spacing_mm if scan.affine is None else planes.spacing_of_stack(scan.affine, plane)
    return Stack(cut[0], sides, others, scan.offset, scan.scale)


def _cut(voxels: np.ndarray, scan: Scan, plane: str) -> np.ndarray:
    if scan.affine is None:
        return voxels.reshape(-1, *voxels.shape[-2:])
    return planes.cut(voxels, scan.affine, plane)


def unstacked(stacks: np.ndarray, scan: Scan, plane: str) -> np.ndarray:
    """The inverse of `stack_of`: arrays of slices (classes, ...) in the shape of scan.voxels."""
    shape = scan.voxels.shape
    if scan.affine is None:
        return stacks.reshape(len(stacks), *shape)
    arrays = [planes.reassemble(stack, scan.affine, plane, shape) for stack in stacks]
    return np.stack(arrays) if len(arrays) > 1 else arrays[0][None]  # one volume is not copied


def tumour_size(scan: Scan, stack: Stack, pixels: int) -> dict[str, float | None]:
    """The size of a mask: mm2 of a single slice, ml of a volume, None where unknown."""
    size: dict[str, float | None] = {"tumour_px": pixels, "tumour_mm2": None, "tumour_ml": None}
    if len(stack.slices) == 1:
        size["tumour_mm2"] = defined(pixels * float(np.prod(stack.spacing_mm[-2:])))
    elif scan.affine is not None:
        size["tumour_ml"] = pixels * abs(float(np.linalg.det(scan.affine[:3, :3]))) / 1000
    return size


def defined(value: float) -> float | None:
    """The number, or None for NaN, which JSON lacks."""
    return None if math.isnan(value) else value
