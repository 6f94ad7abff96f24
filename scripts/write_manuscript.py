"""Copies all tables and figures for a manuscript into one folder: CSV, LaTeX, SVG and PDF."""

import shutil
from pathlib import Path

import pandas as pd
from tabulate import tabulate

from tumorseg.core.errors import UserError
from tumorseg.core.files import write_text

SENTENCE = 60  # characters, above which a cell is broken into lines
LINE = 140  # characters that fit a page in landscape
FEW = 6  # rows at most of a table that is turned round


def flat_name(path: Path, under: str) -> str:
    """The folders below `under` joined into one name: figures/fig5/robust.svg -> fig5_robust."""
    parts = path.with_suffix("").parts
    return "_".join(parts[len(parts) - parts[::-1].index(under) :])


def latex(table: pd.DataFrame) -> str:
    """The table (text) as a LaTeX tabular with escaped text; it needs the package booktabs.

    One of few rows that is wider than a page is turned round: a line for each column. Where cells
    are sentences it is a longtable whose lines and pages break (package longtable).
    """
    widths = _widths(table)
    if sum(widths) > LINE and 0 < len(table) <= FEW < len(widths):
        table = table.T.reset_index()
        table.columns = ["column", *map(str, range(1, len(table.columns)))]
        widths = _widths(table)
    kind = {"tablefmt": "latex_booktabs", "disable_numparse": True}
    text = tabulate(table.to_numpy().tolist(), headers=list(table), **kind) + "\n"
    if table.empty:  # of which tabulate counts no columns
        text = text.replace("{}", f"{{{'l' * len(widths)}}}", 1)
    wide = [width > SENTENCE for width in widths]
    if not any(wide):
        return text
    left = LINE - sum(width for width in widths if width <= SENTENCE)
    share = max(0.9 * left / LINE, 0.3) / sum(wide)
    columns = "".join(f"p{{{share:.2f}\\linewidth}}" if one else "l" for one in wide)
    begin = f"\\begin{{tabular}}{{{'l' * len(wide)}}}"
    text = text.replace(begin, f"\\begin{{longtable}}{{{columns}}}", 1)
    text = text.replace("\\midrule\n", "\\midrule\n\\endhead\n", 1)
    return text.replace("\\end{tabular}", "\\end{longtable}")


def _widths(table: pd.DataFrame) -> list[int]:
    """The characters of the longest cell of each column and of the space beside it."""
    return [max([len(name), *table[name].astype(str).str.len()]) + 2 for name in table]


def rounded(table: pd.DataFrame) -> pd.DataFrame:
    """All values as text: fractions with four significant digits, integers in full, NaN as NaN."""
    text = table.map(lambda value: f"{value:.4g}" if isinstance(value, float) else str(value))
    return text.replace("nan", "NaN")


def main(*, results: list[str], checklists: list[str], manuscript_dir: str) -> None:
    """Copies figures as SVG and PDF; writes tables as full CSV and as LaTeX with four digits.

    results: all files of the report; of these tables/*.tsv and figures/**.svg are used. Raises
    UserError if a figure's PDF is missing. checklists: those of the tables that are copied as TSV
    as well, to be filled in.
    """
    folder = Path(manuscript_dir)
    folder.mkdir(parents=True, exist_ok=True)
    paths = sorted(map(Path, results))
    figures = [path for path in paths if path.suffix == ".svg"]
    for path in figures:
        for file in (path, path.with_suffix(".pdf")):
            if not file.is_file():
                raise UserError(
                    f"{file}: the file is missing; delete {path} as well, then run again to redraw "
                    "the figure"
                )
            shutil.copyfile(file, folder / f"{flat_name(path, 'figures')}{file.suffix}")
    tables = [path for path in paths if path.suffix == ".tsv" and path.parent.name == "tables"]
    for path in tables:
        table = pd.read_csv(path, sep="\t", na_values=["NaN"], keep_default_na=False)
        write_text(folder / f"{path.stem}.csv", table.to_csv(index=False, na_rep="NaN"))
        write_text(folder / f"{path.stem}.tex", latex(rounded(table)))
    for file in checklists:
        shutil.copyfile(file, folder / Path(file).name)
    print(f"{folder}: {len(figures)} figures (SVG, PDF) and {len(tables)} tables (CSV, LaTeX)")


if "snakemake" in globals():
    from tumorseg.workflow.job import run

    run(main, snakemake)  # noqa: F821
