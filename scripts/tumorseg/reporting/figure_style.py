"""The look of all figures, and how they are saved: equal numbers give equal bytes."""

import base64
import re
from pathlib import Path

import cv2
import matplotlib as mpl
import numpy as np
import seaborn as sns
from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tumorseg.core.files import write_atomically

TRUTH, PREDICTION = "#029E73", "#DE8F05"  # green and orange of the colour-blind palette
WIDTH_IN = 9.0
GREY = "0.35"  # lines that mark a reference value
LEGEND = 8  # at most so many lines get a legend inside their panel; a longer one hides them
# Of a clip path that is no rectangle: matplotlib takes it from an address in memory.
_CLIP = re.compile(r"(?<=[\"#])p[0-9a-f]{10}(?=[\")])")
_INLINE_PNG = re.compile(r"data:image/png;base64,\s*([A-Za-z0-9+/=\s]+?)(?=\")")


def style() -> None:
    """Sets fonts, grid and a colour-blind safe palette. Every figure function calls it first."""
    mpl.use("Agg")
    sns.set_theme(style="whitegrid", palette="colorblind", font="DejaVu Sans")
    mpl.rcParams.update(
        {
            "svg.hashsalt": "tumorseg",
            "svg.fonttype": "path",
            "axes.titlesize": 10,
            "axes.labelsize": 10,
            "xtick.labelsize": 9,
            "ytick.labelsize": 9,
            "legend.fontsize": 9,
            "figure.constrained_layout.use": True,
        }
    )


def palette(names: list[str]) -> dict[str, tuple]:
    """One colour per name, in the order given. From the tenth name on, darker tones repeat.

    The green of the ground truth's outline is not used.
    """
    bright = [
        c for c in sns.color_palette("colorblind", 10) if mpl.colors.to_hex(c) != TRUTH.lower()
    ]
    tones = [*bright, *(tuple(0.55 * part for part in colour) for colour in bright)]
    return {name: tones[index % len(tones)] for index, name in enumerate(names)}


def titled(figure: Figure, title: str, subtitle: str) -> None:
    """Adds a bold title, and a grey subtitle that gives the figure's main numbers."""
    # The layout reserves space for one heading, so the title takes the subtitle's empty first line.
    figure.suptitle(f"\n{subtitle}", fontsize=9.5, x=0.008, ha="left", color="0.25")
    top = 1 - 0.04 / figure.get_figheight()
    figure.text(0.008, top, title, fontsize=12, weight="bold", ha="left", va="top")


def empty_figure(title: str, reason: str) -> Figure:
    """A figure without a plot that states why there is nothing to draw."""
    style()
    figure, axes = pyplot.subplots(figsize=(WIDTH_IN, 1.5))
    axes.axis("off")
    titled(figure, title, reason)
    return figure


def show(
    axes: Axes, image: np.ndarray, *, width_px: int = 180, cmap: str = "gray", limit: float = 255
) -> None:
    """Draws an image on empty axes.

    Args:
        axes: where to draw; ticks and grid are removed.
        image: (height, width), at native size.
        width_px: the image is reduced to at most so many columns.
        cmap: the name of matplotlib's colour map.
        limit: the value drawn as white; 0 is drawn as black.
    """
    image = image.astype(np.float32)
    height, width = image.shape
    if width > width_px:
        size = (width_px, max(1, round(height * width_px / width)))
        image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    axes.imshow(
        image,
        cmap=cmap,
        vmin=0,
        vmax=limit,
        extent=(-0.5, width - 0.5, height - 0.5, -0.5),
        interpolation="none",
    )
    axes.set(xticks=[], yticks=[])
    axes.grid(False)


def outline(axes: Axes, mask: np.ndarray, colour: str, style: str = "-") -> None:
    """Draws the border of a mask over an image of the same size."""
    # OpenCV keeps only the corners: a tenth of the points of a contour plot.
    kinds = cv2.RETR_LIST, cv2.CHAIN_APPROX_TC89_L1
    for contour in cv2.findContours(mask.astype(np.uint8), *kinds)[0]:
        points = np.vstack([contour[:, 0], contour[:1, 0]])
        axes.plot(points[:, 0], points[:, 1], color=colour, lw=1.1, ls=style)


def save_svg(figure: Figure, path: str | Path) -> None:
    """Writes the figure as SVG and, for manuscripts, as PDF beside it; then closes it.

    No date is stored, and embedded images are compressed.
    """

    def write(temporary: Path) -> None:
        figure.savefig(temporary, format="svg", metadata={"Date": None})
        text = temporary.read_text(encoding="utf-8")
        clips = list(dict.fromkeys(_CLIP.findall(text)))
        text = _CLIP.sub(lambda match: f"clip{clips.index(match[0])}", text)
        temporary.write_text(_INLINE_PNG.sub(_smaller, text), encoding="utf-8")

    def write_pdf(temporary: Path) -> None:
        figure.savefig(temporary, format="pdf", metadata={"CreationDate": None})

    write_atomically(Path(path).with_suffix(".pdf"), write_pdf)
    write_atomically(path, write)
    pyplot.close(figure)


def _smaller(match: re.Match) -> str:
    """Re-encodes an embedded PNG as PNG or JPEG, whichever is smaller; keeps transparent images."""
    content = np.frombuffer(base64.b64decode(match[1]), np.uint8)
    image = cv2.imdecode(content, cv2.IMREAD_UNCHANGED)
    assert image is not None  # for the type checker: Matplotlib wrote it
    if image.ndim == 3 and image.shape[2] == 4:
        if (image[..., 3] < 255).any():
            return match[0]
        image = image[..., :3]
    if image.ndim == 3 and (image == image[..., :1]).all():
        image = image[..., 0]
    jpeg = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 85])[1].tobytes()
    png = cv2.imencode(".png", image, [cv2.IMWRITE_PNG_COMPRESSION, 9])[1].tobytes()
    kind, data = ("jpeg", jpeg) if len(jpeg) < len(png) else ("png", png)
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"
