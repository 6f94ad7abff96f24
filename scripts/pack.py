"""Packs images and masks at network size into one array each, and records their placement."""

from dataclasses import asdict

import numpy as np
import pandas as pd

from tumorseg.core.arrays import written_rows
from tumorseg.core.errors import UserError
from tumorseg.core.files import read_table, write_table
from tumorseg.core.images import case_file, of_channel, of_class, read_image, read_mask
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
    inputs: list[int],
    classes: int = 1,
    overlapping: bool = False,
) -> None:
    """Writes images (n, size, size, channels), targets (n, size, size, classes), placements.

    Images are float32, targets uint8 0/1. All three are in the order of cases.tsv.

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
        inputs: positions of the channels to pack, from 1. The placement is by the first channel of
            the case, so that it is the same whichever are packed.
        classes: their number. overlapping: whether a pixel may be of several; otherwise, where two
            classes cover it equally, it is of the first.
    """
    cases, places, empty = read_table(cases_table), [], 0
    shape = (len(cases), size_px, size_px)
    with (
        written_rows(images_file, (*shape, len(inputs)), np.float32) as add_image,
        written_rows(targets_file, (*shape, classes), np.uint8) as add_target,
    ):
        for row in cases.itertuples():
            case = row.case
            first, *images = (
                read_image(case_file(of_channel(stripped_dir, n), case)) for n in (1, *inputs)
            )
            spacing_mm = (row.pixel_height_mm, row.pixel_width_mm)
            square, place = network_input(first, images, size_px, preparation, spacing_mm)
            masks = (
                read_mask(case_file(of_class(masks_dir, n), case)) for n in range(1, classes + 1)
            )
            nearest = preparation == "paper"
            target = np.stack([place.mask_forward(m, nearest=nearest) for m in masks], axis=-1)
            if not overlapping:
                target *= target.cumsum(axis=-1) == 1
            if not np.isfinite(square).all() or target.max(initial=0) > 1:
                raise UserError(f"case {case}: the packed image is not finite or its mask not 0/1")
            add_image(square)
            add_target(target)
            places.append({"case": case, **asdict(place)})
            empty += int(target.max() == 0)
    write_table(pd.DataFrame(places), placement_table)
    print(
        f"packed {len(cases)} cases at {size_px} px ({preparation}); "
        f"{empty} have no tumour pixel at this size"
    )


if "snakemake" in globals():
    from tumorseg.workflow.job import run

    run(main, snakemake)  # noqa: F821
