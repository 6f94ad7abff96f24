"""The published results as printed, from published/*.yaml (docs/audit.md has the file format).

The papers are the study (Shafiei Neyestanak et al. 2025) and the two whose losses it compares.
"""

from pathlib import Path

import pandas as pd

from tumorseg.audit.printed import Row
from tumorseg.audit.reading import QUOTED, read

COLUMNS = ("accuracy", "dice", "precision", "recall", "specificity")
RECIPE = QUOTED
PAPERS = {
    path.stem: read(path)[0] for path in sorted(Path(__file__).with_suffix("").glob("*.yaml"))
}
SOURCES = list(PAPERS.values())
_STUDY = next(source for source in SOURCES if "2025" in source.name)
_ROWS = {table.name: table.rows for table in _STUDY.tables}
_TABLE2, _TABLE3 = _ROWS["Table 2"], _ROWS["Table 3"]

# Table 2, the row "5-Fold Mean" as printed (some numbers are cut off, not rounded).
TABLE2_MEANS = {
    row.labels["loss"]: tuple(row.numbers[name].text for name in COLUMNS)
    for row in _TABLE2
    if row.part == "mean"
}


def _value(row: Row, quantity: str) -> float:
    number = row.numbers[quantity].value
    if number is None:
        raise ValueError(f"{row.name}: {quantity} is not printed")
    return float(number.value)


# Table 3, focal loss: printed in mm, although the authors' code measures pixels.
HAUSDORFF = tuple(_value(row, "hausdorff") for row in _TABLE3 if row.part == "fold")
HAUSDORFF_INTERVAL = tuple(
    _value(row, "hausdorff") for row in _TABLE3 if row.part in ("low", "high")
)

# Ratio of tumour area to brain area (Fig. S1).
RATIO_MEAN, RATIO_MEDIAN = 0.22, 0.19


def table2() -> pd.DataFrame:
    """The ten printed fold rows of Table 2 as fractions: recipe, loss, fold and COLUMNS."""
    rows = [
        {"recipe": RECIPE, "loss": row.labels["loss"], "fold": row.labels["fold"]}
        | {name: _value(row, name) for name in COLUMNS}
        for row in _TABLE2
        if row.part == "fold"
    ]
    return pd.DataFrame(rows)
