"""The case browser: one page of its own with every test case, its contours, maps and metrics."""

import base64
import math
import re
from collections.abc import Iterable
from importlib import resources
from pathlib import Path
from typing import Any, NamedTuple

import itables
import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.colors import to_hex

from tumorseg.core.errors import UserError
from tumorseg.core.files import write_atomically
from tumorseg.reporting.figure_style import TRUTH, palette
from tumorseg.reporting.page_parts import contour_path, grey_limit, json_text, picture_url
from tumorseg.reporting.shown_cases import Slice, head

IMAGE_PX, IMAGE_QUALITY = 512, 80  # longest side, and WebP's quality
MAP_PX, MAP_QUALITY = 256, 70
FEW = 4  # set-ups whose contours can be told apart in one small picture


class Metric(NamedTuple):
    """How a column of the metrics tables is shown; `low` where low values are the bad ones."""

    column: str
    label: str
    low: bool


KNOWN = (
    Metric("dice", "Dice", True),
    Metric("iou", "IoU", True),
    Metric("precision", "Precision", True),
    Metric("recall", "Recall", True),
    Metric("hausdorff_px", "Hausdorff, px", False),
    Metric("hd95_px", "HD95, px", False),
    Metric("assd_px", "ASSD, px", False),
    Metric("brier", "Brier score", False),
)


def shown_metrics(table: pd.DataFrame) -> list[Metric]:
    """The metrics that the table has, Dice first; a surface Dice for each tolerance."""
    surface = [
        Metric(name, f"NSD {name.removeprefix('nsd_').removesuffix('px')} px", True)
        for name in table
        if name.startswith("nsd_")
    ]
    return [metric for metric in KNOWN if metric.column in table] + surface


def averaged(table: pd.DataFrame) -> pd.DataFrame:
    """One line a (recipe, loss, case): the mean over its seeds, and `failed` where one failed.

    table: metrics of test cases as `measuring.COLUMNS`, with or without `seed`. A value that is
    undefined with one seed is undefined. Raises UserError where a set-up lacks a case.
    """
    keys = ["recipe", "loss", "case"]
    values = [metric.column for metric in shown_metrics(table)] + ["missed"]
    lines = table.assign(failed=table["status"] == "failed").groupby(keys, sort=False)
    found = lines[values].mean(skipna=False)
    found = found.join(lines[["patient", "plane", "fold"]].first()).join(lines[["failed"]].any())
    sizes = found.groupby(keys[:2], sort=False).size()
    if sizes.nunique() > 1:
        least = "/".join(sizes.idxmin())
        raise UserError(
            f"metrics of {least}: {sizes.min()} cases, expected {sizes.max()} as of the other "
            "set-ups; run `measure` again"
        )
    return found


def worst_first(lines: pd.DataFrame) -> pd.DataFrame:
    """Means of every metric over the set-ups that have a value; one line a case.

    Lowest mean Dice first, undefined ones last, ties as they stand. lines: of `averaged`.
    """
    values = [metric.column for metric in shown_metrics(lines)]
    means = lines.groupby("case", sort=False)[values].mean()
    return means.sort_values("dice", na_position="last", kind="stable")


class Answer(NamedTuple):
    """One set-up's prediction of a case: probability (height, width) of 0 to 1, and its mask."""

    probability: np.ndarray
    mask: np.ndarray


def pictures(image: np.ndarray, truth: np.ndarray, answers: list[Answer | None]) -> dict[str, Any]:
    """A case's pictures cut to the head and every outlined pixel, and the outlines.

    image: (height, width), 8 or 16 bit; truth: 0/1; answers: one a set-up, None where there is no
    prediction. `box` is (x, y, width, height) of the cut in pixels of the slice.
    """
    outlined = truth.astype(bool)
    for answer in answers:
        if answer:
            outlined = outlined | answer.mask
    rows, columns = head(Slice("", image, image, truth, outlined))
    cut = image[rows, columns].astype(np.float32) * (255 / grey_limit(image))
    drawn = []
    for answer in answers:
        chance = answer.probability[rows, columns] * 255 if answer else None
        drawn.append(
            answer
            and {
                "contour": contour_path(answer.mask),
                "map": picture_url(np.rint(chance).astype(np.uint8), MAP_PX, MAP_QUALITY),
            }
        )
    height, width = cut.shape
    return {
        "box": [int(columns.start), int(rows.start), width, height],
        "image": picture_url(np.minimum(cut, 255).astype(np.uint8), IMAGE_PX, IMAGE_QUALITY),
        "truth": contour_path(truth),
        "drawn": drawn,
    }


