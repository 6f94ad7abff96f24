"""Results by plane, tumour type, site, size and smoothness; the distribution of every metric."""

import math
from collections.abc import Iterator

import pandas as pd

from tumorseg.core.files import read_table
from tumorseg.statistics.comparison import Question, interval, patient_scores, set_ups
from tumorseg.statistics.estimates import mean
from tumorseg.statistics.two_sources import counted

TERTILES = {
    "size": ("tumour_px", ("small", "middle", "large")),
    "perimeter^2 / 4 pi area": ("compactness", ("smooth", "middle", "jagged")),
    "gamma_mSa": ("gamma_msa", ("low", "middle", "high")),
}
COLUMNS = (
    *("kind", "group", "recipe", "loss", "cases", "patients", "undefined", "dice", "low", "high"),
    *("difference", "difference_low", "difference_high"),
)
NAMED = {"plane": "plane", "tumour type": "tumour_type", "site": "site"}


def described(cases_table: str, masks_table: str) -> pd.DataFrame:
    """cases.tsv joined with masks.tsv; words for subgroups stay text."""
    masks = read_table(masks_table).drop(columns=["patient", "plane"])
    return read_table(cases_table, ("tumour_type", "site")).merge(masks, on="case", validate="1:1")


def groups(cases: pd.DataFrame) -> pd.DataFrame:
    """case, kind, group: the subgroups of each case; TERTILES are of all cases with a tumour.

    cases: from `described`. A kind with fewer than two groups is left out, and so
    are cases for which the kind is unknown.
    """
    parts = []
    for kind, column in NAMED.items():
        if column not in cases:  # no case has a site
            continue
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
    """kind, group and its cases; groups from small to large or by name."""
    for kind, of_kind in table.groupby("kind", sort=False):
        names = TERTILES[kind][1] if kind in TERTILES else sorted(set(of_kind["group"]))
        for group in names:
            yield kind, group, of_kind.loc[of_kind["group"] == group, "case"]


def subgroups(metrics: pd.DataFrame, table: pd.DataFrame, question: Question) -> pd.DataFrame:
    """Patient-mean Dice of each loss in each subgroup, and its difference from the reference.

    A patient's mean covers only the images of the subgroup. Exploratory: no tests, only intervals,
    which are not corrected for the many comparisons. No row where no kind has two groups.

    metrics: rows of metrics tables; table: see groups.
    """
    rows = []
    for kind, group, names in _in_order(table):
        chosen = metrics[metrics["case"].isin(set(names))]
        scores = patient_scores(chosen)
        for recipe, loss in set_ups(scores):
            of_loss = scores[recipe, loss]
            difference = of_loss - scores[recipe, question.reference]
            centre, low, high = interval(of_loss, least=0)
            row: dict[str, object] = {"kind": kind, "group": group}
            row |= {"recipe": recipe, "loss": loss}
            row |= {"cases": chosen["case"].nunique(), "patients": len(of_loss)}
            row |= {"undefined": int(counted(of_loss).isna().sum())}
            row |= {"dice": centre, "low": low, "high": high}
            if loss != question.reference:
                row |= dict(zip(COLUMNS[-3:], interval(difference), strict=True))
            rows.append(row)
    return pd.DataFrame(rows, columns=None if rows else COLUMNS)


def distribution(metrics: pd.DataFrame, names: list[str]) -> pd.DataFrame:
    """One row for each recipe, loss and metric over all test images: counts, means, quantiles.

    undefined: NaN values, which are in no mean. by_convention: distances that are the image's
    diagonal because one of the two masks is empty; mean includes them (penalised), mean_without
    leaves them out (excluded).
    """
    rows = []
    for (recipe, loss), cases in metrics.groupby(["recipe", "loss"], sort=False):
        finished = cases[cases["status"] == "ok"]
        one_empty = (finished["truth_px"] > 0) != (finished["predicted_px"] > 0)
        for name in names:
            values = finished[name].dropna()
            is_distance = name.endswith(("_px", "_mm"))
            diagonals = one_empty[values.index] & is_distance
            of_patients = finished.groupby("patient", sort=False)[name].mean()
            quantiles = values.quantile([0, 0.25, 0.5, 0.75, 1])
            row = {"recipe": recipe, "loss": loss, "metric": name, "predictions": len(cases)}
            row |= {"failed": len(cases) - len(finished)}
            row |= {"undefined": len(finished) - len(values)}
            row |= {"by_convention": int(diagonals.sum()), "mean": mean(values).value}
            row["mean_without"] = mean(values[~diagonals]).value if is_distance else math.nan
            row |= {"patient_mean": mean(of_patients).value}
            row |= dict(zip(("least", "q25", "median", "q75", "most"), quantiles, strict=True))
            rows.append(row)
    return pd.DataFrame(rows)
