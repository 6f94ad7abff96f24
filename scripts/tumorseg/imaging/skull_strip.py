"""Skull stripping: brain masks of single slices from intensities alone, without annotations.

All methods work on a copy of at most GRID_PX**2 pixels, with radii as shares of the head's
diameter: a picture twice as large gets the same mask twice as large, and no pixel size is needed.
bench/skull_strip.py measures which method cuts tumours and how well each fits a known brain.
"""

from collections.abc import Callable

import cv2
import numpy as np
import SimpleITK as sitk  # noqa: N813 - the library's customary name

from tumorseg.core.errors import UserError

GRID_PX = 256
HEAD_PIECE = 0.1  # pieces of the head have at least this share of the largest piece's area
# Shares of the head's diameter (of a disc with the head's area, about 190 mm in an adult).
HEAD_RIM = 0.04  # scalp and outer table of the skull: no brain lies this close to the skin
OTSU_RIM = 0.05  # scalp and skull; `otsu` may cut closer than `head`
OTSU_OPENING = 0.02  # cuts the bridges (vessels, dura, nerves) from the brain to skull and face
OTSU_CLOSING = 0.03  # closes sulci and ventricles that are open to the outside
DEEP = 0.15  # pixels this far inside the head are mostly brain and give its intensity
# Intensities are capped at this multiple of the brain's, so that bright fat and contrast agent do
# not raise Otsu's threshold into the brain; then the threshold is lowered to keep grey matter.
INTENSITY_CAP = 1.3
THRESHOLD_SHARE = 0.8
# A brain is implausible outside this range of shares of the picture.
SMALLEST_SHARE, LARGEST_SHARE = 0.05, 0.95

sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)  # slices, not pixels, run in parallel


def brain_mask(image: np.ndarray, method: str) -> np.ndarray:
    """The pixels that a method considers brain, as a (height, width) bool array.

    image: one slice, (height, width), of any integer or float type, or a volume, whose slices are
    treated one by one. A constant picture gives an empty mask. Raises UserError for an unknown
    method.
    """
    if method not in METHODS:
        raise UserError(f"skull stripping: no method {method!r}; there are: {', '.join(METHODS)}")
    if image.ndim == 3:
        return np.stack([brain_mask(picture, method) for picture in image])
    if image.ndim != 2:
        raise UserError(f"skull stripping: picture of shape {image.shape}, expected a 2-D slice")
    if method == "none":
        return np.ones(image.shape, bool)
    small = _on_grid(image, GRID_PX)
    if small.max() <= small.min():
        return np.zeros(image.shape, bool)
    return _enlarged(METHODS[method](small), image.shape)


def strip(image: np.ndarray, brain: np.ndarray) -> np.ndarray:
    """The image with 0 outside the brain; values inside are unchanged."""
    return np.where(brain, image, 0).astype(image.dtype)


def size_warning(brain: np.ndarray, method: str) -> str | None:
    """Why a brain mask's size is implausible, or None; method `none` never warns."""
    share = float(brain.mean())
    if method == "none":
        return None
    if share == 0:
        return "no brain found"
    if share < SMALLEST_SHARE:
        return f"brain is only {share:.1%} of the picture"
    if share > LARGEST_SHARE:
        return f"brain is {share:.1%} of the picture: nothing was stripped"
    return None


def head_depth(image: np.ndarray, grid_px: int) -> tuple[np.ndarray, np.ndarray]:
    """A small float32 copy of a slice, and the depth of each of its pixels below the skin.

    The copy has at most grid_px**2 pixels. Depths are in head diameters; they are 0 outside the
    head's convex hull, and everywhere in a constant picture.
    """
    small = _on_grid(image, grid_px)
    if small.max() <= small.min():
        return small, np.zeros_like(small)
    hull = _head_hull(cv2.GaussianBlur(small, (0, 0), 0.7))
    return small, _depth(hull) / max(1.0, _diameter(hull))


def mask_dice(mask: np.ndarray, truth: np.ndarray) -> float:
    """Dice coefficient of two masks of the same shape; NaN where both are empty."""
    mask, truth = mask > 0, truth > 0
    total = int(mask.sum()) + int(truth.sum())
    return 2 * int((mask & truth).sum()) / total if total else float("nan")


def _otsu(image: np.ndarray) -> np.ndarray:
    """SimpleITK Otsu with morphology: fits the brain best, but cuts tumours at its edge.

    Otsu (IEEE Trans. SMC 9:62, 1979) inside the head's rim; erosion; the component with the largest
    sum of squared depths (a long scalp is shallow); dilation back; holes filled; closing. It cuts
    off what air, bone or dark oedema separates from the brain, so use it only for tumours inside
    the brain.
    """
    smooth = cv2.GaussianBlur(image, (0, 0), 0.7)
    head = _head_hull(smooth)
    diameter = _diameter(head)
    depth = _depth(head)
    inside = depth > OTSU_RIM * diameter
    deep = smooth[depth > DEEP * diameter]
    if not deep.size or not inside.any():
        return np.zeros(image.shape, bool)
    capped = np.minimum(smooth, INTENSITY_CAP * float(np.median(deep)))
    tissue = inside & (smooth > THRESHOLD_SHARE * _otsu_threshold(capped, inside))
    core = _heaviest_component(_erode(tissue, OTSU_OPENING * diameter), depth**2)
    brain = _fill(_dilate(core, OTSU_OPENING * diameter + 0.5) & tissue)
    closing = OTSU_CLOSING * diameter
    return _fill(~_dilate(~_dilate(brain, closing), closing)) & inside


