"""Writes the page of a data check: problems, the cohort in numbers, and outlines to inspect."""

import io
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib import pyplot
from matplotlib.axes import Axes

from tumorseg.checking.outline_sheet import outline_sheet
from tumorseg.checking.taking_out import to_exclude
from tumorseg.core.cases import PLANES, Case
from tumorseg.core.files import write_text
from tumorseg.reporting.figure_style import style
from tumorseg.reporting.table_pages import FILTER, STYLE, table_element

SHOWN = 300  # rows per code on the page; check.tsv has all
SHEET = 60  # cases on the contact sheet
FIELDS = ["severity", "code", "file", "row", "value", "expected", "hint"]
COLUMNS = [*FIELDS, "case"]  # of check.tsv


def write_page(
    path: str | Path,
    title: str,
    problems: pd.DataFrame,
    slices: pd.DataFrame,
    names: list[str],
    sheet: Iterable[Case],
    excluded: Iterable[str] = (),
    classes: Sequence[str] = ("tumour",),
) -> None:
    """Writes the page as one self-contained file.

    Args:
        path: the HTML file.
        title: heading of the page.
        problems: the columns COLUMNS, errors first.
        slices: from each_slice.Checked.
        names: the cases on the contact sheet, in their order.
        sheet: these cases, in any order.
        excluded: the cases that source.exclude takes out already.
        classes: the classes' names, the primary one first, for cases that are volumes.
    """
    parts = [
        f"<h1>{escape(title)}</h1>",
        '<p class="local"><b>Local only.</b> This page names your source files and patients and '
        "shows pictures of them. Keep it on this machine; results/ contains nothing from it.</p>",
        _verdict(problems, slices),
        "<h2>Problems</h2>",
        _problems(problems),
        to_exclude(problems, list(excluded)),
    ]
    if len(slices):
        parts += [
            "<h2>The cohort</h2>",
            f'<div class="scroll">{_planes(slices)}</div>',
            _histograms(slices),
            "<h2>Outlines</h2>",
            outline_sheet(names, sheet, classes, SHEET),
        ]
    style = STYLE + Path(__file__).with_suffix(".css").read_text(encoding="utf-8")
    script = FILTER + Path(__file__).with_suffix(".js").read_text(encoding="utf-8")
    write_text(
        path,
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}'
        f"</title><style>{style}</style></head><body>\n" + "\n".join(parts) + "\n"
        f"<script>{script}</script></body></html>\n",
    )


def _verdict(problems: pd.DataFrame, slices: pd.DataFrame) -> str:
    errors, warnings = ((problems["severity"] == kind).sum() for kind in ("error", "warning"))
    if errors:
        text, kind = "A run would stop: fix the errors first.", "bad"
    else:
        text, kind = "No error: a run would start.", "good"
    patients = slices["patient"].nunique() if len(slices) else 0
    numbers = [
        ("error", "errors", errors),
        ("warning", "warnings", warnings),
        ("", f"{_kind(slices)} read", len(slices)),
        ("", "patients", patients),
    ]
    tiles = "".join(
        f'<div class="tile {kind if number else ""}"><b>{number:,}</b> {label}</div>'
        for kind, label, number in numbers
    )
    return f'<p class="{kind}">{text}</p><div class="tiles">{tiles}</div>'


def _kind(slices: pd.DataFrame) -> str:
    """What the cases are, in one word."""
    return "volumes" if len(slices) and slices["depth_px"].any() else "slices"


def _problems(problems: pd.DataFrame) -> str:
    if problems.empty:
        return "<p>No errors and no warnings.</p>"
    counts = problems.groupby(["severity", "code"], sort=False).size()
    codes = "".join(
        f'<button class="{severity}" data-code="{escape(code)}">{escape(code)} '
        f"<b>{number:,}</b></button>"
        for (severity, code), number in counts.items()
    )
    shown = problems.groupby("code", sort=False).head(SHOWN)
    more = ""
    if len(shown) < len(problems):
        more = f"<p>At most {SHOWN} rows per code; check.tsv in the same folder has all.</p>"
    shown = shown.assign(row=shown["row"].map(lambda row: str(row) if row else ""))
    table = table_element(shown[FIELDS])
    return f'<div class="codes">{codes}</div>{more}<div class="scroll problems">{table}</div>'


def _span(values: pd.Series, unit: str) -> str:
    """Lowest to highest value, with the median where they differ."""
    known = values.dropna()
    if known.empty:
        return "unknown"
    low, middle, high = known.min(), known.median(), known.max()
    low, middle, high = (f"{v:,.0f}" if v >= 1000 else f"{v:.3g}" for v in (low, middle, high))
    spread = low if low == high else f"{low} to {high}, median {middle}"
    missing = len(values) - len(known)
    return f"{spread} {unit}" + (f" ({missing} unknown)" if missing else "")


