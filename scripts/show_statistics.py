"""Shows the statistics: forest plot, patients, ranks, balance, size, thresholds, reliability."""

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
    resamples: int,
    seed: int,
) -> None:
    """Writes eight figures of the primary recipe; the tables are those that `analyse` writes."""
    cases = pd.concat([read_table(path) for path in metrics], ignore_index=True)
    curves = read_all(thresholds_tables, ".thresholds.tsv")
    bins = read_all(reliability_tables, ".reliability.tsv")
    question = Question(recipe, reference_loss, resamples, seed)
    losses = list(dict.fromkeys(cases["loss"]))
    scores, chosen = patient_scores(cases), read_table(chosen_table)
    save_svg(
        comparison_figures.forest_figure(read_table(contrasts_table), question, losses), forest_svg
    )
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
        comparison_figures.subgroup_figure(read_table(subgroups_table), question, losses),
        subgroups_svg,
    )


if "snakemake" in globals():
    from tumorseg.workflow.job import run

    run(main, snakemake)  # noqa: F821
