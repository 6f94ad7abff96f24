"""Draws the Dice of every class with every loss."""

from tumorseg.core.files import read_table
from tumorseg.reporting.comparison_figures import subgroup_figure
from tumorseg.reporting.figure_style import save_svg


def main(*, classes_table: str, classes_svg: str, recipe: str, losses: list[str]) -> None:
    """Writes the figure from the table `classes` of `analyse`, for one recipe.

    losses: in the order that gives them their colours.
    """
    table = read_table(classes_table)
    table = table.assign(kind="class", group=table["class"])
    save_svg(
        subgroup_figure(table, recipe, losses, f"Dice by class (recipe {recipe})"), classes_svg
    )


if "snakemake" in globals():
    from tumorseg.workflow.job import run

    run(main, snakemake)  # noqa: F821
