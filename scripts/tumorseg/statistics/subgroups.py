"""Results by plane, tumour type, size and smoothness, and how every metric is spread."""

import math
from collections.abc import Iterator

import pandas as pd

from tumorseg.statistics.comparison import Question, interval, patient_scores
from tumorseg.statistics.estimates import mean

TERTILES = {
    "size": ("tumour_px", ("small", "middle", "large")),
    "perimeter^2 / 4 pi area": ("compactness", ("smooth", "middle", "jagged")),
    "gamma_mSa": ("gamma_msa", ("low", "middle", "high")),
}
NAMED = {"plane": "plane", "tumour type": "tumour_type"}


def groups(cases: pd.DataFrame) -> pd.DataFrame:
    """case, kind, group: each case's subgroups; tertiles of all cases with a tumour.

    cases: cases.tsv joined with masks.tsv. A kind with fewer than two groups is left out, and so
    are cases of which the kind is unknown.
    """
    parts = []
    for kind, column in NAMED.items():
        known = cases.dropna(subset=[column])
        parts.append(pd.DataFrame({"case": known["case"], "kind": kind, "group": known[column]}))
    tumours = cases[cases["tumour_px"] > 0]
    for kind, (column, names) in TERTILES.items():
        if len(tumours) >= len(names):
            ranks = tumours[column].rank(method="first")
            cut = pd.qcut(ranks, len(names), labels=list(names)).astype(str)
            parts.append(pd.DataFrame({"case": tumours["case"], "kind": kind, "group": cut}))
    table = pd.concat(parts, ignore_index=True)
    several = table.groupby("kind")["group"].transform("nunique") > 1
    return table[several].reset_index(drop=True)


def _in_order(table: pd.DataFrame) -> Iterator[tuple[str, str, pd.Series]]:
    for kind, of_kind in table.groupby("kind", sort=False):
        found = set(of_kind["group"])
        known = TERTILES[kind][1] if kind in TERTILES else sorted(found)
        for group in known:
            yield kind, group, of_kind.loc[of_kind["group"] == group, "case"]


def subgroups(metrics: pd.DataFrame, table: pd.DataFrame, question: Question) -> pd.DataFrame:
    """Patient-mean Dice of each loss in each subgroup, and its difference from the reference.

    A patient's mean then covers the images in the subgroup alone. Exploratory: no test, only
    intervals, which many comparisons make too narrow.
    """
    lines = []
    for kind, group, names in _in_order(table):
        chosen = metrics[metrics["case"].isin(set(names))]
        scores = patient_scores(chosen)
        for recipe, loss in dict.fromkeys((recipe, loss) for recipe, loss, _ in scores.columns):
            own = scores[recipe, loss]
            gap = own - scores[recipe, question.reference]
            centre, low, high = interval(own, question)
            line = {"kind": kind, "group": group, "recipe": recipe, "loss": loss}
            line |= {"cases": chosen["case"].nunique(), "patients": len(own)}
            line |= {"undefined": int(own.mean(axis=1, skipna=False).isna().sum())}
            line |= {"dice": centre, "low": low, "high": high}
            if loss != question.reference:
                names_of_gap = ("difference", "difference_low", "difference_high")
                line |= dict(zip(names_of_gap, interval(gap, question), strict=True))
            lines.append(line)
    return pd.DataFrame(lines)


def distribution(metrics: pd.DataFrame, names: list[str]) -> pd.DataFrame:
    """One line a recipe, loss and metric over all test images: counts, means, quantiles.

    undefined: NaN values, in no mean. by_convention: distances of an image of which one mask is
    empty, which is the image's diagonal; mean has them (penalised), mean_without does not
    (excluded), so both stand side by side.
    """
    lines = []
    for (recipe, loss), cases in metrics.groupby(["recipe", "loss"], sort=False):
        done = cases[cases["status"] == "ok"]
        one_empty = (done["truth_px"] > 0) != (done["predicted_px"] > 0)
        for name in names:
            values = done[name].dropna()
            distance = name.endswith(("_px", "_mm"))
            forced = one_empty[values.index] if distance else one_empty[values.index] & False
            quantiles = values.quantile([0, 0.25, 0.5, 0.75, 1])
            line = {"recipe": recipe, "loss": loss, "metric": name, "predictions": len(cases)}
            line |= {"failed": len(cases) - len(done), "undefined": len(done) - len(values)}
            line |= {"by_convention": int(forced.sum()), "mean": mean(values).value}
            line["mean_without"] = mean(values[~forced]).value if distance else math.nan
            line |= {"patient_mean": mean(done.groupby("patient", sort=False)[name].mean()).value}
            line |= dict(zip(("least", "q25", "median", "q75", "most"), quantiles, strict=True))
            lines.append(line)
    return pd.DataFrame(lines)
