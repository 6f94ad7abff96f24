"""The study's tables, made of metrics tables: folds, their mean, and all cases together.

Numbers stay fractions until `percent` makes them printable, so the published fold values can go
through the same code as ours.
"""

import math
from collections.abc import Iterable, Iterator

import pandas as pd

from tumorseg.audit import published
from tumorseg.metrics import METRICS
from tumorseg.statistics.estimates import AGGREGATIONS, Mean, aggregate, mean, t_interval

COUNTED = ("cases", "patients", "tumours", "missed_tumours", "empty_predictions")
DISTANCE_COLUMNS = ("hausdorff_px", "hausdorff_mm", "without_diagonals_px")


def finished(cases: pd.DataFrame) -> pd.DataFrame:
    """The lines of folds whose training ended well."""
    return cases[cases["status"] == "ok"]


def cells(metrics: pd.DataFrame) -> Iterator[tuple[str, str, pd.DataFrame]]:
    """recipe, loss and lines of each training set-up, in the order in which they come."""
    for (recipe, loss), cases in metrics.groupby(["recipe", "loss"], sort=False):
        yield str(recipe), str(loss), cases


def status(cases: pd.DataFrame) -> str:
    """ok, failed, or how many of the folds failed."""
    of_folds = cases.groupby("fold")["status"].agg(lambda states: (states == "ok").all())
    lost = int((~of_folds).sum())
    if lost == len(of_folds):
        return "failed"
    return f"{lost} of {len(of_folds)} folds failed" if lost else "ok"


def tumour_counts(cases: pd.DataFrame) -> dict[str, int]:
    """Cases, patients and tumours of the finished folds, and how many tumours were missed."""
    done = finished(cases)
    return {
        "cases": len(done),
        "patients": done["patient"].nunique(),
        "tumours": int((done["truth_px"] > 0).sum()),
        "missed_tumours": int(done["missed"].sum()),
        "empty_predictions": int((done["predicted_px"] == 0).sum()),
    }


def undefined(means: dict[str, Mean]) -> str:
    """What was undefined and so is in no mean, as text: "precision 12 of 63"."""
    gaps = [
        f"{name} {item.undefined} of {item.total}" for name, item in means.items() if item.undefined
    ]
    return ", ".join(gaps) or "none"


def mean_of_folds(folds: pd.DataFrame, names: Iterable[str]) -> dict[str, Mean]:
    """The mean row of a table of folds; undefined folds are counted beside it."""
    return {name: mean(folds[name]) for name in names}


def _row(means: dict[str, Mean]) -> dict[str, object]:
    return {name: item.value for name, item in means.items()} | {"undefined": undefined(means)}


def folds_and_mean(cases: pd.DataFrame, aggregation: str) -> pd.DataFrame:
    """One set-up's rows: each fold, their mean, and all its test cases taken together."""
    rows = []
    for fold, of_fold in cases.groupby("fold"):
        means = aggregate(finished(of_fold), aggregation)
        if status(of_fold) == "failed":
            means = dict.fromkeys(METRICS, Mean(math.nan, 0, 0))
        rows.append({"fold": str(fold), **_row(means), **_counted(of_fold)})
    folds = pd.DataFrame(rows)
    done = folds[folds["status"] == "ok"]
    rows.append({"fold": "mean", **_row(mean_of_folds(done, METRICS)), **_counted(cases)})
    rows.append({"fold": "all", **_row(aggregate(finished(cases), aggregation)), **_counted(cases)})
    return pd.DataFrame(rows)


def _counted(cases: pd.DataFrame) -> dict[str, object]:
    return tumour_counts(cases) | {"status": status(cases)}


def published_rows() -> pd.DataFrame:
    """The published folds, their mean by the same code, and the mean as printed."""
    tables = []
    folds = published.table2()
    for loss, of_loss in folds.groupby("loss", sort=False):
        means = mean_of_folds(of_loss, published.COLUMNS)
        rows = of_loss.to_dict("records")
        rows.append({"fold": "mean", **_row(means)})
        printed = [float(value) / 100 for value in published.TABLE2_MEANS[loss]]
        rows.append(
            {"fold": "mean as printed", **dict(zip(published.COLUMNS, printed, strict=True))}
        )
        tables.append(pd.DataFrame(rows).assign(recipe=published.RECIPE, loss=loss))
    return pd.concat(tables).assign(aggregation="not stated", status="ok")


