"""Measures of a tumour's mask, and the brain's area by which its size is judged."""

import cv2
import numpy as np


def brain_area(image: np.ndarray) -> int:
    """Brain pixels as in the study's Fig. S1: Gaussian blur 5x5, Otsu, filled largest contour."""
    scaled = cv2.normalize(image, None, 0, 255, cv2.NORM_MINMAX).astype(np.uint8)
    blurred = cv2.GaussianBlur(scaled, (5, 5), 0)
    _, bright = cv2.threshold(blurred, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    contours, _ = cv2.findContours(bright, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    if not contours:
        return 0
    largest = max(contours, key=cv2.contourArea)
    return int(cv2.drawContours(np.zeros_like(bright), [largest], -1, 1, cv2.FILLED).sum())


def perimeter(mask: np.ndarray) -> float:
    """Length of all borders in pixels, measured between the centres of border pixels."""
    contours = cv2.findContours(mask, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)[0]
    return float(sum(cv2.arcLength(contour, True) for contour in contours))


def compactness(mask: np.ndarray) -> float:
    """perimeter^2 / (4 pi area), at any size about 1 for a disc, more if jagged; NaN if empty."""
    area = int(np.count_nonzero(mask))
    return perimeter(mask) ** 2 / (4 * np.pi * area) if area else np.nan


def mean_gradient(mask: np.ndarray) -> float:
    """Mean gradient magnitude of the mask over the image, by central differences.

    gamma_mSa of the 2024 paper (eq. 8), its measure of smoothness. It grows with border length
    divided by image size, so it mostly measures size.
    """
    return float(np.hypot(*np.gradient((mask != 0).astype(float))).mean())
