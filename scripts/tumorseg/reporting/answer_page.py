"""The first page of the results: the verdict in one sentence, a figure, and what to know about it.

Written for a reader who is no statistician. The page stands alone: style, figure and script are in
it, and it follows the reader's dark or light colours.
"""

import math
import re
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from tumorseg.core.files import write_text
from tumorseg.statistics.plain_words import in_points
from tumorseg.statistics.verdicts import BETTER, EQUIVALENT, WORSE

COLOURS = {BETTER: "better", WORSE: "worse", EQUIVALENT: "equivalent"}  # class of a bar
STEPS = (0.5, 1, 2, 5, 10, 20, 50)  # points of Dice between two marks of the axis
MARKS = 7  # at most


class Tile(NamedTuple):
    """A fact with its number, and the sentences that say what the number means."""

    heading: str
    number: str
    sentences: Sequence[str]


class Link(NamedTuple):
    """Where to look next: a path below the experiment's folder, and what is there."""

    path: str
    text: str


class Page(NamedTuple):
    """What the page shows. Texts are plain; `**bold**` is kept in warnings and the paragraph."""

    study: str
    verdict: str
    further: str
    warnings: Sequence[str]
    verdicts: pd.DataFrame
    tiles: Sequence[Tile]
    paragraph: str
    links: Sequence[Link]


def html_of(text: str) -> str:
    """Text with `**bold**`, `*emphasis*` and literals, as HTML."""
    text = re.sub(r"\*\*(.+?)\*\*", r"<strong>\1</strong>", escape(text))
    text = re.sub(r"``(.+?)``", r"<code>\1</code>", text)
    return re.sub(r"\*(.+?)\*", r"<em>\1</em>", text)


class _Axis:
    """Places differences on a line that holds every interval, the margin and 0."""

    def __init__(self, verdicts: pd.DataFrame) -> None:
        ends = verdicts[["adjusted_low", "adjusted_high", "mean"]].to_numpy(float).ravel()
        ends = [100 * end for end in ends if not math.isnan(end)]
        margin = 100 * float(verdicts["margin"].max())
        low, high = min([-margin, *ends]), max([margin, *ends])
        pad = 0.08 * (high - low) or 1.0
        self.low, self.high = low - pad, high + pad

    def place(self, value: float) -> str:
        """Where a difference (share of Dice) stands, in percent of the line."""
        return f"{100 * (100 * value - self.low) / (self.high - self.low):.2f}%"

    def marks(self) -> list[float]:
        """The differences, in points, that the axis names."""
        span = self.high - self.low
        step = next((s for s in STEPS if span / s <= MARKS), STEPS[-1])
        first, last = math.ceil(self.low / step), math.floor(self.high / step)
        return [step * number for number in range(first, last + 1)]


def forest(verdicts: pd.DataFrame) -> str:
    """The differences from the reference as rows of HTML, which a narrow screen can stack.

    verdicts: the table of that name; Dice between 0 and 1. The line of each loss is the interval
    from which its verdict follows.
    """
    axis = _Axis(verdicts)
    reference = str(verdicts["against"].iloc[0])
    rows = []
    for row in verdicts.itertuples():
        kind = COLOURS.get(str(row.verdict), "undecided")
        width = 2 * float(row.margin)
        span = 100 * width / (axis.high - axis.low) * 100
        parts = [
            f'<span class="band" style="left:{axis.place(-row.margin)};width:{span:.2f}%"></span>',
            f'<span class="zero" style="left:{axis.place(0)}"></span>',
        ]
        if math.isnan(row.mean):
            text, note = "not measured", ""
        else:
            text = f"{100 * row.mean:+.1f} points"
            note = "no interval"
            if not math.isnan(row.adjusted_low):
                length = 10000 * (row.adjusted_high - row.adjusted_low) / (axis.high - axis.low)
                left = axis.place(row.adjusted_low)
                parts.append(f'<span class="bar" style="left:{left};width:{length:.2f}%"></span>')
                note = f"{100 * row.adjusted_low:+.1f} to {100 * row.adjusted_high:+.1f}"
            middle = axis.place(row.mean)
            parts.append(f'<span class="dot" style="left:{middle}"></span>')
        label = f"{row.loss} against {reference}: {text}, {note}; {row.verdict}"
        rows.append(
            f'<div class="name">{escape(str(row.loss))}<small class="{kind}">'
            f"{escape(str(row.verdict))}</small></div>"
            f'<div class="track {kind}" role="img" aria-label="{escape(label)}" '
            f'title="{escape(label)}">{"".join(parts)}</div>'
            f'<div class="value">{text}<small> {note}</small></div>'
        )
    marks = "".join(
        f'<span style="left:{axis.place(mark / 100)}">{mark:+g}</span>'
        if mark
        else f'<span style="left:{axis.place(0)}">0</span>'
        for mark in axis.marks()
    )
    blank = '<div class="blank"></div>'
    several = f", widened for {len(verdicts)} comparisons" if len(verdicts) > 1 else ""
    return (
        f'<div class="forest">{"".join(rows)}{blank}<div class="axis">{marks}</div>{blank}'
        f'{blank}<div class="sides"><span>&#8592; {escape(reference)} better</span>'
        f"<span>{escape(reference)} worse &#8594;</span></div>{blank}</div>"
        '<p class="key">Dot: mean difference over patients. Line: 95 % confidence interval'
        f"{several}, where the true difference plausibly lies. Shaded: the margin of "
        f"&#177;{in_points(float(verdicts['margin'].iloc[0]))} points, below which a difference "
        "was taken as of no importance before training.</p>"
    )


def _tile(tile: Tile) -> str:
    sentences = "".join(f"<p>{html_of(sentence)}</p>" for sentence in tile.sentences)
    return (
        f'<div class="tile"><h2>{escape(tile.heading)}</h2>'
        f'<p class="number">{escape(tile.number)}</p>{sentences}</div>'
    )


def render(page: Page) -> str:
    """The page as HTML."""
    module = Path(__file__)
    warnings = "".join(f"<li>{html_of(warning)}</li>" for warning in page.warnings)
    compared = not page.verdicts.empty
    reference = escape(str(page.verdicts["against"].iloc[0])) if compared else ""
    parts = {
        "style": module.with_suffix(".css").read_text(encoding="utf-8"),
        "script": module.with_suffix(".js").read_text(encoding="utf-8"),
        "title": escape(page.verdict),
        "study": escape(page.study),
        "verdict": escape(page.verdict),
        "further": f'<p class="further">{escape(page.further)}</p>' if page.further else "",
        "warnings": f'<ul class="warnings">{warnings}</ul>' if warnings else "",
        "figure_title": f"Difference in Dice from {reference}" if compared else "Nothing compared",
        "forest": forest(page.verdicts) if compared else "",
        "tiles": "\n".join(map(_tile, page.tiles)),
        "paragraph": html_of(page.paragraph),
        "links": "\n".join(
            f'<li><a href="{escape(link.path)}">{escape(link.text)}</a></li>' for link in page.links
        ),
    }
    template = module.with_suffix(".html").read_text(encoding="utf-8")
    return re.sub(r"{{(\w+)}}", lambda match: parts[match[1]], template)


def write_page(path: str | Path, page: Page) -> None:
    """Writes the page."""
    write_text(path, render(page))
