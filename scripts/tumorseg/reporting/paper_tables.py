"""A paper's printed tables beside what this experiment measured, with what the audit found."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from tumorseg.audit.findings import audit
from tumorseg.audit.printed import Row, Source
from tumorseg.statistics.estimates import Interval, holm, mean, signed_rank, t_interval

QUANTITIES = ("dice", "iou", "precision", "recall", "specificity")
TESTED = ("table", "class", "loss", "against", "p_printed", "patients", "difference")


@dataclass(frozen=True)
class Names:
    """Which of our set-ups a printed row is about.

    recipe: the experiment's first; dataset: as the paper names it; losses: printed name -> ours;
    networks: printed name -> the recipe that trains it.
    """

    recipe: str
    dataset: str
    losses: Mapping[str, str]
    networks: Mapping[str, str]

    def recipe_of(self, network: str) -> str | None:
        """The recipe that trains a printed network; the first where the row names none."""
        return self.networks.get(network) if network else self.recipe


def _rows(source: Source, names: Names) -> Iterator[tuple[str, Row]]:
    """The rows of the data set, each with its table's name."""
    for table in source.tables:
        for row in table.rows:
            if row.labels.get("dataset", names.dataset) == names.dataset:
                yield table.name, row


def _chosen(metrics: pd.DataFrame, recipe: str | None, loss: str | None, of: str) -> pd.DataFrame:
    """The test cases of a set-up and class; without a column class there is one only."""
    rows = metrics[(metrics["recipe"] == recipe) & (metrics["loss"] == loss)]
    return rows[rows["class"] == of] if of and "class" in rows else rows


def of_folds(rows: pd.DataFrame, name: str) -> Interval:
    """The mean over folds of a metric's mean over cases, with its 95 % t interval.

    One fold has no interval. Failed trainings and undefined values are in no mean.
    """
    done = rows[rows["status"] == "ok"]
    return t_interval(mean(values).value for _, values in done.groupby("fold")[name])


def value_text(interval: Interval) -> str:
    """A value as the papers print it: "0.751 ± 0.057", without ± for one fold."""
    if math.isnan(interval.mean):
        return "undefined"
    half = "" if math.isnan(interval.high) else f" ± {interval.high - interval.mean:.3f}"
    return f"{interval.mean:.3f}{half}"


def beside(source: Source, names: Names, metrics: pd.DataFrame) -> pd.DataFrame:
    """One row for each printed row of shares: printed values, ours, and what the audit found.

    metrics: rows of the metrics tables, with a column class where there are several. Ours are means
    over folds of the means over cases, ± the half width of the 95 % t interval over folds.
    """
    findings = audit(source)
    faults = findings[findings["level"] == "fault"]
    rows = []
    for table, row in _rows(source, names):
        printed = {name: row.numbers[name].text for name in QUANTITIES if name in row.numbers}
        if not printed:
            continue
        labels, loss = row.labels, names.losses.get(row.labels["loss"])
        recipe = names.recipe_of(labels.get("network", ""))
        chosen = _chosen(metrics, recipe, loss, labels.get("of", ""))
        line = {"table": table, "network": labels.get("network", ""), "loss": labels["loss"]}
        line |= {"class": labels.get("of", "")}
        line |= {"ours": f"{recipe}/{loss}" if len(chosen) else "not run"}
        line |= {"cases": chosen["case"].nunique(), "folds": chosen["fold"].nunique()}
        failed = len(chosen) and (chosen["status"] != "ok").all()
        for name, text in printed.items():
            ours = "failed" if failed else value_text(of_folds(chosen, name))
            line |= {f"{name}_printed": text, f"{name}_ours": ours if len(chosen) else ""}
        found = faults[(faults["table"] == table) & (faults["row"] == row.name)]["finding"]
        rows.append(line | {"audit": "; ".join(dict.fromkeys(found))})
    table = pd.DataFrame(rows)
    values = [f"{name}_{of}" for name in QUANTITIES for of in ("printed", "ours")]
    order = [name for name in table if name not in (*values, "audit")]
    shown = [*order, *(name for name in values if name in table), "audit"]
    return table.fillna("")[[name for name in shown if (table[name] != "").any()]]


def _scores(rows: pd.DataFrame) -> pd.Series:
    """Dice of each case, the mean over seeds; NaN where it is undefined with one of them."""
    return rows.groupby(["fold", "patient", "case"])["dice"].agg(lambda d: d.mean(skipna=False))


def tests(source: Source, names: Names, metrics: pd.DataFrame) -> pd.DataFrame:
    """One row for each p of a printed matrix: the pair of losses, printed p, ours of two tests.

    p_rank_sum: Wilcoxon's rank-sum test of all cases' Dice (scipy.stats.ranksums), as published,
    though the cases are paired; p_signed_rank: the signed-rank test of the patients' differences.
    Both after Holm over the pairs of a printed matrix. difference: mean over patients. A loss that
    was not run, or whose training failed in a fold, has no p; cases without a Dice are left out.
    """
    rows = []
    for table, row in _rows(source, names):
        if "against" not in row.labels or "text" in table:  # which repeats some of a table's
            continue
        of, pair = row.labels.get("target", ""), (row.labels["loss"], row.labels["against"])
        losses = [names.losses.get(name) for name in pair]
        ran = [_chosen(metrics, names.recipe, loss, of) for loss in losses]
        whole = all(len(rows_of) and (rows_of["status"] == "ok").all() for rows_of in ran)
        both = pd.concat([_scores(rows_of) for rows_of in ran], axis=1).dropna()
        differences = (both.iloc[:, 0] - both.iloc[:, 1]).groupby("patient").mean()
        line: dict[str, object] = {"table": table, "class": of}
        line |= {"loss": pair[0], "against": pair[1]}
        line |= {"p_printed": row.numbers["p"].text, "patients": len(differences) if whole else 0}
        line |= {"difference": float(differences.mean()) if whole else math.nan}
        line["p_rank_sum"] = float(stats.ranksums(*both.T.to_numpy()).pvalue) if whole else math.nan
        line["p_signed_rank"] = signed_rank(differences).p if whole else math.nan
        rows.append(line)
    found = pd.DataFrame(rows, columns=None if rows else TESTED)
    for _, family in found.groupby("table"):
        for name in ("p_rank_sum", "p_signed_rank"):
            found.loc[family.index, name] = holm(family[name])
    return found


def printed_difference(source: Source, names: Names, row: pd.Series) -> float:
    """The difference of the printed mean Dice of a row of `tests`; NaN where none is printed."""
    means = {
        label.labels["loss"]: float(label.numbers["dice"].value.value)
        for _, label in _rows(source, names)
        if "dice" in label.numbers and label.labels.get("of", "") == row["class"]
        if label.numbers["dice"].value is not None
    }
    return means.get(row["loss"], np.nan) - means.get(row["against"], np.nan)
