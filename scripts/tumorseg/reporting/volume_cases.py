"""A volume in the case browser: three planes through its tumour, with all classes and set-ups."""

from collections.abc import Sequence
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


class CaseView:
    """A volume's pictures; the set-ups' predictions are added one by one, and none is kept whole.

    Args:
        image: (depth, height, width) of one channel, finite.
        spacing_mm: along the same axes, NaN where unknown.
        truth: (depth, height, width, classes) 0/1, the primary class first.
        plane: of the slices of which all these volumes are stacks.
    """

    def __init__(
        self,
        image: np.ndarray,
        spacing_mm: Sequence[float],
        truth: np.ndarray,
        plane: str = "axial",
    ) -> None:
        self.image, self.truth, self.plane = to_axial(image, plane), to_axial(truth, plane), plane
        sides = three_planes.sides_to_axial(spacing_mm, plane)
        self.planes = three_planes.planes(self.truth[..., 0], sides)
        self.flat: list[SetUpPrediction | None] = []
        self.drawn: list[list[list[str]] | None] = []

    def add(self, prediction: VolumePrediction | None) -> None:
        """Draws the next set-up's prediction, None where its training failed."""
        if prediction is None:
            self.flat.append(None)
            self.drawn.append(None)
            return
        masks = to_axial(prediction.masks, self.plane)
        probability = to_axial(prediction.probability, self.plane)
        at, size = self.planes.at[0], self.planes.sizes[0]
        probability = squared(probability[at].astype(np.float32), size, smooth=True)
        mask = squared(masks[at, ..., 0].astype(np.uint8), size)
        self.flat.append(SetUpPrediction(probability, mask > 0))
        self.drawn.append(three_planes.outlines(masks, self.planes))

    def facts(self, viewer: str = "") -> dict[str, Any]:
        """What `pictures` gives for the axial plane and the primary class, and `planes`.

        Each plane has its `label`, `box`, `image`, and the outlines of every class: of the `truth`,
        and of each set-up in `drawn` (None where its training failed).

        viewer: where the volume's own page is, relative to this page; empty where there is none.
        """
        views = three_planes.views(self.image, self.truth, self.planes)
        at, size = self.planes.at[0], self.planes.sizes[0]
        axial = squared(views[0].grey, size, smooth=True)
        primary = squared(self.truth[at, ..., 0].astype(np.uint8), size)
        return {
            **pictures(axial, primary, self.flat),
            "planes": [
                {
                    "label": view.label,
                    "box": [0, 0, view.size[1], view.size[0]],
                    "image": picture_url(view.grey, IMAGE_PX, IMAGE_QUALITY),
                    "truth": view.outlines,
                    "drawn": [paths and paths[index] for paths in self.drawn],
                }
                for index, view in enumerate(views)
            ],
            "viewer": viewer,
        }
