"""Annotations to masks at native resolution, with each tumour's area, perimeter and share."""

from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from tumorseg.core.files import read_table, write_table
from tumorseg.core.images import read_image, write_mask
from tumorseg.data import storing


def brain_area(image: np.ndarray) -> int:
    """Pixels of the study's Fig. S1 brain: Gaussian blur 5x5, Otsu, filled largest contour."""
    scaled = cv2.normalize(image, None, 0, 255, cv2.NORM_MINMAX).astype(np.uint8)
    blurred = cv2.GaussianBlur(scaled, (5, 5), 0)
    _, bright = cv2.threshold(blurred, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    contours, _ = cv2.findContours(bright, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    if not contours:
        return 0
    largest = max(contours, key=cv2.contourArea)
    return int(cv2.drawContours(np.zeros_like(bright), [largest], -1, 1, cv2.FILLED).sum())


def perimeter(mask: np.ndarray) -> float:
    """Length of all borders in pixels, through the border pixels' centres."""
    contours, _ = cv2.findContours(mask, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    return float(sum(cv2.arcLength(contour, True) for contour in contours))


def compactness(mask: np.ndarray) -> float:
    """perimeter^2 / (4 pi area): 1 for a disc (about, on pixels), more for a jagged tumour.

    Free of size. NaN for an empty mask.
    """
    area = int(np.count_nonzero(mask))
    return perimeter(mask) ** 2 / (4 * np.pi * area) if area else np.nan


def mean_gradient(mask: np.ndarray) -> float:
    """Mean over the image of the mask's gradient magnitude, central differences.

    gamma_mSa of the 2024 paper (eq. 8), its measure of smoothness; it grows with border length over
    image size and so mostly measures size.
    """
    return float(np.hypot(*np.gradient((mask != 0).astype(float))).mean())


def main(
    *,
    cases_table: str,
    annotations_dir: str,
    stripped_dir: str,
    masks_table: str,
    masks_dir: str,
) -> None:
    """Writes masks/<case>.png and masks.tsv, one line a case.

    tumour_brain_ratio: tumour pixels over brain pixels, the brain measured on the stripped image as
    in the study's Fig. S1.
    """
    lines = []
    for row in read_table(cases_table).itertuples():
        path = Path(annotations_dir) / Path(row.annotation).name
        mask = storing.load_annotation(path, row.height_px, row.width_px)
        write_mask(Path(masks_dir) / f"{row.case}.png", mask)
        brain_px = brain_area(read_image(Path(stripped_dir) / f"{row.case}.png"))
        ratio = mask.sum() / brain_px if brain_px else np.nan
        lines.append(
            {
                "case": row.case,
                "patient": row.patient,
                "plane": row.plane,
                "tumour_px": int(mask.sum()),
                "brain_px": brain_px,
                "tumour_brain_ratio": ratio,
                "perimeter_px": perimeter(mask),
                "compactness": compactness(mask),
                "gamma_msa": mean_gradient(mask),
            }
        )
    table = pd.DataFrame(lines)
    write_table(table, masks_table)
    ratio = table["tumour_brain_ratio"]
    print(
        f"{len(table)} masks, {(table['tumour_px'] == 0).sum()} of them empty; tumour/brain ratio "
        f"mean {ratio.mean():.3f}, median {ratio.median():.3f} (the study: .22 and .19)"
    )


if "snakemake" in globals():
    from tumorseg.workflow.job import run

    run(main, snakemake)  # noqa: F821
