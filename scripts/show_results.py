"""Draws the comparison of all set-ups: Fig. 4 and the Dice of every test case."""

import pandas as pd

from tumorseg.core.files import read_table
from tumorseg.reporting.figure_style import save_svg
from tumorseg.reporting.result_figures import bar_figure, case_figure
from tumorseg.reporting.study_tables import published_rows, table2


def main(*, metrics: list[str], background: str, bars_svg: str, cases_svg: str) -> None:
    """Writes two figures from the metrics of all set-ups and of the baseline `background`."""
    cases = pd.concat([read_table(path) for path in [*metrics, background]], ignore_index=True)
    table = pd.concat([table2(cases), published_rows()], ignore_index=True)
    save_svg(bar_figure(table), bars_svg)
    save_svg(case_figure(cases), cases_svg)


if "snakemake" in globals():
    from tumorseg.workflow.job import run

    run(main, snakemake)  # noqa: F821
