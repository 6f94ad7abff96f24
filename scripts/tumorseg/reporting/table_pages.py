"""Tables as web pages: Snakemake's report shows pages, but offers TSV only as a download."""

from collections.abc import Iterable
from html import escape
from pathlib import Path

import pandas as pd

from tumorseg.core.files import write_table, write_text

# Left-aligned even if numeric.
LABELS = (
    "case",
    "patient",
    "fold",
    "what",
    "value",
    "item",
    "registered",
    "run",
    "before",
    "after",
)
STYLE = """
body { font: 13px/1.4 system-ui, sans-serif; color: #222; background: #fff; margin: 12px; }
input[type=search] { padding: 4px 8px; margin-bottom: 8px; width: 22em; font: inherit; }
table { border-collapse: collapse; }
th, td { padding: 3px 9px; border-bottom: 1px solid #ddd; white-space: nowrap;
  text-align: left; vertical-align: top; }
th { position: sticky; top: 0; background: #eef2f6; white-space: normal; vertical-align: bottom; }
td.number { text-align: right; font-variant-numeric: tabular-nums; }
td.long { white-space: normal; min-width: 14em; }
tr:hover td { background: #f6f8fa; }
tr.mean td { font-weight: 600; background: #f3f6ea; }
td.failed { text-align: right; color: #a33b00; font-weight: 600; }
label { margin-left: 12px; }
body:has(#folds:not(:checked)) tr.fold { display: none; }
"""
FOLDS = '<label><input type="checkbox" id="folds"> show each fold</label>\n'

FILTER = """
for (const field of document.querySelectorAll("input[type=search]")) {
  const rows = [...field.parentElement.querySelectorAll("tbody tr")];
  field.addEventListener("input", () => {
    const words = field.value.toLowerCase().split(/\\s+/);
    for (const row of rows) {
      const text = row.textContent.toLowerCase();
      row.hidden = !words.every((word) => text.includes(word));
    }
  });
}
"""


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _text(value: object) -> str:
    if pd.isna(value):
        return "NaN"
    if isinstance(value, float):
        return f"{value:.0f}" if value == int(value) else f"{value:.4g}"
    return str(value)


def _head(name: object) -> str:
    return f"<th>{escape(str(name)).replace('_pct', ' %').replace('_', ' ')}</th>"


def _cell(name: object, value: object) -> str:
    text = _text(value)
    if text == "failed" or text.endswith("folds failed"):
        kind = "failed"
    else:
        numeric = name not in LABELS and _is_number(text.split(" (")[0])
        kind = "number" if numeric else "long" if len(text) > 30 else ""
    return f'<td class="{kind}">{escape(text)}</td>'


def table_element(table: pd.DataFrame) -> str:
    """A search field and the table as HTML; the script FILTER makes the field filter the rows.

    Undefined values are shown as NaN; rows of means are highlighted. Where there are such rows,
    those of single folds are folded away until a box is ticked.
    """
    head = "".join(map(_head, table.columns))
    folds = [str(fold) for fold in table.get("fold", [])]
    summed = any(fold.startswith("mean") for fold in folds)
    body = []
    for index, row in enumerate(table.to_dict("records")):
        kind = ""
        if summed:
            name = folds[index]
            kind = "mean" if name.startswith("mean") else "fold" if name.isdecimal() else ""
        cells = "".join(_cell(*item) for item in row.items())
        body.append(f'<tr class="{kind}">{cells}</tr>' if kind else f"<tr>{cells}</tr>")
    return (
        '<input type="search" placeholder="show rows with all these words" aria-label="filter">\n'
        f"{FOLDS if summed else ''}<table><thead><tr>{head}</tr></thead>\n<tbody>\n"
        + "\n".join(body)
        + "\n</tbody></table>"
    )


def page(table: pd.DataFrame, title: str) -> str:
    """A complete web page with the table and a search field."""
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}'
        f"</title><style>{STYLE}</style></head><body>\n"
        f"{table_element(table)}<script>{FILTER}</script></body></html>\n"
    )


def write_tables(tables: dict[str, pd.DataFrame], paths: Iterable[str]) -> None:
    """Writes tables[path.stem] to each path, as TSV or, for .html, as a web page."""
    for path in map(Path, paths):
        table = tables[path.stem]
        if path.suffix == ".html":
            write_text(path, page(table, path.stem.replace("_", " ")))
        else:
            write_table(table, path)
