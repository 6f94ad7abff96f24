"""Turns annotations into masks at native size; measures each tumour's area and shape."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd

from tumorseg.core.files import read_table, write_table
from tumorseg.core.images import read_image, write_mask
from tumorseg.core.parallel import by_processes
from tumorseg.data import storing
from tumorseg.imaging.strip_harm import stop_if_harmful


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


def main(
    *,
    cases_table: str,
    annotations_dir: str,
    stripped_dir: str,
    masks_table: str,
    masks_dir: str,
    config: dict[str, Any],
    cores: int = 1,
    **read: str,
) -> None:
    """Writes masks/<case>.png and masks.tsv, one row per case.

    tumour_brain_ratio: tumour pixels divided by brain pixels, measured on the stripped image as in
    the study's Fig. S1. Raises DataError where stripping harms tumours.

    Args:
        cases_table, annotations_dir, stripped_dir: read; in `read`: cases_dir and brain_dir.
        masks_table, masks_dir: written.
        config, cores: only `skull_strip` is used; processes, which change no result.
    """

    def rasterize(case: dict[str, Any]) -> dict[str, str | int | float]:
        path = Path(annotations_dir) / Path(case["annotation"]).name
        mask = storing.load_annotation(path, case["height_px"], case["width_px"])
        write_mask(Path(masks_dir) / f"{case['case']}.png", mask)
        brain_px = brain_area(read_image(Path(stripped_dir) / f"{case['case']}.png"))
        return {name: case[name] for name in ("case", "patient", "plane")} | {
            "tumour_px": int(mask.sum()),
            "brain_px": brain_px,
            "tumour_brain_ratio": mask.sum() / brain_px if brain_px else np.nan,
            "perimeter_px": perimeter(mask),
            "compactness": compactness(mask),
            "gamma_msa": mean_gradient(mask),
        }

    cases = ((case,) for case in read_table(cases_table).to_dict("records"))
    table = pd.DataFrame(list(by_processes(rasterize, cases, cores)))
    stop_if_harmful(table["case"], read | {"masks_dir": masks_dir}, config["skull_strip"], cores)
    write_table(table, masks_table)
    ratio, empty = table["tumour_brain_ratio"], (table["tumour_px"] == 0).sum()
    print(
        f"{len(table)} masks, {empty} of them empty; tumour/brain ratio mean {ratio.mean():.3f}, "
        f"median {ratio.median():.3f} (published: .22 and .19)"
    )


if "snakemake" in globals():
    from tumorseg.workflow.job import run

    run(main, snakemake)  # noqa: F821
