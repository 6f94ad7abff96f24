"""A volume in the case browser: three planes through its tumour, with all classes and set-ups."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from tumorseg.reporting import three_planes
from tumorseg.reporting.case_browser import IMAGE_PX, IMAGE_QUALITY, SetUpPrediction, pictures
from tumorseg.reporting.page_parts import picture_url
from tumorseg.reporting.three_planes import squared, to_axial


class VolumePrediction(NamedTuple):
    """One set-up's prediction of a volume.

    probability: (depth, height, width) of the primary class, 0 to 1. masks: (depth, height, width,
    classes) 0/1, the primary class first.
    """

    probability: np.ndarray
    masks: np.ndarray


def case_view(
    image: np.ndarray,
    spacing_mm: Sequence[float],
    truth: np.ndarray,
    predictions: Iterable[VolumePrediction | None],
    viewer: str = "",
    plane: str = "axial",
) -> dict[str, Any]:
    """A volume's pictures: those of `pictures` for its axial plane and primary class, and `planes`.

    Each plane has its `label`, `box`, `image`, and the outlines of every class: of the `truth`, and
    of each set-up in `drawn` (None where its training failed).

    Args:
        image: (depth, height, width) of one channel, finite.
        spacing_mm: along the same axes, NaN where unknown.
        truth: (depth, height, width, classes) 0/1, the primary class first.
        predictions: one per set-up, None where its training failed; taken one by one, so that a
            generator can read them.
        viewer: where the volume's own page is, relative to this page; empty where there is none.
        plane: of the slices of which all these volumes are stacks.
    """
    image, truth = to_axial(image, plane), to_axial(truth, plane)
    planes = three_planes.planes(truth[..., 0], three_planes.sides_to_axial(spacing_mm, plane))
    at, size = planes.at[0], planes.sizes[0]
    flat: list[SetUpPrediction | None] = []
    drawn: list[list[list[str]] | None] = []
    for prediction in predictions:
        if prediction is None:
            flat.append(None)
            drawn.append(None)
            continue
        masks, probability = (
            to_axial(prediction.masks, plane),
            to_axial(prediction.probability, plane),
        )
        probability = squared(probability[at].astype(np.float32), size, smooth=True)
        mask = squared(masks[at, ..., 0].astype(np.uint8), size)
        flat.append(SetUpPrediction(probability, mask > 0))
        drawn.append(three_planes.outlines(masks, planes))
    views = three_planes.views(image, truth, planes)
    axial = squared(views[0].grey, size, smooth=True)
    return {
        **pictures(axial, squared(truth[at, ..., 0].astype(np.uint8), size), flat),
        "planes": [
            {
                "label": view.label,
                "box": [0, 0, view.size[1], view.size[0]],
                "image": picture_url(view.grey, IMAGE_PX, IMAGE_QUALITY),
                "truth": view.outlines,
                "drawn": [paths and paths[index] for paths in drawn],
            }
            for index, view in enumerate(views)
        ],
        "viewer": viewer,
    }
