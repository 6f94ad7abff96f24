"""The packed cases that are predicted, with the way back to native size."""

from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from tumorseg.core.images import affine_of, case_file
from tumorseg.imaging.placement import Placement
from tumorseg.imaging.volume_placement import VolumePlacement
from tumorseg.training.model import with_channels


class PackedCase(NamedTuple):
    """A case's name, its placement, and of a volume its affine to RAS+ mm."""

    name: str
    placement: Placement | VolumePlacement
    affine: np.ndarray | None


class PackedCases:
    """What `pack` wrote for a recipe: an array of slices, or a folder with one file a volume.

    places: placement.tsv; channels: of the network's input; cases_dir: the images, for the geometry
    of volumes.
    """

    def __init__(
        self, images_file: str, places: pd.DataFrame, channels: int, cases_dir: str
    ) -> None:
        self.path, self.places, self.channels = Path(images_file), places, channels
        self.cases_dir = cases_dir
        self.images = None if self.path.is_dir() else np.load(self.path, mmap_mode="r")

    def batches(
        self, rows: list[int], batch_size: int
    ) -> Iterator[tuple[np.ndarray, list[PackedCase]]]:
        """The images (n, spatial..., channels) of some rows, and what they are: volumes singly."""
        if self.images is None:
            for row in rows:
                case = self._case(row)
                image = np.load(self.path / f"{case.name}.npy", mmap_mode="r")
                yield with_channels(image[None], self.channels), [case]
            return
        for start in range(0, len(rows), batch_size):
            chosen = rows[start : start + batch_size]
            yield with_channels(self.images[chosen], self.channels), list(map(self._case, chosen))

    def _case(self, row: int) -> PackedCase:
        line = self.places.iloc[row].to_dict()
        name = line.pop("case")
        if self.images is not None:
            return PackedCase(name, Placement(**line), None)
        numbers = {field.name: int(line[field.name]) for field in fields(VolumePlacement)}
        affine = affine_of(case_file(self.cases_dir, name))
        return PackedCase(name, VolumePlacement(**numbers), affine)
