"""Compares with a paper: its tables and figures as printed, beside what was measured here."""

from typing import Any

import pandas as pd

from tumorseg.audit import published
from tumorseg.core.files import read_table
from tumorseg.evaluation.metric_tables import spacings
from tumorseg.reporting import paper_figures, paper_tables
from tumorseg.reporting.comparison_figures import subgroup_figure
from tumorseg.reporting.figure_style import save_svg
from tumorseg.reporting.paper_cases import paper_cases
from tumorseg.reporting.paper_tables import Names
from tumorseg.reporting.paper_voxels import voxel_figure
from tumorseg.reporting.shown_cases import first_folders
from tumorseg.reporting.table_pages import write_tables

SHOWN = 8  # losses in a figure, the first ones of the config's `paper`


def main(
    *,
    metrics: list[str],
    predictions: list[str],
    cases_table: str,
    masks_table: str,
    subgroups_table: str,
    cases_dir: str,
    masks_dir: str,
    tables: list[str],
    pages: list[str],
    matrix_svg: str,
    subgroups_svg: str,
    cases_svg: str,
    paper: dict[str, Any],
    recipe: str,
    threshold: float,
    classes_tables: list[str] | tuple = (),
    voxels_svg: str = "",
) -> None:
    """Writes the tables paper and paper_p, and its figures.

    Args:
        metrics: the metrics table of every set-up; predictions: the first seed's folders.
        cases_table, masks_table, subgroups_table: cases.tsv, masks.tsv, the table of `analyse`.
        cases_dir, masks_dir: images and masks.
        tables, pages: paper and paper_p, as TSV and as HTML.
        matrix_svg: the matrices of p values; subgroups_svg: Dice by size and smoothness; cases_svg:
            the cases with the largest, smallest, smoothest and most jagged tumour.
        paper: the config's `paper`.
        recipe: the experiment's first; threshold: of the predictions.
        classes_tables: the metrics of every class, where there are several.
        voxels_svg: of volumes, the same cases in space.
    """
    source = published.PAPERS[paper["name"]]
    names = Names(recipe, paper["dataset"], paper["losses"], paper["networks"])
    cases = pd.concat([read_table(path) for path in metrics], ignore_index=True)
    by_class = [read_table(path, ("class",)) for path in classes_tables]
    measured = pd.concat(by_class, ignore_index=True) if by_class else cases
    tests = paper_tables.tests(source, names, measured)
    built = {"paper": paper_tables.beside(source, names, measured), "paper_p": tests}
    write_tables(built, [*tables, *pages])
    sides = [paper_tables.printed_difference(source, names, row) for _, row in tests.iterrows()]
    matrices = paper_figures.matrix_figure(tests.assign(printed_difference=sides), source.name)
    save_svg(matrices, matrix_svg)
    own = cases[cases["recipe"] == recipe]
    losses = [loss for loss in dict.fromkeys(paper["losses"].values()) if loss in set(own["loss"])]
    subgroups = read_table(subgroups_table)
    by_shape = subgroups[~subgroups["kind"].isin(["plane", "tumour type"])]
    of_paper = by_shape[by_shape["loss"].isin(losses[:SHOWN])]
    title = f"Dice by size and smoothness of the tumour ({source.name})"
    save_svg(subgroup_figure(of_paper, recipe, losses[:SHOWN], title), subgroups_svg)
    first = own[own["seed"] == own["seed"].min()]
    folders = first_folders(predictions)
    masks = read_table(masks_table)
    spacing = spacings(read_table(cases_table))
    shown = losses[:SHOWN]
    chosen = paper_cases(
        masks, first, folders, shown, cases_dir, masks_dir, threshold=threshold, spacing_mm=spacing
    )
    title = f"Predictions, as {source.name} shows them"
    save_svg(paper_figures.case_figure(chosen, shown, title=title, threshold=threshold), cases_svg)
    if voxels_svg:
        solids = [case.solid for case in chosen if case.solid]
        save_svg(voxel_figure(solids, shown, f"{title}, in space"), voxels_svg)


if "snakemake" in globals():
    from tumorseg.workflow.job import run

    run(main, snakemake)  # noqa: F821
