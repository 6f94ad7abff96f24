"""Shows the tuning: Table 1, the score of every trial by epoch, and that of each value."""

from pathlib import Path

import yaml

from tumorseg.core.files import read_table
from tumorseg.reporting import tuning_figures
from tumorseg.reporting.figure_style import save_svg
from tumorseg.reporting.table_pages import write_tables
from tumorseg.tuning.table1 import FinishedSearch, table1


def read(best_file: Path) -> FinishedSearch:
    """One search from its folder <recipe>/<loss>/<scope>."""
    recipe, loss, scope = best_file.parts[-4:-1]
    return FinishedSearch(
        *(recipe, loss, scope),
        best=yaml.safe_load(best_file.read_text(encoding="utf-8")),
        grid_points=read_table(best_file.with_name("trials.tsv"), text_columns=("failure",)),
        history=read_table(best_file.with_name("history.tsv")),
    )


def main(
    *,
    best_files: list[str],
    others: list[str],
    tables: list[str],
    curves: list[str],
    effects: list[str],
) -> None:
    """Writes Table 1 as TSV and page, and two figures per recipe.

    Args:
        best_files: best.yaml of each search; others: the tables beside them, which are read too.
        tables: table1.tsv and table1.html, written.
        curves, effects: <recipe>.svg, written.
    """
    searches = [read(Path(path)) for path in best_files]
    write_tables({"table1": table1(searches)}, tables)
    for path in map(Path, curves):
        save_svg(tuning_figures.curve_figure(searches, path.stem), path)
    for path in map(Path, effects):
        save_svg(tuning_figures.sensitivity_figure(searches, path.stem), path)


if "snakemake" in globals():
    from tumorseg.workflow.job import run

    run(main, snakemake)  # noqa: F821
