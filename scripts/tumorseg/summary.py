"""The short table: one line a set-up."""

import math

import pandas as pd

from tumorseg import published
from tumorseg.statistics import AGGREGATIONS, aggregate, mean, t_interval
from tumorseg.tables import (
    cells,
    finished,
    mark_failed,
    number,
    status,
    tumour_counts,
)


def interval_text(values: list[float], scale: float = 1.0) -> str:
    """mean (low to high), the 95 % t interval over folds, times `scale`."""
    centre, low, high = (scale * value for value in t_interval(values))
    text = number(centre)
    return text if math.isnan(low) else f"{text} ({number(low)} to {number(high)})"


def summary(metrics: pd.DataFrame) -> pd.DataFrame:
    """One line a set-up: Dice three ways, pooled precision, recall and accuracy, distance, misses.

    Each value is the mean over folds with its 95 % t interval, in percent or px and mm.
    """
    return mark_failed(pd.DataFrame([_line(*cell) for cell in cells(metrics)]))


def _line(recipe: str, loss: str, cases: pd.DataFrame) -> dict[str, object]:
    folds = [of_fold for _, of_fold in finished(cases).groupby("fold")]
    means = {way: [aggregate(fold, way) for fold in folds] for way in AGGREGATIONS}
    line = {"recipe": recipe, "loss": loss}
    for way in AGGREGATIONS:
        line[f"dice_{way}_pct"] = interval_text([fold["dice"].value for fold in means[way]], 100)
    for name in ("precision", "recall", "accuracy"):
        values = [fold[name].value for fold in means["pooled"]]
        line[f"{name}_pooled_pct"] = interval_text(values, 100)
    for name in ("hausdorff_px", "hausdorff_mm"):
        line[name] = interval_text([mean(fold[name]).value for fold in folds])
    printed = published.TABLE2_MEANS.get(loss)
    line["published_dice_pct"] = printed[published.COLUMNS.index("dice")] if printed else "none"
    return line | tumour_counts(cases) | {"status": status(cases)}
