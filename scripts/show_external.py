"""Draws the results on the outside data, and says them in words for the report's first lines."""

from tumorseg.core.files import read_table, write_text
from tumorseg.reporting.figure_style import save_svg
from tumorseg.reporting.outside_figure import outside_figure
from tumorseg.statistics.comparison import Question
from tumorseg.statistics.outside_words import in_words


def main(
    *,
    external_table: str,
    external_contrasts_table: str,
    contrasts_table: str,
    ranking_table: str,
    outside_svg: str,
    words_file: str,
    recipe: str,
    reference_loss: str,
    margin: float,
) -> None:
    """Writes the figure of the primary recipe and the sentences.

    Args:
        external_table, external_contrasts_table: from `analyse_external`.
        contrasts_table, ranking_table: of the inside data, from `analyse`.
        outside_svg: Dice and differences, outside and inside; words_file: the sentences.
        recipe, reference_loss, margin: the question.
    """
    question = Question(recipe, reference_loss, margin=margin)
    found, pairs = read_table(external_table), read_table(external_contrasts_table)
    order = read_table(ranking_table).query("recipe == @recipe").dropna(subset=["mean"])
    figure = outside_figure(found, pairs, read_table(contrasts_table), question)
    save_svg(figure, outside_svg)
    best = str(order["loss"].iloc[0]) if len(order) else reference_loss
    text = in_words(found, pairs, question, best)
    write_text(words_file, f"{text}\n")
    print(text)


if "snakemake" in globals():
    from tumorseg.workflow.job import run

    run(main, snakemake)  # noqa: F821
