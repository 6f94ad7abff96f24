"""Lays out every table and figure for a manuscript: CSV, LaTeX, SVG and PDF in one flat folder."""

import shutil
from pathlib import Path

import pandas as pd
from tabulate import tabulate

from tumorseg.core.errors import UserError
from tumorseg.core.files import write_text


def flat_name(path: Path, under: str) -> str:
    """figures/fig5/robust.svg as fig5_robust: the folders below `under` go into the name."""
    parts = path.with_suffix("").parts
    return "_".join(parts[len(parts) - parts[::-1].index(under) :])


def latex(table: pd.DataFrame) -> str:
    """A booktabs tabular; text is escaped, numbers stand as they are in the TSV."""
    kind = {"tablefmt": "latex_booktabs", "showindex": False, "disable_numparse": True}
    return tabulate(table, headers="keys", **kind) + "\n"


def rounded(table: pd.DataFrame) -> pd.DataFrame:
    """Numbers with four significant digits, as text; counts stay whole and NaN reads NaN."""
    text = table.map(lambda value: f"{value:.4g}" if isinstance(value, float) else str(value))
    return text.replace("nan", "NaN")


def main(*, results: list[str], manuscript_dir: str) -> None:
    """Copies figures as SVG and PDF, writes tables as full CSV and as LaTeX of four digits.

    results: all that the report shows; of these tables/*.tsv and figures/**.svg.
    """
    folder = Path(manuscript_dir)
    folder.mkdir(parents=True, exist_ok=True)
    paths = sorted(map(Path, results))
    figures = [path for path in paths if path.suffix == ".svg"]
    for path in figures:
        for form in (path, path.with_suffix(".pdf")):
            if not form.is_file():
                raise UserError(
                    f"{form}: gone; delete {path} as well, and the figure is made again"
                )
            shutil.copyfile(form, folder / f"{flat_name(path, 'figures')}{form.suffix}")
    tables = [path for path in paths if path.suffix == ".tsv" and path.parent.name == "tables"]
    for path in tables:
        table = pd.read_csv(path, sep="\t", na_values=["NaN"], keep_default_na=False)
        write_text(folder / f"{path.stem}.csv", table.to_csv(index=False, na_rep="NaN"))
        write_text(folder / f"{path.stem}.tex", latex(rounded(table)))
    print(f"{folder}: {len(figures)} figures (SVG, PDF) and {len(tables)} tables (CSV, LaTeX)")


if "snakemake" in globals():
    from tumorseg.workflow.job import run

    run(main, snakemake)  # noqa: F821
