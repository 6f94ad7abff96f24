"""Each class by itself, where there are several: Dice of every loss, and differences between them.

Only the question's class is confirmatory (comparison.contrasts); everything here is exploratory.
"""

import math

import pandas as pd

from tumorseg.statistics.comparison import Question, contrast, patient_scores
from tumorseg.statistics.estimates import holm
from tumorseg.statistics.own_threshold import at_own_threshold, thresholds
from tumorseg.statistics.ranking import ranking


def by_class(cases: pd.DataFrame, question: Question) -> pd.DataFrame:
    """One row for each recipe, class and loss, in the order of the classes, the best loss first.

    cases: metrics rows with a column class. dice, low, high: patient-mean Dice and its 95 %
    interval; missed: tumours of this class without any predicted pixel, of `cases_with`.
    difference and its interval: from the reference loss; p tests it, p_holm: Holm's correction
    over all differences of the table.
    """
    rows = []
    for recipe in dict.fromkeys(cases["recipe"]):
        for name in dict.fromkeys(cases["class"]):
            own = cases[(cases["recipe"] == recipe) & (cases["class"] == name)]
            scores = patient_scores(own)
            for ranked in ranking(scores, recipe, question).itertuples():
                of_loss = own[(own["loss"] == ranked.loss) & (own["status"] == "ok")]
                row = {"recipe": recipe, "class": name, "loss": ranked.loss}
                row |= {"patients": ranked.patients, "undefined": ranked.undefined}
                row |= {"dice": ranked.mean, "low": ranked.low, "high": ranked.high}
                row |= {"missed": int(of_loss["missed"].sum())}
                row |= {"cases_with": int((of_loss["truth_px"] > 0).sum())}
                rows.append(row | _difference(scores, recipe, ranked.loss, question))
    table = pd.DataFrame(rows)
    compared = table["loss"] != question.reference
    table.loc[compared, "p_holm"] = holm(table.loc[compared, "p"])
    return table


def class_thresholds(curves: pd.DataFrame, cases: pd.DataFrame) -> pd.DataFrame:
    """own_threshold.thresholds of each class by itself, with the class in the first column.

    curves: counts at every threshold; cases: metrics rows; both with a column class.
    """
    tables = []
    for name in dict.fromkeys(cases["class"]):
        own, counts = (rows[rows["class"] == name] for rows in (cases, curves))
        table = thresholds(counts, own, at_own_threshold(own, counts))
        tables.append(table.assign(**{"class": name})[["class", *table]])
    return pd.concat(tables, ignore_index=True)


def _difference(
    scores: pd.DataFrame, recipe: str, loss: str, question: Question
) -> dict[str, float]:
    """The loss against the reference; NaN for the reference itself."""
    names = ("difference", "difference_low", "difference_high", "p")
    pair = (recipe, loss), (recipe, question.reference)
    if loss == question.reference or pair[1] not in scores:
        return dict.fromkeys(names, math.nan)
    found = contrast(scores, *pair)
    values = [found[name] for name in ("mean_difference", "low", "high", "p")]
    return dict(zip(names, map(float, values), strict=True))  # type: ignore[arg-type]