def _planes(slices: pd.DataFrame) -> str:
    kind, lines = _kind(slices), []
    groups = [(plane, slices[slices["plane"] == plane]) for plane in PLANES]
    for plane, rows in [*groups, ("all", slices)]:
        tumours = rows["tumour_px"].where(rows["tumour_px"] > 0)
        depth = {"depth": _span(rows["depth_px"], "px")} if kind == "volumes" else {}
        sizes = depth | {
            "width": _span(rows["width_px"], "px"),
            "height": _span(rows["height_px"], "px"),
            "pixel height": _span(rows["pixel_height_mm"], "mm"),
            "tumour": _span(tumours.dropna(), "px"),
        }
        line = {
            "plane": plane,
            "patients": f"{rows['patient'].nunique():,}",
            kind: f"{len(rows):,}",
        }
        line |= {name: text if len(rows) else "" for name, text in sizes.items()}
        lines.append(line | {"without": f"{tumours.isna().sum():,}"})
    head = "".join(f"<th>{name}</th>" for name in lines[0])
    body = "".join(
        f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in line.values())}</tr>"
        for line in lines
    )
    return f'<table class="planes"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'


def _histograms(slices: pd.DataFrame) -> str:
    """Six small histograms as one SVG, coloured by plane."""
    style()
    colours = dict(zip(PLANES, sns.color_palette("colorblind"), strict=False))
    per_patient = slices.groupby(["patient", "plane"], as_index=False).size()
    longest = slices.assign(longest=slices[["height_px", "width_px"]].max(axis=1))
    tumours = slices[slices["tumour_px"] > 0]
    kind, of, within = _kind(slices), "a slice", ""
    if kind == "volumes":
        of, within = "its largest slice", " in its largest slice"
    panels = [
        (per_patient, "size", f"{kind.capitalize()} per patient and plane", False),
        (longest, "longest", "Longer side, pixels", False),
        (slices, "pixel_height_mm", "Pixel height, mm", False),
        (slices, "middle", f"Median value of {of}", False),
        (slices, "high", f"99 % quantile of {of}", False),
        (tumours, "tumour_px", f"Tumour, pixels{within}", True),
    ]
    figure, grid = pyplot.subplots(2, 3, figsize=(11, 4.6))
    for axes, panel in zip(grid.flat, panels, strict=True):
        _histogram(axes, *panel, colours)
    present = [plane for plane in PLANES if (slices["plane"] == plane).any()]
    handles = [pyplot.Rectangle((0, 0), 1, 1, color=colours[plane]) for plane in present]
    figure.legend(handles, present, loc="outside upper left", ncols=3, frameon=False)
    text = io.StringIO()
    figure.savefig(text, format="svg", metadata={"Date": None})
    pyplot.close(figure)
    return f'<div class="figure">{text.getvalue()[text.getvalue().index("<svg") :]}</div>'


def _histogram(
    axes: Axes, table: pd.DataFrame, column: str, title: str, log: bool, colours: dict
) -> None:
    known = table.dropna(subset=[column])
    axes.set_title(title, loc="left")
    if known.empty:
        axes.text(0.5, 0.5, "unknown", ha="center", transform=axes.transAxes)
        axes.set(xticks=[], yticks=[])
        return
    values = np.log10(known[column]) if log else known[column]
    low, high = float(values.min()), float(values.max())
    if column == "size" and high - low < 24:
        edges = np.arange(low - 0.5, high + 1)
    else:
        margin = 0.1 * abs(low) + 0.01 if low == high else 0
        edges = np.linspace(low - margin, high + margin, 25)
    stack = [values[known["plane"] == plane] for plane in PLANES]
    axes.hist(stack, bins=edges.tolist(), stacked=True, color=[colours[plane] for plane in PLANES])
    if column == "size" and low == high:
        axes.set_xticks([low], [f"{low:.0f}"])
    elif not log:  # few: large numbers are wide
        axes.locator_params(axis="x", integer=column == "size", nbins=4)
    if log:
        steps = [m * 10**power for power in range(10) for m in (1, 2, 5)]
        ticks = [n for n in steps if edges[0] <= np.log10(n) <= edges[-1]]
        ticks = ticks or [round(10**low), round(10**high)]
        ticks = [n for n in ticks if len(ticks) < 8 or str(n)[0] == "1"]
        axes.set_xticks(np.log10(ticks), [f"{n:,}" for n in ticks])
        axes.set_xlim(edges[0], edges[-1])
    axes.locator_params(axis="y", integer=True, nbins=4)