def _median_otsu(image: np.ndarray) -> np.ndarray:
    """dipy's median_otsu with its published defaults on the 2-D slice; islands and holes removed.

    It was made for diffusion images, where fat and skull are dark; on T1 it keeps most of the head.
    Its default radius of 4 is meant for pixels of about 2 mm, hence the coarser grid.
    """
    from dipy.segment.mask import median_otsu  # imported here because dipy takes a second to load

    with np.errstate(invalid="ignore"):  # its Otsu divides by the zero weight of empty bins
        _, mask = median_otsu(_on_grid(image, GRID_PX // 2), median_radius=4, numpass=4)
    mask = _fill(_heaviest_component(mask, np.ones(mask.shape, np.float32)))
    return _enlarged(mask, image.shape)


def _head(image: np.ndarray) -> np.ndarray:
    """The convex hull of the head without its rim: removes only air and scalp.

    It keeps skull base, sinuses and face, and with them tumours of dura and pituitary gland.
    """
    head = _head_hull(cv2.GaussianBlur(image, (0, 0), 1.0))
    return _depth(head) > HEAD_RIM * _diameter(head)


def _none(image: np.ndarray) -> np.ndarray:
    """All pixels: nothing is stripped."""
    return np.ones(image.shape, bool)


METHODS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "otsu": _otsu,
    "median_otsu": _median_otsu,
    "head": _head,
    "none": _none,
}


def _on_grid(image: np.ndarray, side: int) -> np.ndarray:
    """A float32 copy with minimum 0, at most side**2 pixels and the picture's proportions."""
    image = image.astype(np.float32)
    image -= image.min()
    scale = side / np.sqrt(image.size)
    if scale >= 1:
        return image
    height, width = (max(1, round(length * scale)) for length in image.shape)
    return cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)


def _enlarged(mask: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    size = shape[1], shape[0]
    return cv2.resize(mask.astype(np.float32), size, interpolation=cv2.INTER_LINEAR) >= 0.5


def _head_hull(image: np.ndarray) -> np.ndarray:
    """The convex hull of the large pieces brighter than air; square roots dampen the bright scalp.

    Several pieces count, because a dark skull can separate the scalp from the brain, and the
    picture's border can cut the scalp open. Small pieces (artefacts in the air, a headrest) do not.
    """
    rooted = np.sqrt(np.minimum(image, np.percentile(image, 99)))
    bright = _fill(rooted > _otsu_threshold(rooted, np.ones(image.shape, bool)))
    labels = _components(bright)
    areas = np.bincount(labels.ravel())
    areas[0] = 0
    large = (areas >= max(1, HEAD_PIECE * areas.max()))[labels]
    hull = np.zeros(image.shape, np.uint8)
    if large.any():
        cv2.fillConvexPoly(hull, cv2.convexHull(cv2.findNonZero(large.astype(np.uint8))), 1)
    return hull > 0


def _otsu_threshold(image: np.ndarray, where: np.ndarray) -> float:
    """Otsu's threshold of the pixels `where`; their maximum if they are all equal."""
    values = image[where]
    if values.max() <= values.min():
        return float(values.max())
    otsu = sitk.OtsuThresholdImageFilter()
    otsu.SetNumberOfHistogramBins(256)
    # SimpleITK's mask must have the image's size; a single row of values needs no mask.
    otsu.Execute(sitk.GetImageFromArray(values[np.newaxis]))
    return float(otsu.GetThreshold())


def _heaviest_component(mask: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """The 4-connected component with the largest sum of weights."""
    labels = _components(mask)
    sums = np.bincount(labels.ravel(), weights=weight.ravel())
    sums[0] = -1
    return (labels == sums.argmax()) & mask.astype(bool)


def _components(mask: np.ndarray) -> np.ndarray:
    """4-connected pieces, numbered from 1; 0 outside."""
    pieces = sitk.ConnectedComponent(sitk.GetImageFromArray(mask.astype(np.uint8)))
    return sitk.GetArrayFromImage(pieces)


def _fill(mask: np.ndarray) -> np.ndarray:
    filled = sitk.BinaryFillhole(sitk.GetImageFromArray(mask.astype(np.uint8)))
    return sitk.GetArrayFromImage(filled) > 0


def _diameter(mask: np.ndarray) -> float:
    return 2 * float(np.sqrt(mask.sum() / np.pi))


def _depth(mask: np.ndarray) -> np.ndarray:
    """Distance to the nearest pixel outside the mask, px; the picture's border is not outside."""
    return cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)


def _erode(mask: np.ndarray, radius: float) -> np.ndarray:
    """Erosion by a disc; the picture's border counts as outside, so neck and face are cut there."""
    return _depth(np.pad(mask, 1))[1:-1, 1:-1] > radius


def _dilate(mask: np.ndarray, radius: float) -> np.ndarray:
    return _depth(~mask) <= radius if mask.any() else mask
