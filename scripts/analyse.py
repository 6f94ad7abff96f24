"""The statistics of the comparison, from the metrics of every recipe and loss."""

from pathlib import Path

import pandas as pd
import yaml

from tumorseg.core.files import read_table, write_text
from tumorseg.evaluation.case_metrics import LENGTHS
from tumorseg.evaluation.metric_tables import read_all
from tumorseg.metrics import METRICS
from tumorseg.reporting.cost_tables import loss_cost
from tumorseg.reporting.table_pages import write_tables
from tumorseg.statistics import answer, comparison, ranking, subgroups
from tumorseg.statistics.comparison import FIXED, OWN, Question
from tumorseg.statistics.estimates import calibration_error

SPREAD = (*METRICS, "area_difference", "brier")


def thresholds(curves: pd.DataFrame, cases: pd.DataFrame, own: pd.DataFrame) -> pd.DataFrame:
    """Each training's own threshold, and its test patients' mean Dice at it and at the fixed."""
    table = comparison.chosen_thresholds(curves)
    keys = ["recipe", "loss", "seed", "fold"]
    for name, lines in (("dice_fixed", cases), ("dice_own", own)):
        of_patients = lines.groupby([*keys, "patient"], sort=False)["dice"].mean()
        means = of_patients.groupby(keys).mean().rename(name).reset_index()
        table = table.merge(means, on=keys, how="left")
    return table


def calibration(bins: pd.DataFrame, cases: pd.DataFrame) -> pd.DataFrame:
    """recipe, loss, Brier score, ECE of all pixels and of those with a probability above .1."""
    lines = []
    for (recipe, loss), own in bins.groupby(["recipe", "loss"], sort=False):
        of_loss = cases[(cases["recipe"] == recipe) & (cases["loss"] == loss)]
        line = {"recipe": recipe, "loss": loss, "brier": of_loss["brier"].mean()}
        line["ece"] = calibration_error(own.groupby("bin_low").sum(numeric_only=True))
        above = own[own["bin_low"] > 0].groupby("bin_low").sum(numeric_only=True)
        line["ece_above_10_pct"] = calibration_error(above)
        lines.append(line | {"pixels_above_10_pct": int(above["pixels"].sum())})
    return pd.DataFrame(lines)


def main(
    *,
    metrics: list[str],
    thresholds_tables: list[str],
    reliability_tables: list[str],
    cases_table: str,
    masks_table: str,
    settings_files: list[str],
    tables: list[str],
    pages: list[str],
    answer_file: str,
    recipe: str,
    reference_loss: str,
    resamples: int,
    seed: int,
) -> None:
    """Writes contrasts, ranking, variances, thresholds, calibration, subgroups, distribution.

    recipe, reference_loss: the primary question; answer_file: the report's opening paragraph, as
    reStructuredText.
    """
    cases = pd.concat([read_table(path) for path in metrics], ignore_index=True)
    curves = read_all(thresholds_tables, ".thresholds.tsv")
    bins = read_all(reliability_tables, ".reliability.tsv")
    question = Question(recipe, reference_loss, resamples, seed)
    own = comparison.at_own_threshold(cases, curves)
    scores = {FIXED: comparison.patient_scores(cases), OWN: comparison.patient_scores(own)}
    recipes = list(dict.fromkeys(cases["recipe"]))
    ranked = [ranking.ranking(scores[FIXED], name, question) for name in recipes]
    described = read_table(cases_table).merge(
        read_table(masks_table).drop(columns=["patient", "plane"]), on="case", validate="1:1"
    )
    names = [*SPREAD, *(name for name in cases if name.startswith("nsd_"))]
    names += [f"{name}_{unit}" for unit in ("px", "mm") for name in LENGTHS]
    built = {
        "contrasts": comparison.contrasts(scores, question),
        "ranking": pd.concat(ranked, ignore_index=True),
        "variances": ranking.variances(scores[FIXED], reference_loss),
        "thresholds": thresholds(curves, cases, own),
        "calibration": calibration(bins, cases),
        "subgroups": subgroups.subgroups(cases, subgroups.groups(described), question),
        "distribution": subgroups.distribution(cases, names),
    }
    write_tables(built, [*tables, *pages])
    facts = [yaml.safe_load(Path(path).read_text(encoding="utf-8")) for path in settings_files]
    text = answer.answer(built, cases, loss_cost(facts), question)
    write_text(answer_file, text + "\n")
    print(text)


if "snakemake" in globals():
    from tumorseg.workflow.job import run

    run(main, snakemake)  # noqa: F821