def table2(metrics: pd.DataFrame) -> pd.DataFrame:
    """Table 2 as fractions: aggregation, recipe, loss, fold, METRICS, counts, undefined, status.

    fold: 1 to n, "mean" (of the folds) and "all" (every test case in one set).
    """
    rows = [
        folds_and_mean(cases, aggregation).assign(aggregation=aggregation, recipe=recipe, loss=loss)
        for aggregation in AGGREGATIONS
        for recipe, loss, cases in cells(metrics)
    ]
    first = ["aggregation", "recipe", "loss", "fold"]
    table = pd.concat(rows)
    return table[first + [name for name in table.columns if name not in first]]


def table3(metrics: pd.DataFrame) -> pd.DataFrame:
    """Table 3: mean Hausdorff distance of each fold's cases, their mean and 95 % t interval.

    Distances in px and, where the spacing is known, in mm; undefined counts stand beside both.
    """
    rows = []
    for recipe, loss, cases in cells(metrics):
        folds = [
            {"fold": str(fold), **_distances(of_fold), "status": status(of_fold)}
            for fold, of_fold in cases.groupby("fold")
        ]
        rows += [{"recipe": recipe, "loss": loss, **row} for row in folds]
        intervals = {name: t_interval(row[name] for row in folds) for name in DISTANCE_COLUMNS}
        rows += [
            {"recipe": recipe, "loss": loss, "fold": label, "status": status(cases)}
            | {name: getattr(interval, part) for name, interval in intervals.items()}
            for part, label in (("mean", "mean"), ("low", "95 % low"), ("high", "95 % high"))
        ]
    return pd.DataFrame(rows)


def _distances(cases: pd.DataFrame) -> dict[str, object]:
    """diagonals: cases with one mask empty, measured by convention as the image's diagonal."""
    done = finished(cases)
    px, mm = mean(done["hausdorff_px"]), mean(done["hausdorff_mm"])
    one_empty = (done["truth_px"] > 0) != (done["predicted_px"] > 0)
    return {
        "hausdorff_px": px.value,
        "hausdorff_mm": mm.value,
        "without_diagonals_px": mean(done.loc[~one_empty, "hausdorff_px"]).value,
        "cases": px.total,
        "undefined_px": px.undefined,
        "undefined_mm": mm.undefined,
        "diagonals": int(one_empty.sum()),
    }


def published_table3() -> pd.DataFrame:
    """The published distances and their interval by the same code, beside the printed interval."""
    interval = t_interval(published.HAUSDORFF)
    low, high = published.HAUSDORFF_INTERVAL
    values = [
        *((str(fold), value) for fold, value in enumerate(published.HAUSDORFF, start=1)),
        *zip(("mean", "95 % low", "95 % high"), interval, strict=True),
        *(("95 % low as printed", low), ("95 % high as printed", high)),
    ]
    rows = [{"fold": label, "hausdorff_mm": value} for label, value in values]
    return pd.DataFrame(rows).assign(recipe=published.RECIPE, loss="focal", status="ok")


def percent(table: pd.DataFrame, names: Iterable[str] = METRICS) -> pd.DataFrame:
    """Fractions as text in percent with two decimals, in columns <name>_pct; counts whole."""
    text = whole(table, COUNTED)
    for name in names:
        text[name] = [number(100 * value) for value in table[name]]
    return mark_failed(text.rename(columns={name: f"{name}_pct" for name in names}))


def number(value: float, decimals: int = 2) -> str:
    """A number as text, NaN where undefined."""
    return "NaN" if math.isnan(value) else f"{value:.{decimals}f}"


def distances(table: pd.DataFrame) -> pd.DataFrame:
    """Table 3 as text: distances with two decimals, counts whole."""
    text = whole(table, ("cases", "undefined_px", "undefined_mm", "diagonals"))
    for name in DISTANCE_COLUMNS:
        text[name] = [number(value) for value in table[name]]
    return mark_failed(text)


def whole(table: pd.DataFrame, names: Iterable[str]) -> pd.DataFrame:
    """Counts as whole numbers, also where some rows have none."""
    return table.astype(dict.fromkeys(set(names) & set(table.columns), "Int64"))


def mark_failed(text: pd.DataFrame) -> pd.DataFrame:
    """Writes "failed" into every NaN cell of the rows whose status is failed."""
    lost = text["status"] == "failed"
    for name in text.columns:
        empty = lost & (text[name].isna() | (text[name] == "NaN"))
        if empty.any():
            text[name] = text[name].astype(object).mask(empty, "failed")
    return text


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
