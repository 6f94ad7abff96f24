"""Draws how much each training still gained at its end."""

from tumorseg.core.files import read_table
from tumorseg.reporting.convergence_figures import gain_figure
from tumorseg.reporting.figure_style import save_svg


def main(*, convergence_table: str, gains_svg: str) -> None:
    """Writes the figure of the gains from the table of `check_convergence`."""
    save_svg(gain_figure(read_table(convergence_table)), gains_svg)


if "snakemake" in globals():
    from tumorseg.workflow.job import run

    run(main, snakemake)  # noqa: F821
