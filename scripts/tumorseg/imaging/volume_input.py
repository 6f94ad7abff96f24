"""A case's channels as the network sees them: cropped, resampled, and with a recipe's intensities.

The three-dimensional analogue of placement.network_input.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from tumorseg.core.cases import Channel
from tumorseg.core.errors import UserError
from tumorseg.core.records import VolumeSettings
from tumorseg.imaging.boxes import Box, head_box, nonzero_box, organ_box
from tumorseg.imaging.intensity import Step, prepared
from tumorseg.imaging.volume_placement import Order, VolumePlacement, orders, volume_placement

AXES = ("depth", "height", "width")
PATCH_STEP = 32


@dataclass(frozen=True)
class VolumePreparation:
    """How a recipe prepares volumes; numbers along depth, height and width.

    Attributes:
        steps: the intensity steps of each channel (imaging.intensity).
        crop: `head` (boxes.head_box) and `nonzero` (boxes.nonzero_box) by the first channel, or
            `organ` by a mask.
        margin_mm: around the organ.
        spacing_mm, shape: of the packed volume (volume_placement's wanted_mm and wanted_shape).
        patch: the least shape of the packed volume.
        order: how an axis that gets finer is interpolated; thick slices always linearly.
        counted: the voxels of which the steps take means and the like: `nonzero` pixels, `head`
            (brighter than 2 % of the packed channel's 99.5th percentile, as for slices), or `all`.
            Padding never counts as nonzero or all.
    """

    steps: Sequence[Sequence[Step]]
    crop: Literal["none", "head", "nonzero", "organ"] = "nonzero"
    margin_mm: float = 0.0
    spacing_mm: Sequence[float] | None = None
    shape: Sequence[int] | None = None
    patch: Sequence[int] = (1, 1, 1)
    order: Order = "linear"
    counted: Literal["nonzero", "head", "all"] = "nonzero"

    @classmethod
    def of(
        cls, volumes: VolumeSettings, patch: Sequence[int], channels: int
    ) -> "VolumePreparation":
        """A recipe's preparation for a number of channels, all with the same steps."""
        settings: dict[str, Any] = {n: value for n, value in volumes.items() if n != "organ"}
        steps = [settings.pop("intensities")] * channels
        return cls(steps=steps, patch=tuple(patch), **settings)


def check_patch(
    patch: Sequence[int], cases: pd.DataFrame, spacing_mm: Sequence[float] | None
) -> None:
    """Raises UserError for a patch longer than every volume: what is beyond them is padding.

    Its sides are multiples of a power of 2, so that it may be longer by less than PATCH_STEP.

    Args:
        patch: depth, height, width in voxels.
        cases: cases.tsv; a crop, which is not known yet, does not count.
        spacing_mm: of the packed volumes; None for their own.
    """
    largest = []
    for axis, side_mm in zip(AXES, spacing_mm or [np.nan] * 3, strict=True):
        finer = (cases[f"pixel_{axis}_mm"] / side_mm).fillna(1.0)
        largest.append(int(np.ceil((cases[f"{axis}_px"] * finer).max())))
    if any(side >= most + PATCH_STEP for side, most in zip(patch, largest, strict=True)):
        raise UserError(
            f"config: network.patch: {list(patch)} voxels, but no volume is larger than {largest} "
            "(depth, height, width) as this recipe packs them; the rest would be padding: choose "
            f"sides of at most these, rounded up to a multiple of {PATCH_STEP}"
        )


def volume_input(
    first: np.ndarray,
    channels: Sequence[Channel],
    preparation: VolumePreparation,
    spacing_mm: Sequence[float],
    organ: np.ndarray | None = None,
) -> tuple[np.ndarray, VolumePlacement]:
    """The network's input for a volume and its placement.

    The input is float32 (depth, height, width, channels), of the packed size. Padding has the
    intensity that a stored pixel of 0 gets.

    Args:
        first: the case's first channel, (depth, height, width), by which the volume is placed.
        channels: those that the network sees, of the same shape.
        preparation: the recipe's.
        spacing_mm: between slices, rows and columns; NaN where unknown.
        organ: the mask to which `organ` crops: where it is above half of its maximum.

    Raises:
        UserError: a crop, a spacing or a step that is not possible for this case.
    """
    if len(preparation.steps) != len(channels):
        raise ValueError(f"steps of {len(preparation.steps)} channels for {len(channels)}")
    place = volume_placement(
        first.shape,
        spacing_mm,
        wanted_mm=preparation.spacing_mm,
        wanted_shape=preparation.shape,
        crop=_box(first, preparation, spacing_mm, organ),
        patch=preparation.patch,
    )
    packed = np.empty((*place.size, len(channels)), np.float32)
    for number, (channel, steps) in enumerate(zip(channels, preparation.steps, strict=True)):
        values = place.forward(channel.image, orders(preparation.order, spacing_mm))
        counted = _counted(channel.image, values, place, preparation.counted)
        packed[..., number] = prepared(
            values, counted, steps, offset=channel.offset, scale=channel.scale
        )
    return packed, place


def _box(
    first: np.ndarray,
    preparation: VolumePreparation,
    spacing_mm: Sequence[float],
    organ: np.ndarray | None,
) -> Box | None:
    if preparation.crop == "organ":
        if organ is None or organ.shape != first.shape:
            found = "none is given" if organ is None else f"its shape is {organ.shape}"
            raise UserError(
                f"a crop to an organ needs the organ's mask of {first.shape} voxels, but {found}"
            )
        return organ_box(organ > organ.max() / 2, preparation.margin_mm, spacing_mm)
    boxes = {"head": head_box, "nonzero": nonzero_box}
    return boxes[preparation.crop](first) if preparation.crop in boxes else None


def _counted(
    image: np.ndarray, values: np.ndarray, place: VolumePlacement, which: str
) -> np.ndarray:
    """The packed voxels that count, as bool."""
    if which == "head":
        return values > 0.02 * np.percentile(values, 99.5)
    native = image > 0 if which == "nonzero" else np.ones(image.shape, bool)
    return place.mask_forward(native[..., None])[..., 0].astype(bool)
