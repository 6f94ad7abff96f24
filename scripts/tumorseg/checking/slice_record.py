"""What the data check keeps of a slice: a few numbers, no pixels."""

from typing import TypedDict

import cv2
import numpy as np

from tumorseg.checking.burned_in import has_letters
from tumorseg.core.cases import Case, flat
from tumorseg.data import cohort
from tumorseg.data.storing import mask_of
from tumorseg.imaging import skull_strip, strip_harm

HEAD_GRID_PX = 128  # the head is searched in a copy of this size, which takes a tenth of the time
# Air is darker than this multiple of the head's inside. Measured (bench/check.py): the air around
# heads has .0 to .3 of it; in slices cut out of a brain, what is outside the hull has .1 to .8.
AIR_LEVEL = 0.4
RIM, DEEP = 0.05, 0.15  # depth below the skin in head diameters
_SAMPLE_PX = 1 << 16


class SliceRecord(TypedDict):
    """What the checks need of a slice.

    low, middle, high: quantiles .01, .5 and .99 of the measured values. other_share: share of
    pixels that differ from the most frequent value. lowest_share: share of pixels with the lowest
    value. air_share: the tumour's share in air (`head_shares`), NaN without a tumour.
    rim_share: share of pixels in the outer 5 % of the head that are brighter than its inside, large
    where there is a scalp (measured: bench/check.py), NaN where no head is detected. lettered:
    whether a row of letters is visible beside the head. shown: whether all tumour pixels have one
    value that no other pixel has. digest: of the pixels, empty for a blank image. mask_digest: of
    the mask, empty without a tumour. kept, kept_by_head: of strip_harm.kept_shares. depth_px: the
    slices of the volume that this one was taken from; 0 where the case is a slice.
    """

    case: str
    patient: str
    plane: str
    file: str
    row: int
    height_px: int
    width_px: int
    bits: int
    pixel_height_mm: float
    pixel_width_mm: float
    low: float
    middle: float
    high: float
    other_share: float
    lowest_share: float
    tumour_px: int
    tumour_share: float
    at_border: bool
    air_share: float
    rim_share: float
    lettered: bool
    shown: bool
    digest: str
    mask_digest: str
    kept: float
    kept_by_head: float
    depth_px: int
    site: str


def slice_record(whole: Case, row: int = 0, method: str = "none") -> SliceRecord:
    """Measures a slice, or of a volume the slice with the largest tumour.

    row: in its table, 0 without one; method: of skull stripping.
    """
    case = flat(whole)
    image, mask = case.image, mask_of(case) > 0
    height, width = image.shape
    # Every n-th pixel is enough for quantiles; an odd step reaches all columns.
    sample = image.ravel()[:: max(1, image.size // _SAMPLE_PX) | 1]
    low, middle, high = case.offset + case.scale * np.quantile(sample, (0.01, 0.5, 0.99))
    zero = -case.offset / case.scale if case.scale > 0 else np.inf  # inf: shown inverted
    in_air, rim = head_shares(image, mask, zero)
    kept, kept_by_head = strip_harm.kept_shares(image, mask, method)
    edges = mask[0].any() or mask[-1].any() or mask[:, 0].any() or mask[:, -1].any()
    return {
        "case": case.case,
        "patient": case.patient,
        "plane": case.plane,
        "file": case.origin,
        "row": row,
        "height_px": height,
        "width_px": width,
        "bits": 8 * image.itemsize,
        "pixel_height_mm": case.spacing_mm[0],
        "pixel_width_mm": case.spacing_mm[1],
        "low": low,
        "middle": middle,
        "high": high,
        "other_share": 1 - np.bincount(image.ravel()).max() / image.size,
        "lowest_share": float((image == image.min()).mean()),
        "tumour_px": int(mask.sum()),
        "tumour_share": float(mask.mean()),
        "at_border": bool(edges),
        "air_share": in_air,
        "rim_share": rim,
        "lettered": has_letters(image),
        "shown": _is_shown(image, mask),
        "digest": "" if image.min() == image.max() else cohort.pixel_digest(image),
        "mask_digest": cohort.pixel_digest(mask.astype(np.uint8)) if mask.any() else "",
        "kept": kept,
        "kept_by_head": kept_by_head,
        "depth_px": len(whole.image) if whole.image.ndim == 3 else 0,
        "site": case.site,
    }


def _is_shown(image: np.ndarray, mask: np.ndarray) -> bool:
    if not mask.any() or mask.all():
        return False
    value = image[mask][0]
    return bool(np.array_equal(image == value, mask))


def head_shares(
    image: np.ndarray, mask: np.ndarray | None = None, zero: float = 0.0
) -> tuple[float, float]:
    """air_share and rim_share of a slice (see SliceRecord); NaN where unknown.

    Air is what is dark and outside the head's convex hull. A volume that was cut out of an organ
    has bright and dark tissue, so a hull of its bright parts, but no air around it.

    zero: the pixel value that measures 0; darkness counts from it, or from the image's darkest
    pixel where that measures less (as in CT).
    """
    small, depth = skull_strip.head_depth(image, HEAD_GRID_PX)
    deep, rim = small[depth > DEEP], small[(depth > 0) & (depth <= RIM)]
    bright = float((rim > np.median(deep)).mean()) if deep.size and rim.size else np.nan
    if mask is None or not mask.any() or not deep.size:
        return np.nan, bright
    size = small.shape[1], small.shape[0]
    tumour = cv2.resize(mask.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    darkest = max(0.0, float(image.min()) - zero)  # 0 in the small copy
    air = (depth == 0) & (small + darkest < AIR_LEVEL * (np.median(deep) + darkest))
    return float(tumour[air].sum() / tumour.sum()), bright
