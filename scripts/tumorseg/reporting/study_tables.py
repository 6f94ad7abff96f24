"""Tables 2 and 3 and the summary, computed from the metrics of all test cases.

Values stay fractions until `percent` formats them, so that the published values pass through the
same code.
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
    """The rows of folds whose training did not fail."""
    return cases[cases["status"] == "ok"]


def set_ups(metrics: pd.DataFrame) -> Iterator[tuple[str, str, pd.DataFrame]]:
    """Recipe, loss and rows of each set-up, in the order of the table."""
    for (recipe, loss), cases in metrics.groupby(["recipe", "loss"], sort=False):
        yield str(recipe), str(loss), cases


def status(cases: pd.DataFrame) -> str:
    """ok, failed, or how many of the folds failed."""
    of_folds = cases.groupby("fold")["status"].agg(lambda states: (states == "ok").all())
    failed = int((~of_folds).sum())
    if failed == len(of_folds):
        return "failed"
    return f"{failed} of {len(of_folds)} folds failed" if failed else "ok"


def tumour_counts(cases: pd.DataFrame) -> dict[str, int]:
    """Counts of cases, patients, tumours, missed tumours, empty predictions in finished folds."""
    done = finished(cases)
    return {
        "cases": len(done),
        "patients": done["patient"].nunique(),
        "tumours": int((done["truth_px"] > 0).sum()),
        "missed_tumours": int(done["missed"].sum()),
        "empty_predictions": int((done["predicted_px"] == 0).sum()),
    }


def undefined(means: dict[str, Mean]) -> str:
    """The numbers of undefined values, which no mean includes, as text: "precision 12 of 63"."""
    counts = [
        f"{name} {item.undefined} of {item.total}" for name, item in means.items() if item.undefined
    ]
    return ", ".join(counts) or "none"


def mean_of_folds(folds: pd.DataFrame, names: Iterable[str]) -> dict[str, Mean]:
    """The means over folds, each with the number of undefined folds."""
    return {name: mean(folds[name]) for name in names}


def _row(means: dict[str, Mean]) -> dict[str, object]:
    return {name: item.value for name, item in means.items()} | {"undefined": undefined(means)}


def folds_and_mean(cases: pd.DataFrame, aggregation: str) -> pd.DataFrame:
    """The rows of one set-up: each fold, the mean over folds, and all test cases together."""
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
    """The published folds, their mean as computed here, and the mean as printed."""
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
    """Table 2 as fractions: aggregation, recipe, loss, fold, METRICS, undefined, counts, status.

    fold: 1 to n, "mean" (over folds) and "all" (all test cases as one set).
    """
    rows = [
        folds_and_mean(cases, aggregation).assign(aggregation=aggregation, recipe=recipe, loss=loss)
        for aggregation in AGGREGATIONS
        for recipe, loss, cases in set_ups(metrics)
    ]
    first = ["aggregation", "recipe", "loss", "fold"]
    table = pd.concat(rows)
    return table[first + [name for name in table.columns if name not in first]]


def table3(metrics: pd.DataFrame) -> pd.DataFrame:
    """Table 3: mean Hausdorff distance of each fold, their mean and 95 % t interval.

    Distances are in px and, where the spacing is known, in mm, both with counts of undefined ones.
    """
    rows = []
    for recipe, loss, cases in set_ups(metrics):
        folds = cases.groupby("fold")
        means = [_distances(of_fold) for _, of_fold in folds]
        rows += [
            {"recipe": recipe, "loss": loss, "fold": str(fold), **row, "status": status(of_fold)}
            for (fold, of_fold), row in zip(folds, means, strict=True)
        ]
        intervals = {name: t_interval(row[name] for row in means) for name in DISTANCE_COLUMNS}
        rows += [
            {"recipe": recipe, "loss": loss, "fold": label, "status": status(cases)}
            | {name: getattr(interval, part) for name, interval in intervals.items()}
            for part, label in (("mean", "mean"), ("low", "95 % low"), ("high", "95 % high"))
        ]
    return pd.DataFrame(rows)


def _distances(cases: pd.DataFrame) -> dict[str, float]:
    """A fold's mean distances. diagonals: cases with one empty mask, scored as image diagonal."""
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
    """The published distances, their interval as computed here, and the interval as printed."""
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
    """Fractions as percent with two decimals in columns <name>_pct; counts as integers."""
    text = with_integers(table, COUNTED)
    for name in names:
        text[name] = [number(100 * value) for value in table[name]]
    return mark_failed(text.rename(columns={name: f"{name}_pct" for name in names}))


def number(value: float, decimals: int = 2) -> str:
    """A number with fixed decimals as text, or "NaN"."""
    return "NaN" if math.isnan(value) else f"{value:.{decimals}f}"


def distances(table: pd.DataFrame) -> pd.DataFrame:
    """Table 3 as text: distances with two decimals, counts as integers."""
    text = with_integers(table, ("cases", "undefined_px", "undefined_mm", "diagonals"))
    for name in DISTANCE_COLUMNS:
        text[name] = [number(value) for value in table[name]]
    return mark_failed(text)


def with_integers(table: pd.DataFrame, names: Iterable[str]) -> pd.DataFrame:
    """The table with these columns as integers that may be missing."""
    return table.astype(dict.fromkeys(set(names) & set(table.columns), "Int64"))


def mark_failed(text: pd.DataFrame) -> pd.DataFrame:
    """Writes "failed" into every NaN cell of the rows whose status is failed."""
    failed = text["status"] == "failed"
    for name in text.columns:
        empty = failed & (text[name].isna() | (text[name] == "NaN"))
        if empty.any():
            text[name] = text[name].astype(object).mask(empty, "failed")
    return text


def interval_text(values: list[float], most: float = math.inf, scale: float = 1.0) -> str:
    """mean (low to high) of the 95 % t interval over folds, times `scale`, as text.

    The interval is cut at 0 and at `most`, the least and the largest value that there can be.
    """
    centre, low, high = (scale * value for value in t_interval(values))
    if math.isnan(low):
        return number(centre)
    low, high = max(0.0, low), min(scale * most, high)
    return f"{number(centre)} ({number(low)} to {number(high)})"


def summary(metrics: pd.DataFrame) -> pd.DataFrame:
    """One row per set-up: Dice averaged in three ways, the other metrics, missed tumours.

    Each value is the mean over folds with its 95 % t interval, in percent, px or mm.
    """
    return mark_failed(pd.DataFrame([_line(*set_up) for set_up in set_ups(metrics)]))


def _line(recipe: str, loss: str, cases: pd.DataFrame) -> dict[str, object]:
    folds = [of_fold for _, of_fold in finished(cases).groupby("fold")]
    means = {way: [aggregate(fold, way) for fold in folds] for way in AGGREGATIONS}
    line: dict[str, object] = {"recipe": recipe, "loss": loss}
    for way in AGGREGATIONS:
        dices = [fold["dice"].value for fold in means[way]]
        line[f"dice_{way}_pct"] = interval_text(dices, most=1, scale=100)
    for name in ("precision", "recall", "accuracy"):
        values = [fold[name].value for fold in means["pooled"]]
        line[f"{name}_pooled_pct"] = interval_text(values, most=1, scale=100)
    for name in ("hausdorff_px", "hausdorff_mm"):
        line[name] = interval_text([mean(fold[name]).value for fold in folds])
    printed = published.TABLE2_MEANS.get(loss)
    line["published_dice_pct"] = printed[published.COLUMNS.index("dice")] if printed else "none"
    return line | tumour_counts(cases) | {"status": status(cases)}
