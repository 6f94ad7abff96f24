"""Writes the statistics of the comparison, from the metrics of every recipe and loss."""

from pathlib import Path

import pandas as pd
import yaml

from tumorseg.core.files import read_table, write_text
from tumorseg.evaluation.case_metrics import LENGTHS
from tumorseg.evaluation.metric_tables import read_all
from tumorseg.metrics import METRICS
from tumorseg.reporting.cost_tables import loss_cost
from tumorseg.reporting.table_pages import write_tables
from tumorseg.statistics import answer, comparison, own_threshold, ranking, subgroups
from tumorseg.statistics.by_class import by_class, class_thresholds
from tumorseg.statistics.calibration import calibration
from tumorseg.statistics.comparison import FIXED, OWN, PRIMARY, Question
from tumorseg.statistics.interactions import interactions
from tumorseg.statistics.verdicts import verdicts
from tumorseg.statistics.wording import with_sentences

SPREAD = (*METRICS, "area_difference", "brier")


def main(
    *,
    metrics: list[str],
    thresholds_tables: list[str],
    reliability_tables: list[str],
    cases_table: str,
    masks_table: str,
    settings_files: list[str],
    convergence_table: str,
    tables: list[str],
    pages: list[str],
    answer_file: str,
    recipe: str,
    reference_loss: str,
    resamples: int,
    seed: int,
    margin: float,
    classes_tables: list[str] | tuple = (),
    class_thresholds_tables: list[str] | tuple = (),
    of: str = "",
) -> None:
    """Writes contrasts, verdicts, ranking, variances, thresholds, calibration, subgroups and more.

    Args:
        metrics: metrics tables of all recipes and losses.
        thresholds_tables, reliability_tables: theirs, <recipe>/<loss>.{thresholds,reliability}.tsv.
        cases_table, masks_table: cases.tsv and masks.tsv, for the subgroups.
        settings_files: settings.yaml of every training; convergence_table: which had converged.
        tables, pages: written, <name>.tsv and <name>.html with the names of `built`.
        answer_file: written, the report's opening paragraph as reStructuredText.
        recipe, reference_loss, margin, of: see Question.
        resamples, seed: of the random draws for the ranking.
        classes_tables: <recipe>/<loss>.classes.tsv where there are several classes.
        class_thresholds_tables: <recipe>/<loss>.class_thresholds.tsv where they may overlap.
    """
    cases = pd.concat([read_table(path) for path in metrics], ignore_index=True)
    curves = read_all(thresholds_tables, ".thresholds.tsv")
    bins = read_all(reliability_tables, ".reliability.tsv")
    question = Question(recipe, reference_loss, resamples, seed, of, margin)
    at_own = own_threshold.at_own_threshold(cases, curves)
    scores = {FIXED: comparison.patient_scores(cases), OWN: comparison.patient_scores(at_own)}
    ranked = [ranking.ranking(scores[FIXED], name, question) for name in cases["recipe"].unique()]
    groups = subgroups.groups(subgroups.described(cases_table, masks_table))
    names = [*SPREAD, *(name for name in cases if name.startswith("nsd_"))]
    names += [f"{name}_{unit}" for unit in ("px", "mm") for name in LENGTHS]
    pairs = comparison.contrasts(scores, question)
    built = {
        "contrasts": pairs,
        "verdicts": with_sentences(verdicts(pairs[pairs["role"] == PRIMARY], margin)),
        "recipes": comparison.between_recipes(scores[FIXED]),
        "ranking": pd.concat(ranked, ignore_index=True),
        "variances": ranking.variances(scores[FIXED], reference_loss),
        "thresholds": own_threshold.thresholds(curves, cases, at_own),
        "calibration": calibration(bins, cases),
        "subgroups": subgroups.subgroups(cases, groups, question),
        "interactions": interactions(cases, groups, question),
        "distribution": subgroups.distribution(cases, names),
    }
    if classes_tables:
        of_classes = pd.concat([read_table(path, ("class",)) for path in classes_tables])
        built["classes"] = by_class(of_classes, question)
    if class_thresholds_tables:
        counts = read_all(class_thresholds_tables, ".class_thresholds.tsv", ("class",))
        built["class_thresholds"] = class_thresholds(counts, of_classes)
    write_tables(built, [*tables, *pages])
    facts = [yaml.safe_load(Path(path).read_text(encoding="utf-8")) for path in settings_files]
    built["convergence"] = read_table(convergence_table)
    text = answer.answer(built, cases, loss_cost(facts), question)
    write_text(answer_file, f"{text}\n")
    print(text)


if "snakemake" in globals():
    from tumorseg.workflow.job import run

    run(main, snakemake)  # noqa: F821
