"""Packs images and masks at network size into one array each, and records their placement."""

from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd

from tumorseg.core.errors import UserError
from tumorseg.core.files import read_table, write_atomically, write_table
from tumorseg.core.images import read_image, read_mask
from tumorseg.imaging.placement import network_input


def main(
    *,
    cases_table: str,
    stripped_dir: str,
    masks_dir: str,
    images_file: str,
    targets_file: str,
    placement_table: str,
    size_px: int,
    preparation: str,
) -> None:
    """Writes images (n, size, size, 1) float32, targets (same shape) uint8 0/1, and placements.

    All three are in the order of cases.tsv.

    Args:
        cases_table: cases.tsv.
        stripped_dir: folder of the stripped images.
        masks_dir: folder of the masks at native size.
        images_file: the packed images, .npy.
        targets_file: the packed masks, .npy.
        placement_table: how each case maps to network size and back.
        size_px: the network size.
        preparation: "paper" resizes, divides by the data type's maximum and picks nearest mask
            pixels; "robust" crops to the head, letterboxes, takes z-scores per case and sets mask
            pixels that are covered by half or more.
    """
    images, targets, places = [], [], []
    for row in read_table(cases_table).itertuples():
        case = row.case
        image = read_image(Path(stripped_dir) / f"{case}.png")
        mask = read_mask(Path(masks_dir) / f"{case}.png")
        spacing_mm = (row.pixel_height_mm, row.pixel_width_mm)
        square, place = network_input(image, size_px, preparation, spacing_mm)
        target = place.mask_forward(mask, nearest=preparation == "paper")
        if not np.isfinite(square).all() or target.max(initial=0) > 1:
            raise UserError(f"case {case}: the packed image is not finite or its mask not 0/1")
        images.append(square)
        targets.append(target)
        places.append({"case": case, **asdict(place)})
    _save(images_file, np.stack(images)[..., None])
    _save(targets_file, np.stack(targets)[..., None])
    write_table(pd.DataFrame(places), placement_table)
    empty = sum(int(target.max() == 0) for target in targets)
    print(
        f"packed {len(images)} cases at {size_px} px ({preparation}); "
        f"{empty} have no tumour pixel at this size"
    )


def _save(path: str, array: np.ndarray) -> None:
    def write(temporary: Path) -> None:
        with temporary.open("wb") as file:
            np.save(file, array, allow_pickle=False)

    write_atomically(path, write)


if "snakemake" in globals():
    from tumorseg.workflow.job import run

    run(main, snakemake)  # noqa: F821
