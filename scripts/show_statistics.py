"""Draws the statistics: how losses differ, rank, balance errors and are calibrated."""

import pandas as pd

from tumorseg.core.files import read_table
from tumorseg.evaluation.metric_tables import read_all
from tumorseg.reporting import behaviour_figures, comparison_figures
from tumorseg.reporting.figure_style import save_svg
from tumorseg.statistics.comparison import Question, patient_scores


def main(
    *,
    metrics: list[str],
    thresholds_tables: list[str],
    reliability_tables: list[str],
    contrasts_table: str,
    verdicts_table: str,
    ranking_table: str,
    chosen_table: str,
    calibration_table: str,
    subgroups_table: str,
    forest_svg: str,
    paired_svg: str,
    ranking_svg: str,
    balance_svg: str,
    size_svg: str,
    thresholds_svg: str,
    reliability_svg: str,
    subgroups_svg: str,
    recipe: str,
    reference_loss: str,
    threshold: float,
    margin: float,
) -> None:
    """Writes eight figures of the primary recipe.

    Args:
        metrics: the metrics table of every recipe and loss.
        thresholds_tables: counts at every threshold, from `measure`.
        reliability_tables: pixels by predicted probability, from `measure`.
        contrasts_table: pairs of losses, from `analyse`, like the next five tables.
        verdicts_table: what the primary contrasts say.
        ranking_table: ranks of the losses.
        chosen_table: the threshold that each training's validation patients chose.
        calibration_table: calibration errors.
        subgroups_table: Dice by subgroup.
        forest_svg: differences from the reference loss.
        paired_svg: every patient's Dice with every loss.
        ranking_svg: ranks of the losses.
        balance_svg: precision against recall.
        size_svg: Dice against tumour size.
        thresholds_svg: Dice against the threshold.
        reliability_svg: predicted probabilities against frequencies.
        subgroups_svg: Dice by subgroup.
        recipe: the primary recipe.
        reference_loss: the loss that the others are compared with.
        threshold: the fixed threshold.
        margin: the smallest difference in Dice that matters.
    """
    cases = pd.concat([read_table(path) for path in metrics], ignore_index=True)
    curves = read_all(thresholds_tables, ".thresholds.tsv")
    bins = read_all(reliability_tables, ".reliability.tsv")
    question = Question(recipe, reference_loss, margin=margin)
    losses = list(dict.fromkeys(cases["loss"]))
    scores, chosen = patient_scores(cases), read_table(chosen_table)
    figure = comparison_figures.forest_figure(
        read_table(contrasts_table), read_table(verdicts_table), question, losses
    )
    save_svg(figure, forest_svg)
    save_svg(comparison_figures.paired_figure(scores, question, losses), paired_svg)
    save_svg(
        comparison_figures.ranking_figure(read_table(ranking_table), question, losses), ranking_svg
    )
    save_svg(behaviour_figures.balance_figure(cases, question, losses), balance_svg)
    save_svg(behaviour_figures.size_figure(cases, question, losses), size_svg)
    figure = behaviour_figures.threshold_figure(curves, chosen, question, losses, threshold)
    save_svg(figure, thresholds_svg)
    calibration = read_table(calibration_table)
    save_svg(
        behaviour_figures.reliability_figure(bins, calibration, question, losses), reliability_svg
    )
    save_svg(
        comparison_figures.subgroup_figure(read_table(subgroups_table), recipe, losses),
        subgroups_svg,
    )


if "snakemake" in globals():
    from tumorseg.workflow.job import run

    run(main, snakemake)  # noqa: F821
