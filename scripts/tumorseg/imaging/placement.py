"""Resizes native slices to network size and back, and normalises their intensities."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from tumorseg.imaging.boxes import Box, head_box


@dataclass(frozen=True)
class Placement:
    """Where a native slice lies inside the square network image; all in pixels.

    The crop of the native slice (crop_height rows from crop_top; columns likewise) is resized to
    (inner_height, inner_width) and placed at (top, left) of the square. Both directions use
    OpenCV's pixel-centre rule: native centre c inside the crop maps to
    (c + .5) * inner / crop - .5 + offset, and exactly back.
    """

    height: int
    width: int
    crop_top: int
    crop_left: int
    crop_height: int
    crop_width: int
    top: int
    left: int
    inner_height: int
    inner_width: int
    size: int

    def forward(self, image: np.ndarray) -> np.ndarray:
        """(height, width) to float32 (size, size); area-averaged when shrinking, 0 outside."""
        # First shrink, then enlarge: in one step OpenCV averages only where both sides shrink.
        shrunk_size = (
            min(self.inner_width, self.crop_width),
            min(self.inner_height, self.crop_height),
        )
        cropped = image[self._crop].astype(np.float32)
        shrunk = cv2.resize(cropped, shrunk_size, interpolation=cv2.INTER_AREA)
        return self._placed(shrunk, cv2.INTER_LINEAR)

    def mask_forward(self, mask: np.ndarray, *, nearest: bool) -> np.ndarray:
        """0/1 mask to uint8 0/1 at network size: nearest pixel, or pixels at least half covered."""
        if nearest:
            return self._placed(mask[self._crop].astype(np.uint8), cv2.INTER_NEAREST_EXACT)
        return (self.forward(mask) >= 0.5).astype(np.uint8)

    def back(self, probability: np.ndarray) -> np.ndarray:
        """(size, size) probabilities to native (height, width), bilinear; 0 outside the crop."""
        inner = np.ascontiguousarray(probability[self._inner], dtype=np.float32)
        native = np.zeros((self.height, self.width), np.float32)
        native[self._crop] = cv2.resize(
            inner, (self.crop_width, self.crop_height), interpolation=cv2.INTER_LINEAR
        )
        return np.clip(native, 0.0, 1.0)

    def _placed(self, cropped: np.ndarray, method: int) -> np.ndarray:
        square = np.zeros((self.size, self.size), cropped.dtype)
        square[self._inner] = cv2.resize(
            cropped, (self.inner_width, self.inner_height), interpolation=method
        )
        return square

    @property
    def _inner(self) -> tuple[slice, slice]:
        return (
            slice(self.top, self.top + self.inner_height),
            slice(self.left, self.left + self.inner_width),
        )

    @property
    def _crop(self) -> tuple[slice, slice]:
        return (
            slice(self.crop_top, self.crop_top + self.crop_height),
            slice(self.crop_left, self.crop_left + self.crop_width),
        )


def placement(
    height: int,
    width: int,
    size: int,
    *,
    letterbox: bool,
    crop: Box | None = None,
    spacing_mm: tuple[float, float] = (1.0, 1.0),
) -> Placement:
    """Where a slice goes inside the square network image.

    Args:
        height: of the native slice, px.
        width: of the native slice, px.
        size: side of the square, px.
        letterbox: centre the crop and keep its proportions; otherwise stretch it to the square
            (the paper's way).
        crop: the part of the slice to use, (top, left, height, width); None for all of it.
        spacing_mm: height and width of a pixel. Proportions are those in mm, or those in pixels
            where the pixel size is unknown (NaN).

    Returns:
        The placement.
    """
    crop_top, crop_left, crop_height, crop_width = crop or (0, 0, height, width)
    inner_height = inner_width = size
    if letterbox:
        ratio = spacing_mm[0] / spacing_mm[1] if np.isfinite(spacing_mm).all() else 1.0
        tall = crop_height * ratio
        scale = size / max(tall, crop_width)
        inner_height = max(1, round(tall * scale))
        inner_width = max(1, round(crop_width * scale))
    return Placement(
        height=height,
        width=width,
        crop_top=crop_top,
        crop_left=crop_left,
        crop_height=crop_height,
        crop_width=crop_width,
        top=(size - inner_height) // 2,
        left=(size - inner_width) // 2,
        inner_height=inner_height,
        inner_width=inner_width,
        size=size,
    )


def normalise(square: np.ndarray, *, per_case: bool, full_scale: float) -> np.ndarray:
    """Normalised network-size intensities, float32.

    per_case: z-score, with mean and deviation of the head only (pixels brighter than 2 % of the
    case's 99.5th percentile), applied to all pixels and clipped to [-5, 5]. Otherwise divided by
    full_scale, the largest value of the file type (paper: 255).
    """
    if not per_case:
        return (square / full_scale).astype(np.float32)
    head = square[square > 0.02 * np.percentile(square, 99.5)]
    if head.size == 0:
        return np.zeros_like(square)
    spread = max(float(head.std()), 1e-6)
    return np.clip((square - float(head.mean())) / spread, -5.0, 5.0).astype(np.float32)


def network_input(
    first: np.ndarray,
    channels: Sequence[np.ndarray],
    size_px: int,
    preparation: str,
    spacing_mm: tuple[float, float],
) -> tuple[np.ndarray, Placement]:
    """The network's input for a stripped slice, (size, size, channels) float32, and its placement.

    Args:
        first: the case's first channel, (height, width), by which the slice is placed.
        channels: those that the network sees, of the same height and width.
        size_px: the network size.
        preparation: `paper` resizes and divides by the type's full scale; `robust` crops to the
            head, letterboxes and takes the z-score of each channel of the case.
        spacing_mm: as in `placement`.
    """
    robust = preparation == "robust"
    crop = head_box(first) if robust else None
    height, width = first.shape
    place = placement(height, width, size_px, letterbox=robust, crop=crop, spacing_mm=spacing_mm)
    squares = [
        normalise(
            place.forward(channel), per_case=robust, full_scale=float(np.iinfo(channel.dtype).max)
        )
        for channel in channels
    ]
    return np.stack(squares, axis=-1), place
