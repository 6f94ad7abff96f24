"""Draws alpha and gamma of the adaptive focal loss over the cases."""

from tumorseg.core.files import read_table
from tumorseg.reporting.adaptive_figures import adaptive_figure
from tumorseg.reporting.figure_style import save_svg


def main(*, cases_table: str, masks_table: str, adaptive_svg: str) -> None:
    """Writes the figure from cases.tsv and masks.tsv, which have each image's and mask's size."""
    masks = read_table(masks_table).drop(columns=["patient", "plane"])
    cases = read_table(cases_table).merge(masks, on="case", validate="1:1")
    save_svg(adaptive_figure(cases), adaptive_svg)


if "snakemake" in globals():
    from tumorseg.workflow.job import run

    run(main, snakemake)  # noqa: F821
