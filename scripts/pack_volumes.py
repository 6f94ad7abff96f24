"""Packs volumes as the network sees them, one file a case, and records their placement."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tumorseg.core.case_index import as_row, indexed
from tumorseg.core.cases import Channel
from tumorseg.core.errors import UserError
from tumorseg.core.files import read_table, replacing, write_table
from tumorseg.core.images import case_file, of_channel, of_class, read_image, read_mask
from tumorseg.core.parallel import by_processes
from tumorseg.core.records import VolumeSettings
from tumorseg.imaging.volume_input import AXES, VolumePreparation, check_patch, volume_input


def main(
    *,
    cases_table: str,
    stripped_dir: str,
    masks_dir: str,
    images_file: str,
    targets_file: str,
    placement_table: str,
    volumes: VolumeSettings,
    patch: list[int],
    inputs: list[int],
    classes: int = 1,
    overlapping: bool = False,
    organ: int = 0,
    cores: int = 1,
) -> None:
    """Writes <case>.npy of images (depth, height, width, channels) and targets (..., classes).

    Images are float32, targets uint8 0/1. The table, in the order of cases.tsv, says how each case
    maps to its packed volume and back, how large its voxels then are, and what a training must
    know of it before it reads it (core/case_index.py): a digest of its content among others.

    Args:
        cases_table, stripped_dir, masks_dir: cases.tsv; the stripped images and the masks.
        images_file, targets_file, placement_table: folders and table, written.
        volumes: the recipe's preparation.
        patch: the least shape of a packed volume.
        inputs: positions of the channels to pack, from 1; the first channel places the case.
        classes, overlapping: as in `pack`.
        organ: position of the channel that masks the organ to which `volumes` crops; 0 for none.
        cores: processes, which change no result.
    """
    preparation = VolumePreparation.of(volumes, patch, len(inputs))
    cases = read_table(cases_table)
    check_patch(patch, cases, preparation.spacing_mm)
    for folder in (images_file, targets_file):
        Path(folder).mkdir(parents=True, exist_ok=True)

    def packed(row: dict[str, Any]) -> dict[str, Any]:
        case = row["case"]
        spacing_mm = tuple(float(row[f"pixel_{axis}_mm"]) for axis in AXES)
        first = read_image(case_file(stripped_dir, case))
        channels = [_channel(row, n, first if n == 1 else None, stripped_dir) for n in inputs]
        mask = read_image(case_file(of_channel(stripped_dir, organ), case)) if organ else None
        try:
            image, place = volume_input(first, channels, preparation, spacing_mm, mask)
        except UserError as stop:
            raise UserError(f"case {case}: {stop}") from None
        masks = [read_mask(case_file(of_class(masks_dir, n), case)) for n in range(1, classes + 1)]
        target = place.mask_forward(np.stack(masks, -1), exclusive=classes > 1 and not overlapping)
        if not np.isfinite(image).all():
            raise UserError(f"case {case}: the packed image is not finite")
        for folder, array in ((images_file, image), (targets_file, target)):
            _save(Path(folder) / f"{case}.npy", array)
        sides = dict(zip(AXES, place.spacing_mm(spacing_mm), strict=True))
        voxels = {f"packed_{axis}_mm": side for axis, side in sides.items()}
        return {"case": case, **asdict(place), **voxels, **as_row(indexed(image, target))}

    rows = ((row,) for row in cases.to_dict("records"))
    table = pd.DataFrame(list(by_processes(packed, rows, cores)))
    write_table(table, placement_table)
    shape = table[[f"size_{axis}" for axis in AXES]].median().astype(int)
    print(f"packed {len(table)} volumes, in the middle {' x '.join(map(str, shape))} voxels")


def _channel(row: dict[str, Any], n: int, image: np.ndarray | None, folder: str) -> Channel:
    if image is None:
        image = read_image(case_file(of_channel(folder, n), row["case"]))
    end = "" if n == 1 else f"_{n}"
    return Channel(image, row[f"intensity_offset{end}"], row[f"intensity_scale{end}"])


def _save(path: Path, array: np.ndarray) -> None:
    with replacing(path, array.nbytes) as temporary, temporary.open("wb") as file:
        np.save(file, array, allow_pickle=False)


if "snakemake" in globals():
    from tumorseg.workflow.job import run

    run(main, snakemake)  # noqa: F821
