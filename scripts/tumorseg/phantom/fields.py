"""Fields in space from which the phantom is made: template volumes, smooth noise, ellipsoids.

Points are arrays (..., 3) in MNI millimetres; a field has one value per point.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from nibabel import Nifti1Image
from nilearn import datasets
from scipy import ndimage

# Position in mm of volume index (0, 0, 0) of nilearn's 1 mm MNI 2009a templates.
ORIGIN_MM = np.array([-98.0, -134.0, -72.0], np.float32)
HULL_STEP_MM = 2  # a coarse grid is enough for the smooth hull
HULL_CLOSING_MM = 12  # sulci and fissures narrower than twice this count as inside


class Noise:
    """A smooth random field in space, mean 0 and deviation 1, with a period of 6 wavelengths."""

    SIDE, VOXELS_PER_WAVE = 60, 10

    def __init__(self, rng: np.random.Generator) -> None:
        field = rng.standard_normal((self.SIDE,) * 3, np.float32)
        field = ndimage.gaussian_filter(field, 2.5, mode="wrap")
        self.field = field / field.std()

    def __call__(self, points: np.ndarray, wavelength_mm: float, channel: int) -> np.ndarray:
        """Values at points (..., 3); each channel is a distant part of the same field."""
        index = points * np.float32(self.VOXELS_PER_WAVE / wavelength_mm) + channel * np.array(
            [17, 29, 7], np.float32
        )
        stride = 4 if wavelength_mm > 20 else 2 if wavelength_mm > 8 else 1
        return sample(self.field, index, "grid-wrap", stride)


@dataclass(frozen=True)
class Template:
    """Volumes of the standard brain; `hull` is the signed distance in mm to the closed brain."""

    grey: np.ndarray
    white: np.ndarray
    t1: np.ndarray
    brain: np.ndarray
    hull: np.ndarray
    crown: np.ndarray  # `hull` smoothed further: the shape of the outer skull

    def at(self, name: str, points: np.ndarray) -> np.ndarray:
        """A volume at points (..., 3) in mm; outside, the value of the nearest edge (the spine)."""
        step = HULL_STEP_MM if name in ("hull", "crown") else 1
        return sample(getattr(self, name), (points - ORIGIN_MM) / step, "nearest", step)


@cache
def template() -> Template:
    """The MNI 2009a symmetric T1 brain and tissue maps from nilearn's package."""

    def volume(load: Callable[..., Nifti1Image]) -> np.ndarray:
        return np.ascontiguousarray(load(resolution=1).get_fdata(dtype=np.float32))

    brain = volume(datasets.load_mni152_brain_mask)
    hull = _hull_distance(brain > 0)
    return Template(
        grey=volume(datasets.load_mni152_gm_template),
        white=volume(datasets.load_mni152_wm_template),
        t1=volume(datasets.load_mni152_template),
        brain=ndimage.gaussian_filter(brain, 0.7),
        hull=hull,
        crown=ndimage.gaussian_filter(hull, 4.0, mode="nearest"),
    )


def _hull_distance(brain: np.ndarray) -> np.ndarray:
    """Signed distance in mm, positive outside, to the brain with its fissures closed."""
    radius = HULL_CLOSING_MM / HULL_STEP_MM
    margin = int(radius) + 2
    coarse = np.pad(brain[(slice(None, None, HULL_STEP_MM),) * 3], margin, mode="edge")
    grown = ndimage.distance_transform_edt(~coarse) <= radius
    inside = ndimage.distance_transform_edt(grown) > radius
    distance = ndimage.distance_transform_edt(~inside) - ndimage.distance_transform_edt(inside)
    distance = ndimage.gaussian_filter(distance * HULL_STEP_MM, 1.5).astype(np.float32)
    return np.ascontiguousarray(distance[(slice(margin, -margin),) * 3])


def sample(
    volume: np.ndarray, index: np.ndarray, mode: str = "nearest", stride: int = 1
) -> np.ndarray:
    """A volume at fractional indices (..., 3), linearly; on a plane at every `stride`-th only."""

    def read(indices: np.ndarray) -> np.ndarray:
        at = np.moveaxis(indices, -1, 0)
        return ndimage.map_coordinates(volume, at, order=1, mode=mode, output=np.float32)

    return _coarsely(read, index, stride)


def _coarsely(
    function: Callable[[np.ndarray], np.ndarray], points: np.ndarray, stride: int
) -> np.ndarray:
    """A smooth function of points; on a plane computed at every `stride`-th and interpolated."""
    if points.ndim != 3 or stride == 1:
        return function(points)
    values = np.ascontiguousarray(function(points[::stride, ::stride]), np.float32)
    shrink = np.array([[1 / stride, 0, 0], [0, 1 / stride, 0]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    size = points.shape[1::-1]
    return cv2.warpAffine(values, shrink, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)


def rician(signal: np.ndarray, speckle: np.ndarray) -> np.ndarray:
    """Adds Rician noise: the magnitude of a complex signal with normal noise in both parts.

    speckle: (2, *shape) normal noise, for the real and the imaginary part.
    """
    real, imaginary = speckle
    return np.hypot(signal + real, imaginary).astype(np.float32)


def inside(points: np.ndarray, ellipsoids: tuple) -> np.ndarray:
    """Approximate depth in mm inside a smooth union of ellipsoids; negative outside."""

    def depth(points: np.ndarray) -> np.ndarray:
        deepest = np.full(points.shape[:-1], -1e3, np.float32)
        for centre, radii in ellipsoids:
            scaled = (points - np.array(centre, np.float32)) / np.array(radii, np.float32)
            reach = 1 - np.sqrt(np.einsum("...i,...i", scaled, scaled))
            deepest = smooth_max(deepest, reach * min(radii), 4)
        return deepest

    return _coarsely(depth, points, 2)


def smooth_max(first: np.ndarray, second: np.ndarray, blend_mm: float = 14.0) -> np.ndarray:
    """The union of two shapes given by depth, with the crease between them filled."""
    near = np.maximum(blend_mm - np.abs(first - second), 0) / blend_mm
    return np.maximum(first, second) + near * near * blend_mm / 4
