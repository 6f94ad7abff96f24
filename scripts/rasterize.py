"""Turns annotations into masks at native size; measures each tumour's area and shape."""

from typing import Any

import numpy as np
import pandas as pd

from tumorseg.core.files import read_table, write_table
from tumorseg.core.images import affine_of, case_file, of_class, read_image, write_case_mask
from tumorseg.core.parallel import by_processes
from tumorseg.data import storing
from tumorseg.imaging.strip_harm import stop_if_harmful
from tumorseg.imaging.tumour_shape import brain_area, compactness, mean_gradient, perimeter

SIDES = ("depth_px", "height_px", "width_px")  # of cases.tsv; only volumes have a depth


def main(
    *,
    cases_table: str,
    annotations_dir: str,
    stripped_dir: str,
    masks_table: str,
    masks_dir: str,
    config: dict[str, Any],
    classes: int = 1,
    cores: int = 1,
    **read: str,
) -> None:
    """Writes masks/<case>.png, masks/class-2/<case>.png and so on, and masks.tsv, a row per case.

    Areas and shapes are those of the primary class.

    tumour_brain_ratio: tumour pixels divided by brain pixels, measured on the stripped image as in
    the study's Fig. S1. Raises DataError where stripping harms tumours.

    Args:
        cases_table, annotations_dir, stripped_dir: read; in `read`: cases_dir and brain_dir.
        masks_table, masks_dir: written.
        config: only `skull_strip` is used; classes: their number.
        cores: processes, which change no result.
    """

    def rasterize(case: dict[str, Any]) -> dict[str, str | int | float]:
        name = case["case"]
        size = tuple(int(case[side]) for side in SIDES if side in case)
        affine = affine_of(case_file(stripped_dir, name))
        for n in range(classes, 0, -1):  # the primary class last, which is measured below
            mask = storing.load_annotation(of_class(annotations_dir, n), name, size)
            write_case_mask(of_class(masks_dir, n), name, mask, affine)
        brain_px = brain_area(read_image(case_file(stripped_dir, name)))
        return {key: case[key] for key in ("case", "patient", "plane")} | {
            "tumour_px": int(mask.sum()),
            "brain_px": brain_px,
            "tumour_brain_ratio": mask.sum() / brain_px if brain_px else np.nan,
            "perimeter_px": perimeter(mask),
            "compactness": compactness(mask),
            "gamma_msa": mean_gradient(mask),
        }

    for n in range(1, classes + 1):
        of_class(masks_dir, n).mkdir(parents=True, exist_ok=True)
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
