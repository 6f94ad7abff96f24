"""A case in the house's form: image, annotation and known brain in files, the rest in a line."""

from pathlib import Path
from typing import Any

import numpy as np

from tumorseg import outlines
from tumorseg.cases import Case
from tumorseg.images import write_mask, write_png


def stored(case: Case, name: str, patient: str, folder: Path) -> dict[str, Any]:
    """Writes image, annotation and known brain of a case below `folder`; its line of cases.tsv."""
    write_png(folder / "cases" / f"{name}.png", case.image)
    annotation = outlines.store(folder / "annotations" / name, case)
    brain = np.nan
    if case.true_brain is not None:
        brain = f"true_brain/{name}.png"
        write_mask(folder / brain, case.true_brain)
    height, width = case.image.shape
    return {
        "case": name,
        "patient": patient,
        "plane": case.plane,
        "image": f"cases/{name}.png",
        "annotation": f"annotations/{annotation.name}",
        "height_px": height,
        "width_px": width,
        "pixel_height_mm": case.spacing_mm[0],
        "pixel_width_mm": case.spacing_mm[1],
        "intensity_offset": case.offset,
        "intensity_scale": case.scale,
        "true_brain": brain,
        "tumour_type": case.tumour_type or np.nan,
    }
