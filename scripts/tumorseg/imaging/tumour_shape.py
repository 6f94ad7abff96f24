"""Measures of a tumour's mask, and the brain's area by which its size is judged."""

import cv2
import numpy as np


def brain_area(image: np.ndarray) -> int:
    """Brain pixels as in the study's Fig. S1: Gaussian blur 5x5, Otsu, filled largest contour.

    Of a volume the sum over its slices.
    """
    if image.ndim == 3:
        return sum(map(brain_area, image))
    scaled = cv2.normalize(image, None, 0, 255, cv2.NORM_MINMAX)  # type: ignore[call-overload]
    scaled = scaled.astype(np.uint8)
    blurred = cv2.GaussianBlur(scaled, (5, 5), 0)
    _, bright = cv2.threshold(blurred, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    contours, _ = cv2.findContours(bright, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    if not contours:
        return 0
    largest = max(contours, key=cv2.contourArea)
    return int(cv2.drawContours(np.zeros_like(bright), [largest], -1, 1, cv2.FILLED).sum())


def perimeter(mask: np.ndarray) -> float:
    """Length of all borders in pixels, measured between the centres of border pixels.

    Of a volume the area of its surface in faces of a voxel, corrected for their steps: a smooth
    surface of any direction has on average 3/2 of its area in faces (Cauchy's formula).
    """
    if mask.ndim == 3:
        padded = np.pad(mask != 0, 1).astype(np.int8)
        faces = sum(int(np.abs(np.diff(padded, axis=axis)).sum()) for axis in range(3))
        return faces * 2 / 3
    contours = cv2.findContours(mask, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)[0]
    return float(sum(cv2.arcLength(contour, True) for contour in contours))


def compactness(mask: np.ndarray) -> float:
    """perimeter^2 / (4 pi area), at any size about 1 for a disc, more if jagged; NaN if empty.

    Of a volume surface^3 / (36 pi volume^2), about 1 for a ball.
    """
    size = int(np.count_nonzero(mask))
    if not size:
        return np.nan
    if mask.ndim == 3:
        return perimeter(mask) ** 3 / (36 * np.pi * size**2)
    return perimeter(mask) ** 2 / (4 * np.pi * size)


def mean_gradient(mask: np.ndarray) -> float:
    """Mean gradient magnitude of the mask over the image, by central differences.

    gamma_mSa of the 2024 paper (eq. 8), its measure of smoothness. It grows with border length
    divided by image size, so it mostly measures size. An axis of one voxel counts as flat.
    """
    inside = (mask != 0).astype(float)
    axes = [axis for axis, length in enumerate(mask.shape) if length > 1]
    squares = sum(np.gradient(inside, axis=axis) ** 2 for axis in axes)
    return float(np.sqrt(squares).mean())
