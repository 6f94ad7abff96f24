"""Reads the metrics tables of all losses as one; tabulates the metrics of empty masks."""

import math
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from tumorseg.core.files import read_table
from tumorseg.evaluation.case_metrics import LENGTHS, measured, nsd_name
from tumorseg.evaluation.probabilities import STORED_ONE
from tumorseg.metrics import METRICS


def spacings(cases: pd.DataFrame) -> dict[str, tuple[float, ...]]:
    """Case -> height and width of a pixel in mm, from cases.tsv; NaN where unknown.

    Of a volume: depth, height and width of a voxel.
    """
    sides = ("pixel_depth_mm", "pixel_height_mm", "pixel_width_mm")
    table = cases.set_index("case")[[side for side in sides if side in cases]].astype(float)
    return {case: tuple(row) for case, row in zip(table.index, table.to_numpy(), strict=True)}


def read_all(paths: list[str], suffix: str, text_columns: tuple[str, ...] = ()) -> pd.DataFrame:
    """All tables <recipe>/<loss><suffix> as one table with columns recipe and loss.

    text_columns: as in read_table.
    """
    parts = []
    for path in map(Path, paths):
        names = {"recipe": path.parent.name, "loss": path.name.removesuffix(suffix)}
        parts.append(read_table(path, text_columns).assign(**names))
    return pd.concat(parts, ignore_index=True)


def conventions(tolerances_px: Iterable[float]) -> pd.DataFrame:
    """The value of each metric if a mask is empty, measured on masks of 3 x 4 pixels."""
    empty = np.zeros((3, 4), bool)
    tumour = empty.copy()
    tumour[1, 1:3] = True
    pairs = {
        "both empty": (empty, empty),
        "only the truth empty": (empty, tumour),
        "only the prediction empty": (tumour, empty),
        "equal": (tumour, tumour),
    }
    values = {
        name: measured(
            truth,
            prediction.astype(np.uint16) * np.uint16(STORED_ONE),
            spacing_mm=(1.0, 1.0),
            threshold=0.5,
            tolerances_px=tolerances_px,
        )
        for name, (truth, prediction) in pairs.items()
    }
    shown = [*METRICS, *(f"{name}_px" for name in LENGTHS), *map(nsd_name, tolerances_px)]
    shown += ["area_difference", "missed"]
    table = pd.DataFrame(values).loc[shown]
    diagonal = math.hypot(*empty.shape)
    table = table.map(lambda value: "undefined" if math.isnan(value) else f"{value:g}")
    table = table.replace(f"{diagonal:g}", "image diagonal")
    return table.rename_axis("metric").reset_index()
