"""The training and validation cases of a fold: whole slices, or patches of volumes."""

from pathlib import Path

import numpy as np
import pandas as pd

from tumorseg.core.case_index import from_row
from tumorseg.core.files import read_table
from tumorseg.data import folds
from tumorseg.training.cases import Cases
from tumorseg.training.job import TrainingJob
from tumorseg.training.patches import Patches

SIDES = ("packed_depth_mm", "packed_height_mm", "packed_width_mm")


def cases_of_fold(job: TrainingJob) -> tuple[Cases, Cases] | tuple[Patches, Patches]:
    """The training and the validation cases of the job's fold; its test cases are not read."""
    table, places = read_table(job.folds_table), read_table(job.placement_table)
    folds.check(table)
    rows = [
        np.asarray(folds.positions(table, job.fold, role, places["case"]))
        for role in ("train", "validation")
    ]
    channels = job.settings["channels"]
    if "patch" in job.network:
        spacing_mm = _middle_spacing(places.iloc[rows[0]])
        training, validation = (_patches(job, places.iloc[own], spacing_mm) for own in rows)
        return training, validation
    images = np.load(job.images_file, mmap_mode="r")
    masks = np.load(job.targets_file, mmap_mode="r")
    return (
        Cases(images, masks, rows[0], channels),
        Cases(images, masks, rows[1], channels),
    )


def _patches(job: TrainingJob, places: pd.DataFrame, spacing_mm: tuple[float, ...]) -> Patches:
    return Patches(
        [Path(job.images_file, f"{case}.npy") for case in places["case"]],
        [Path(job.targets_file, f"{case}.npy") for case in places["case"]],
        [from_row(row, job.placement_table) for row in places.to_dict("records")],
        tuple(job.network["patch"]),
        spacing_mm,
        job.settings["channels"],
    )


def _middle_spacing(places: pd.DataFrame) -> tuple[float, ...]:
    """The median sides of the voxels; ones where none is known: rotations need proportions only."""
    medians = places[list(SIDES)].median()
    return tuple(medians) if np.isfinite(medians).all() else (1.0, 1.0, 1.0)
