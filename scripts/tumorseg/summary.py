"""Short tables: one line a set-up, and the published means recomputed beside the printed ones."""

import math

import pandas as pd

from tumorseg import published
from tumorseg.statistics import AGGREGATIONS, aggregate, mean, t_interval
from tumorseg.tables import (
    cells,
    finished,
    mark_failed,
    mean_of_folds,
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


def verdict(recomputed: str, printed: str) -> str:
    """equal, rounded or cut off: how the printed number comes from the recomputed one."""
    value, decimals = float(recomputed), len(printed.partition(".")[2])
    if float(printed) == value:
        return "equal"
    if math.floor(value * 10**decimals) / 10**decimals == float(printed):
        rounded = f"{value:.{decimals}f}"
        return "rounded" if float(rounded) == float(printed) else "cut off, not rounded"
    return "rounded" if f"{value:.{decimals}f}" == printed else "different"


def published_check() -> pd.DataFrame:
    """The published fold values through our table code, beside the printed means and interval."""
    rows = []
    folds = published.table2()
    for loss, of_loss in folds.groupby("loss", sort=False):
        means = mean_of_folds(of_loss, published.COLUMNS)
        for name, printed in zip(published.COLUMNS, published.TABLE2_MEANS[loss], strict=True):
            value = f"{100 * means[name].value:.3f}".rstrip("0")
            value += "0" if value.endswith(".") else ""
            rows.append(("Table 2", loss, f"mean {name} of 5 folds", "percent", value, printed))
    interval = t_interval(published.HAUSDORFF)
    for end, printed in zip(("low", "high"), published.HAUSDORFF_INTERVAL, strict=True):
        value = f"{getattr(interval, end):.2f}"
        quantity = f"Hausdorff distance, 95 % t interval over 5 folds, {end}"
        rows.append(("Table 3", "focal", quantity, "mm as printed", value, printed))
    names = ["table", "loss", "quantity", "unit", "recomputed", "printed"]
    table = pd.DataFrame(rows, columns=names)
    exact = [*table["recomputed"][:-2], *(str(interval.low), str(interval.high))]
    table["printed_is"] = [verdict(*pair) for pair in zip(exact, table["printed"], strict=True)]
    return table
