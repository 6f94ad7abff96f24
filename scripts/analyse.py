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
from tumorseg.statistics import answer, comparison, ranking, subgroups
from tumorseg.statistics.by_class import by_class, class_thresholds
from tumorseg.statistics.calibration import calibration
from tumorseg.statistics.comparison import FIXED, OWN, Question
from tumorseg.statistics.interactions import interactions

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
    classes_tables: list[str] | tuple = (),
    class_thresholds_tables: list[str] | tuple = (),
    of: str = "",
) -> None:
    """Writes contrasts, recipes, ranking, variances, thresholds, calibration, subgroups and more.

    Args:
        metrics: metrics tables of all recipes and losses.
        thresholds_tables: their counts by threshold, <recipe>/<loss>.thresholds.tsv.
        reliability_tables: their reliability, <recipe>/<loss>.reliability.tsv.
        cases_table: cases.tsv, for the subgroups.
        masks_table: masks.tsv, for the subgroups.
        settings_files: settings.yaml of every training, for the training times.
        convergence_table: which trainings had converged.
        tables: written, <name>.tsv with the names of `built`.
        pages: written, <name>.html with the same names.
        answer_file: written, the report's opening paragraph as reStructuredText.
        recipe, reference_loss: of the primary contrasts, and what they compare with.
        resamples, seed: of the bootstrap.
        classes_tables: <recipe>/<loss>.classes.tsv where there are several classes.
        class_thresholds_tables: <recipe>/<loss>.class_thresholds.tsv where they may overlap.
        of: what the question is about, in words.
    """
    cases = pd.concat([read_table(path) for path in metrics], ignore_index=True)
    curves = read_all(thresholds_tables, ".thresholds.tsv")
    bins = read_all(reliability_tables, ".reliability.tsv")
    question = Question(recipe, reference_loss, resamples, seed, of)
    at_own = comparison.at_own_threshold(cases, curves)
    scores = {FIXED: comparison.patient_scores(cases), OWN: comparison.patient_scores(at_own)}
    ranked = [ranking.ranking(scores[FIXED], name, question) for name in cases["recipe"].unique()]
    groups = subgroups.groups(subgroups.described(cases_table, masks_table))
    names = [*SPREAD, *(name for name in cases if name.startswith("nsd_"))]
    names += [f"{name}_{unit}" for unit in ("px", "mm") for name in LENGTHS]
    built = {
        "contrasts": comparison.contrasts(scores, question),
        "recipes": comparison.between_recipes(scores[FIXED], question),
        "ranking": pd.concat(ranked, ignore_index=True),
        "variances": ranking.variances(scores[FIXED], reference_loss),
        "thresholds": comparison.thresholds(curves, cases, at_own),
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
    tables_of_answer = built | {"convergence": read_table(convergence_table)}
    text = answer.answer(tables_of_answer, cases, loss_cost(facts), question)
    write_text(answer_file, text + "\n")
    print(text)


if "snakemake" in globals():
    from tumorseg.workflow.job import run

    run(main, snakemake)  # noqa: F821
