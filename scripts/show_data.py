"""Draws figures and tables of the data: Figs. 2, 3 and S1, skull stripping, and the folds."""

from pathlib import Path

from tumorseg.core.files import read_table
from tumorseg.core.images import case_file, read_image, read_mask
from tumorseg.reporting.data_figures import ratio_figure, strip_methods_figure
from tumorseg.reporting.data_tables import fold_table, harmed_table, ratio_table, strip_table
from tumorseg.reporting.figure_style import save_svg
from tumorseg.reporting.shown_cases import ShownCase, chosen_cases, flat
from tumorseg.reporting.slice_figures import annotation_figure, strip_figure
from tumorseg.reporting.table_pages import write_tables


def read_slice(case: str, label: str, folders: dict[str, Path]) -> ShownCase:
    """A case's image, stripped image, brain mask and tumour mask. folders: name -> folder."""
    image, stripped = (read_image(case_file(folders[n], case)) for n in ("cases", "stripped"))
    brain, mask = (read_mask(case_file(folders[n], case)) for n in ("brain", "masks"))
    return ShownCase(label, *flat(mask, image, stripped, brain, mask))


def main(
    *,
    cases_dir: str,
    stripped_dir: str,
    brain_dir: str,
    masks_dir: str,
    masks_table: str,
    strip_methods_table: str,
    folds_table: str,
    annotation_svg: str,
    strip_svg: str,
    ratio_svg: str,
    strip_methods_svg: str,
    tables: list[str],
    pages: list[str],
    method: str,
    large_ratio: float,
) -> None:
    """Writes four figures and four tables, each table as <name>.tsv and <name>.html.

    Args:
        cases_dir: folder of the images.
        stripped_dir: folder of the stripped images.
        brain_dir: folder of the brain masks.
        masks_dir: folder of the tumour masks.
        masks_table: masks.tsv.
        strip_methods_table: strip_methods.tsv.
        folds_table: folds.tsv.
        annotation_svg: Fig. 2.
        strip_svg: Fig. 3.
        ratio_svg: Fig. S1.
        strip_methods_svg: the figure of skull-stripping methods.
        tables: the tables as TSV.
        pages: the tables as HTML.
        method: the skull-stripping method in use.
        large_ratio: tumours above this tumour/brain ratio are large.
    """
    names = ("cases", "stripped", "brain", "masks")
    places = (cases_dir, stripped_dir, brain_dir, masks_dir)
    folders = {name: Path(place) for name, place in zip(names, places, strict=True)}
    masks = read_table(masks_table)
    planes = masks.set_index("case")["plane"]
    methods = read_table(strip_methods_table)

    slices = [read_slice(case, f"{case}\n{planes[case]}", folders) for case in chosen_cases(masks)]
    save_svg(annotation_figure(slices), annotation_svg)
    save_svg(strip_figure(slices, method), strip_svg)
    save_svg(ratio_figure(masks, large_ratio), ratio_svg)
    save_svg(strip_methods_figure(methods, planes, method), strip_methods_svg)

    built = {
        "tumour_brain_ratio": ratio_table(masks, large_ratio),
        "skull_stripping": strip_table(methods, planes, method),
        "harmed_cases": harmed_table(methods, planes, method),
        "folds": fold_table(read_table(folds_table), masks),
    }
    write_tables(built, [*tables, *pages])


if "snakemake" in globals():
    from tumorseg.workflow.job import run

    run(main, snakemake)  # noqa: F821
