"""The contact sheet of a data check: slices, or planes of volumes, with their outlines."""

from collections.abc import Iterable, Sequence
from html import escape

import numpy as np

from tumorseg.core.cases import Case
from tumorseg.data.storing import every_class, filled, mask_of
from tumorseg.reporting import three_planes
from tumorseg.reporting.figure_style import TRUTH
from tumorseg.reporting.page_parts import class_facts, contour_path, picture_url
from tumorseg.reporting.three_planes import View

THUMB_PX, THUMB_QUALITY = 256, 70


def outline_sheet(
    names: Sequence[str], cases: Iterable[Case], classes: Sequence[str], most: int
) -> str:
    """The sheet as HTML.

    Args:
        names: the cases, in the order of the sheet.
        cases: these cases, in any order.
        classes: the classes' names, the primary one first; for volumes.
        most: how many cases a sheet has at most.
    """
    facts = class_facts(classes)
    cards, volumes = {}, False
    for case in cases:
        volumes = volumes or case.image.ndim == 3
        cards[case.case] = _card(case, [item["colour"] for item in facts])
    drawn = "".join(cards[name] for name in names)
    if not volumes:
        order = "slices: in each plane evenly spaced from the smallest tumour to the largest"
        return _section(most, order, "", drawn)
    order = (
        "volumes: evenly spaced from the smallest tumour to the largest, each in the three planes "
        "through the largest part of its tumour"
    )
    keys = (f'<i style="background:{item["colour"]}"></i>{escape(item["name"])}' for item in facts)
    return _section(most, order, f'<p class="legend">{" ".join(keys)}</p>\n', drawn)


def _section(most: int, order: str, legend: str, cards: str) -> str:
    return (
        f"<p>Up to {most} {order}. Check that the line follows the border of the tumour.</p>\n"
        f'{legend}<div class="sheet">{cards}</div>'
    )


def _card(case: Case, colours: list[str]) -> str:
    """A slice with its outline, or three planes of a volume with the outlines of its classes."""
    if case.image.ndim == 3:
        shape = case.image.shape
        masks = np.stack([filled(drawn, shape) for drawn in every_class(case)], axis=-1)
        image, masks = (three_planes.to_axial(stack, case.plane) for stack in (case.image, masks))
        sides = three_planes.sides_to_axial(case.spacing_mm, case.plane)
        planes = three_planes.planes(masks[..., 0], sides)
        views = three_planes.views(image, masks, planes)
        drawn = "".join(_plane(view, colours) for view in views)
        size = f"{masks[..., 0].sum():,} voxels"
        return f'<figure class="volume"><div>{drawn}</div>{_caption(case, size)}</figure>'
    mask = mask_of(case)
    low, high = np.quantile(case.image, (0.01, 0.998))
    grey = np.clip((case.image - low) * (255 / max(high - low, 1)), 0, 255).astype(np.uint8)
    drawn = _picture(grey, [contour_path(mask)], [TRUTH])
    return f"<figure>{drawn}{_caption(case, f'{case.plane}, {mask.sum():,} px')}</figure>"


def _plane(view: View, colours: list[str]) -> str:
    return _picture(three_planes.squared(view.grey, view.size, smooth=True), view.outlines, colours)


def _picture(grey: np.ndarray, outlines: list[str], colours: list[str]) -> str:
    """A uint8 picture with its outlines in its pixels, each in its colour with a white border."""
    height, width = grey.shape
    casings, lines = "", ""
    for index, (outline, colour) in enumerate(zip(outlines, colours, strict=True)):
        # Earlier classes are thicker: they are seen where the borders of two classes agree.
        more = min(2, len(outlines) - 1 - index)
        thick = [f' style="stroke-width:{px + more}"' if more else "" for px in (2.8, 1.5)]
        casings += f'<path class="casing" d="{outline}"{thick[0]}/>'
        lines += f'<path d="{outline}" stroke="{colour}"{thick[1]}/>'
    return (
        f'<svg viewBox="-.5 -.5 {width} {height}"><image x="-.5" y="-.5" width="{width}" '
        f'height="{height}" href="{picture_url(grey, THUMB_PX, THUMB_QUALITY)}"/>'
        f"{casings}{lines}</svg>"
    )


def _caption(case: Case, size: str) -> str:
    lines = [case.case, f"patient {case.patient}", size]
    return f"<figcaption>{''.join(f'<span>{escape(line)}</span>' for line in lines)}</figcaption>"
