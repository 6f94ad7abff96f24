"""Packs the cases of a folder, for tests of the packed arrays and of what is made of them."""

from pathlib import Path

import pack


def pack_in(folder: Path, stripped: str = "stripped", **settings) -> None:
    """Writes images.npy, targets.npy and placement.tsv beside the folder's cases.tsv.

    stripped: the subfolder of the images. settings: of `pack.main`; by default one channel at 32 px
    with the preparation robust.
    """
    pack.main(
        cases_table=str(folder / "cases.tsv"),
        stripped_dir=str(folder / stripped),
        masks_dir=str(folder / "masks"),
        images_file=str(folder / "images.npy"),
        targets_file=str(folder / "targets.npy"),
        placement_table=str(folder / "placement.tsv"),
        **{"size_px": 32, "preparation": "robust", "inputs": [1]} | settings,
    )
