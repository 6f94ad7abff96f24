"""The page of all predicted images: thumbnail with outline, tumour size, disagreement."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from tumorseg.core.files import write_atomically
from tumorseg.prediction.exported_model import trained_on
from tumorseg.prediction.model_channels import Channels
from tumorseg.prediction.model_classes import decision
from tumorseg.prediction.records import ImageRecord, ModelFacts, Thumbnail
from tumorseg.reporting.page_parts import (
    class_facts,
    contour_path,
    grey_limit,
    json_text,
    picture_url,
)

THUMBNAIL_PX, QUALITY = 192, 60
# Column of predictions.tsv -> its name on the page, and whether it holds numbers.
COLUMNS = {
    "image": ("Image", False),
    "class": ("Class", False),
    "status": ("Status", False),
    "plane": ("Plane", False),
    "slices": ("Slices", True),
    "height_px": ("Height, px", True),
    "width_px": ("Width, px", True),
    "tumour_px": ("Tumour, px", True),
    "tumour_mm2": ("Tumour, mm\u00b2", True),
    "tumour_ml": ("Tumour, ml", True),
    "spread": ("Spread", True),
    "members_dice": ("Agreement", True),
    "notes": ("Notes", False),
}


def columns(facts: ModelFacts) -> list[str]:
    """The columns of predictions.tsv: `class` only where there are several."""
    return [name for name in COLUMNS if name != "class" or "classes" in facts]


def thumbnail(stack: np.ndarray, masks: np.ndarray) -> Thumbnail:
    """The slice with the largest predicted tumour, or else the middle one, and the outlines.

    stack: (n, height, width); masks: (classes, n, height, width), of which the first one that is
    anywhere chooses the slice.
    """
    sizes = next((m for m in masks if m.any()), masks[0]).sum(axis=(1, 2), dtype=np.int64)
    index = int(sizes.argmax()) if sizes.any() else len(stack) // 2
    grey = stack[index].astype(np.float32) * (255 / grey_limit(stack[index]))
    height, width = grey.shape
    return {
        "box": [0, 0, width, height],
        "image": picture_url(np.minimum(grey, 255).astype(np.uint8), THUMBNAIL_PX, QUALITY),
        "contours": [contour_path(mask[index]) for mask in masks],
    }


def model_lines(facts: ModelFacts) -> list[str]:
    """The page's sentences about the model."""
    dice = facts.get("test_dice", {})
    numbers = Channels.of(facts).listed()
    return [
        f"{len(facts['members'])} networks of the experiment {facts['experiment']} (loss "
        f"{facts['loss'].get('name')}), trained on {trained_on(facts)}. Test Dice of the single "
        f"networks on patients outside their training: {dice.get('mean')} (95 % interval "
        f"{dice.get('low')} to {dice.get('high')}).",
        decision(facts),
        *([f"Channels, and their numbers where files are numbered: {numbers}."] if numbers else []),
    ]


def write_page(
    path: Path, lines: list[str], records: Iterable[ImageRecord], facts: ModelFacts
) -> None:
    """Writes the page image by image. lines: sentences at its top."""
    known = {
        "lines": lines,
        "columns": [
            {"name": name, "label": COLUMNS[name][0], "number": COLUMNS[name][1]}
            for name in columns(facts)
        ],
        "classes": class_facts([one["name"] for one in facts.get("classes", [])]),
    }
    template = Path(__file__).with_suffix(".html").read_text(encoding="utf-8")
    first, last = template.split("{{images}}")
    first = first.replace("{{facts}}", json_text(known))

    def write(temporary: Path) -> None:
        with temporary.open("w", encoding="utf-8") as page:
            page.write(first)
            for index, record in enumerate(records):
                text = json_text({"rows": record["rows"], "picture": record["picture"]})
                page.write((",\n" if index else "") + text)
            page.write(last)

    write_atomically(path, write)