def _plain(value: Any) -> Any:
    """A number as JSON has it: plain Python, five digits, None for what is undefined."""
    if isinstance(value, str):
        return value
    value = float(value)
    return None if math.isnan(value) else float(f"{value:.5g}")


def numbers(lines: pd.DataFrame, means: pd.Series) -> dict[str, Any]:
    """A case's numbers. lines: its part of `averaged`, one line a set-up; means: of `worst_first`.

    `values` is a list a set-up, in the order of `shown_metrics`.
    """
    columns = [metric.column for metric in shown_metrics(lines)]
    first = lines.iloc[0]
    return {
        **{name: _plain(first[name]) for name in ("patient", "plane", "fold")},
        "means": [_plain(means[name]) for name in columns],
        "values": [[_plain(value) for value in row] for row in lines[columns].to_numpy()],
        "missed": [_plain(value) for value in lines["missed"]],
        "failed": [bool(value) for value in lines["failed"]],
    }


def facts(lines: pd.DataFrame, reference_loss: str) -> dict[str, Any]:
    """What the page says of all cases: set-ups with colours, and metrics.

    Contours shown at first: all of a few set-ups, of more the reference loss's alone.
    """
    pairs = list(dict.fromkeys(zip(*map(lines.index.get_level_values, (0, 1)), strict=True)))
    recipes = list(dict.fromkeys(recipe for recipe, _ in pairs))
    colours = palette(list(dict.fromkeys(loss for _, loss in pairs)))
    setups = [
        {
            "name": loss if len(recipes) == 1 else f"{recipe}/{loss}",
            "colour": to_hex(colours[loss]),
            "dash": "" if recipe == recipes[0] else "5 3",
            "shown": len(pairs) <= FEW or loss == reference_loss,
        }
        for recipe, loss in pairs
    ]
    metrics = [{"label": item.label, "low": item.low} for item in shown_metrics(lines)]
    return {"setups": setups, "metrics": metrics, "truth": TRUTH}


def _viridis() -> dict[str, str]:
    """The colour map of Fig. 5 as tables for an SVG filter."""
    colours = mpl.colormaps["viridis"](np.linspace(0, 1, 17))
    tables = zip(("red", "green", "blue"), colours.T[:3], strict=True)
    return {name: " ".join(f"{part:.3f}" for part in parts) for name, parts in tables}


def write_page(path: str | Path, facts: dict[str, Any], cases: Iterable[dict[str, Any]]) -> None:
    """Writes the page case by case, so that memory holds one case and not all.

    facts: of `facts`; cases: `{"case": name}` with `numbers` and `pictures`, in the page's order.
    """
    here = Path(__file__)
    bundle = resources.files(itables) / "html"  # DataTables with its extensions, one module
    script = (bundle / "dt_bundle.js").read_bytes()
    parts = {
        "library_style": (bundle / "dt_bundle.css").read_text(encoding="utf-8"),
        "library": f"data:text/javascript;base64,{base64.b64encode(script).decode()}",
        "style": here.with_suffix(".css").read_text(encoding="utf-8"),
        "script": here.with_suffix(".js").read_text(encoding="utf-8"),
        "facts": json_text(facts),
        **_viridis(),
    }
    template = here.with_suffix(".html").read_text(encoding="utf-8")
    filled = [
        re.sub(r"{{(\w+)}}", lambda match: parts[match[1]], half)
        for half in template.split("{{cases}}")
    ]

    def write(temporary: Path) -> None:
        with temporary.open("w", encoding="utf-8") as page:
            page.write(filled[0])
            for index, case in enumerate(cases):
                page.write((",\n" if index else "") + json_text(case))
            page.write(filled[1])

    write_atomically(path, write)
