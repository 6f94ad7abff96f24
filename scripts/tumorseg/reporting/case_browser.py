"""The case browser: a web page with every test case, its contours, maps and metrics."""

import base64
import math
import re
from collections.abc import Iterable, Sequence
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
from tumorseg.reporting.page_parts import (
    class_facts,
    contour_path,
    grey_limit,
    json_text,
    picture_url,
)
from tumorseg.reporting.shown_cases import ShownCase, head

IMAGE_PX, IMAGE_QUALITY = 512, 80  # longest side, and quality of the WebP file
MAP_PX, MAP_QUALITY = 256, 70
FEW = 4  # up to so many set-ups, all contours are shown at first; more hide each other


class Metric(NamedTuple):
    """How a column of the metrics tables is shown. low: True where low values are bad."""

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
    """The metrics that the table has, Dice first; one surface Dice (NSD) per tolerance."""
    surface = [
        Metric(name, f"NSD {name.removeprefix('nsd_').removesuffix('px')} px", True)
        for name in table
        if name.startswith("nsd_")
    ]
    return [metric for metric in KNOWN if metric.column in table] + surface


def averaged(table: pd.DataFrame) -> pd.DataFrame:
    """Means over the seeds, one row per (recipe, loss, case), and whether any training failed.

    table: a metrics table of test cases, with or without `seed`. A mean is undefined where any
    seed's value is. Raises UserError if a set-up lacks a case.
    """
    keys = ["recipe", "loss", "case"]
    values = [metric.column for metric in shown_metrics(table)] + ["missed"]
    lines = table.assign(failed=table["status"] == "failed").groupby(keys, sort=False)
    means = lines[values].mean(skipna=False)
    means = means.join(lines[["patient", "plane", "fold"]].first()).join(lines[["failed"]].any())
    sizes = means.groupby(keys[:2], sort=False).size()
    if sizes.nunique() > 1:
        least = "/".join(sizes.idxmin())
        raise UserError(
            f"metrics of {least}: {sizes.min()} cases, expected {sizes.max()} as in the other "
            "set-ups; run `measure` again"
        )
    return means


def worst_first(lines: pd.DataFrame) -> pd.DataFrame:
    """Each case's metrics averaged over the set-ups that have a value, lowest Dice first.

    lines: as returned by `averaged`. Undefined means come last; ties keep their order.
    """
    values = [metric.column for metric in shown_metrics(lines)]
    means = lines.groupby("case", sort=False)[values].mean()
    return means.sort_values("dice", na_position="last", kind="stable")


class SetUpPrediction(NamedTuple):
    """One set-up's prediction of a case: probability (height, width), 0 to 1, and its mask."""

    probability: np.ndarray
    mask: np.ndarray


def pictures(
    image: np.ndarray,
    truth: np.ndarray,
    predictions: list[SetUpPrediction | None],
    also: np.ndarray | None = None,
) -> dict[str, Any]:
    """A case's pictures, cut to the head and all contours, and the contours themselves.

    image: (height, width), 8 or 16 bit; truth: 0/1; predictions: one per set-up, None where its
    training failed; also: what else must not be cut away, as truth. `box` is (x, y, width, height)
    of the cut in pixels of the slice.
    """
    outlined = truth.astype(bool) if also is None else truth.astype(bool) | also
    for prediction in predictions:
        if prediction:
            outlined = outlined | prediction.mask
    rows, columns = head(ShownCase("", image, image, truth, outlined))
    cut = image[rows, columns].astype(np.float32) * (255 / grey_limit(image))
    drawn: list[dict[str, str] | None] = []
    for prediction in predictions:
        if prediction is None:
            drawn.append(None)
            continue
        grey = np.rint(prediction.probability[rows, columns] * 255).astype(np.uint8)
        probability_map = picture_url(grey, MAP_PX, MAP_QUALITY)
        drawn.append({"contour": contour_path(prediction.mask), "map": probability_map})
    height, width = cut.shape
    return {
        "box": [int(columns.start), int(rows.start), width, height],
        "image": picture_url(np.minimum(cut, 255).astype(np.uint8), IMAGE_PX, IMAGE_QUALITY),
        "truth": contour_path(truth),
        "drawn": drawn,
    }


def with_classes(
    image: np.ndarray,
    truth: np.ndarray,
    predictions: list[SetUpPrediction | None],
    masks: list[np.ndarray | None],
    label: str,
) -> dict[str, Any]:
    """`pictures` of the primary class, and one of `planes` with the outlines of every class.

    As those of a volume (volume_cases.py), but with the picture of the case itself.

    truth, and each set-up's masks: (height, width, classes) 0/1, the primary class first; label:
    of the picture.
    """
    outlined = np.any([each.any(axis=-1) for each in (truth, *masks) if each is not None], axis=0)
    shown = pictures(image, truth[..., 0], predictions, outlined)

    def outlines(of: np.ndarray) -> list[str]:
        return [contour_path(mask) for mask in np.moveaxis(of, -1, 0)]

    drawn = [None if each is None else outlines(each) for each in masks]
    plane = {"label": label, "box": shown["box"], "truth": outlines(truth), "drawn": drawn}
    return shown | {"planes": [plane], "viewer": ""}


def _plain(value: Any) -> Any:
    """A value for JSON: numbers with five digits, None where undefined, text unchanged."""
    if isinstance(value, str):
        return value
    value = float(value)
    return None if math.isnan(value) else float(f"{value:.5g}")


def numbers(lines: pd.DataFrame, means: pd.Series) -> dict[str, Any]:
    """A case's numbers for the page; `values` has a list per set-up, ordered as `shown_metrics`.

    lines: the case's rows of `averaged`, one per set-up; means: its row of `worst_first`.
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


def facts(lines: pd.DataFrame, reference_loss: str, classes: Sequence[str] = ()) -> dict[str, Any]:
    """What holds for all cases: the set-ups with their colours, the metrics, and any classes.

    `shown` tells which contours are visible at first: all of up to FEW set-ups, otherwise those
    of the reference loss. classes: their names, the primary one first; empty for one in pictures.
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
    of_volumes = {"classes": class_facts(classes)} if classes else {}
    return {"setups": setups, "metrics": metrics, "truth": TRUTH, **of_volumes}


def _viridis() -> dict[str, str]:
    """The colour map viridis, as in Fig. 5, as value tables for an SVG filter."""
    colours = mpl.colormaps["viridis"](np.linspace(0, 1, 17))
    tables = zip(("red", "green", "blue"), colours.T[:3], strict=True)
    return {name: " ".join(f"{part:.3f}" for part in parts) for name, parts in tables}


def write_page(path: str | Path, facts: dict[str, Any], cases: Iterable[dict[str, Any]]) -> None:
    """Writes the page case by case, so that only one case is in memory at a time.

    facts: as returned by `facts`; cases: in the order of the page, each `{"case": name}` with the
    keys of `numbers` and `pictures`.
    """
    module = Path(__file__)
    bundle = resources.files(itables) / "html"  # DataTables with its extensions as one module
    script = (bundle / "dt_bundle.js").read_bytes()
    parts = {
        "library_style": (bundle / "dt_bundle.css").read_text(encoding="utf-8"),
        "library": f"data:text/javascript;base64,{base64.b64encode(script).decode()}",
        "style": module.with_suffix(".css").read_text(encoding="utf-8"),
        "script": module.with_suffix(".js").read_text(encoding="utf-8"),
        "facts": json_text(facts),
        **_viridis(),
    }
    template = module.with_suffix(".html").read_text(encoding="utf-8")
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
