"""Three planes through the largest part of a volume's tumour, with the outlines of every class.

Volumes are (depth, height, width): axial slices from Inferior to Superior, rows to Posterior,
columns to the patient's Left, as `imaging.planes.cut` gives them; `to_axial` turns stacks of other
planes. Masks have one channel a class more, the primary class first. Coronal and sagittal slices
are shown as DICOM shows them.
"""

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np
from scipy import ndimage

from tumorseg.core.cases import PLANES
from tumorseg.imaging.planes import DISPLAY
from tumorseg.reporting.page_parts import contour_path

LONGEST_PX = 512  # outlines are at least this fine along the volume's longest side
MOST_PX = 4096  # and no finer, however thick the slices are
SHOWN_RANGE = (0.01, 0.998)  # quantiles shown as black and white


class Planes(NamedTuple):
    """Where a volume is cut, and how large its slices are shown. All are in the order of PLANES.

    at: the index of the slice along depth, height and width. counts: how many slices there are.
    sizes: (height, width) of each plane in square pixels of one side for all three. shown: which
    planes there are to show, by position: of a volume of one slice only the axial one.
    """

    at: tuple[int, int, int]
    counts: tuple[int, int, int]
    sizes: tuple[tuple[int, int], ...]
    shown: tuple[int, ...]


class View(NamedTuple):
    """One plane: `label` says which slice; size: (height, width) as shown, in square pixels.

    grey: the slice (rows, columns) uint8 in its own voxels, to be drawn over the whole size.
    outlines: SVG path data in square pixels, one a class, empty where the class is not.
    """

    label: str
    size: tuple[int, int]
    grey: np.ndarray
    outlines: list[str]


def to_axial(stack: np.ndarray, plane: str) -> np.ndarray:
    """A stack of slices of any plane, as `imaging.planes.cut` gives it, as one of axial slices.

    Nothing is copied. stack: may have further axes behind its three.
    """
    order = _axial_order(plane)
    turns = [DISPLAY[plane][axis][1] for axis in order]
    steps = (slice(None, None, a * b) for a, (_, b) in zip(turns, DISPLAY["axial"], strict=True))
    return np.transpose(stack, (*order, *range(3, stack.ndim)))[tuple(steps)]


def sides_to_axial(spacing_mm: Sequence[float], plane: str) -> tuple[float, ...]:
    """The spacing of a stack of a plane's slices, in the order of axial slices."""
    return tuple(spacing_mm[axis] for axis in _axial_order(plane))


def _axial_order(plane: str) -> list[int]:
    """Which axes of a stack of a plane's slices are depth, height and width of axial ones."""
    axes = [axis for axis, _ in DISPLAY[plane]]
    return [axes.index(axis) for axis, _ in DISPLAY["axial"]]


def largest_part(mask: np.ndarray) -> np.ndarray:
    """The largest connected part of a mask (corners connect), as booleans; all False if empty."""
    labels, number = ndimage.label(mask, np.ones((3,) * mask.ndim))
    if not number:
        return np.zeros(mask.shape, bool)
    return labels == 1 + np.bincount(labels.ravel())[1:].argmax()


def known_spacing(spacing_mm: Sequence[float]) -> tuple[float, ...]:
    """The spacing, or ones where any number of it is unknown (NaN): voxels are shown as cubes."""
    known = all(np.isfinite(side) and side > 0 for side in spacing_mm)
    return tuple(map(float, spacing_mm)) if known else (1.0,) * len(spacing_mm)


def planes(primary: np.ndarray, spacing_mm: Sequence[float]) -> Planes:
    """The three planes in which the primary class's largest part has the largest area.

    Of several such slices it is the middle one, so an empty mask gives the volume's middle.

    primary: mask (depth, height, width); spacing_mm: along the same axes, NaN where unknown.
    """
    part = largest_part(primary)
    at = []
    for axis in range(3):
        areas = part.sum(axis=tuple({0, 1, 2} - {axis}))
        largest = np.flatnonzero(areas == areas.max())
        at.append(int(largest[len(largest) // 2]))
    spacing = known_spacing(spacing_mm)
    extent = np.multiply(spacing, part.shape)
    side = max(min(*spacing, extent.max() / LONGEST_PX), extent.max() / MOST_PX)
    depth, height, width = (max(1, round(length / side)) for length in extent)
    return Planes(
        at=(at[0], at[1], at[2]),
        counts=part.shape,
        sizes=((height, width), (depth, width), (depth, height)),
        shown=tuple(
            axis for axis, cut in enumerate(slices(part, at)) if axis == 0 or 1 not in cut.shape
        ),
    )


def slices(volume: np.ndarray, at: Sequence[int]) -> list[np.ndarray]:
    """The axial, coronal and sagittal slice; nothing is copied. volume: may have further axes."""
    return [volume[at[0]], volume[::-1, at[1]], volume[::-1, :, at[2]]]


def squared(picture: np.ndarray, size: tuple[int, int], *, smooth: bool = False) -> np.ndarray:
    """A slice resized to square pixels: values interpolated if smooth, else those of the nearest.

    size: (height, width), from `Planes.sizes`.
    """
    method = cv2.INTER_LINEAR if smooth else cv2.INTER_NEAREST_EXACT
    return cv2.resize(np.ascontiguousarray(picture), size[::-1], interpolation=method)


def outlines(masks: np.ndarray, planes: Planes) -> list[list[str]]:
    """SVG path data of every shown plane and class. masks: (depth, height, width, classes)."""
    cuts = slices(masks, planes.at)
    return [
        [
            contour_path(squared(cuts[axis][..., index].astype(np.uint8), planes.sizes[axis]))
            for index in range(masks.shape[-1])
        ]
        for axis in planes.shown
    ]


def grey_range(image: np.ndarray, shares: tuple[float, float] = SHOWN_RANGE) -> tuple[float, float]:
    """The two quantiles of a finite image, from about a million values; the extremes if equal."""
    step = max(1, round((image.size / 2**20) ** (1 / image.ndim)))
    low, high = np.quantile(image[(slice(None, None, step),) * image.ndim], shares)
    return (low, high) if high > low else (float(image.min()), float(image.max()))


def to_grey(image: np.ndarray, limits: tuple[float, float]) -> np.ndarray:
    """The image as uint8: the lower limit becomes 0, the upper one 255, what is beyond as well."""
    low, high = limits
    scaled = (image.astype(float) - low) * (255 / (high - low if high > low else 1))
    return np.rint(np.clip(scaled, 0, 255)).astype(np.uint8)


def views(image: np.ndarray, masks: np.ndarray, planes: Planes) -> list[View]:
    """The planes to show, axial first. image: (depth, height, width), finite, of one channel."""
    limits = grey_range(image)
    cuts, paths = slices(image, planes.at), outlines(masks, planes)
    return [
        View(
            label=f"{PLANES[axis]}, slice {planes.at[axis] + 1} of {planes.counts[axis]}",
            size=planes.sizes[axis],
            grey=to_grey(cuts[axis], limits),
            outlines=of_plane,
        )
        for axis, of_plane in zip(planes.shown, paths, strict=True)
    ]
