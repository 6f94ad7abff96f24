"""Skull-stripping methods on real heads: what share of the tumours they keep, how well they fit.

    PYTHONPATH=scripts .venv/bin/python bench/skull_strip.py DATA [--threads 2]

DATA holds t1ce_slices (samples.tsv, images, masks), volumes_t1ce (volumes with tumour masks of
other scanners) and head_with_brain_mask (a head, ch2, and the same head's brain, ch2bet).
"""

import argparse
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd

from tumorseg.core.files import read_table
from tumorseg.core.images import read_image, read_mask
from tumorseg.imaging.skull_strip import METHODS, brain_mask, mask_dice

KEPT_SHARE = 0.99
PLANES = ("sagittal", "coronal", "axial")  # across the axes of a volume in RAS order


def tumour_slices(data: Path) -> Iterator[tuple[dict, np.ndarray, np.ndarray]]:
    """(plane and tumour type, image, tumour mask) of the 2-D slices."""
    folder = data / "t1ce_slices"
    for row in read_table(folder / "samples.tsv").itertuples():
        keys = {"plane": row.plane, "tumor_type": row.tumor_type}
        yield keys, read_image(folder / row.image), read_mask(folder / row.mask) > 0


def volume_slices(data: Path) -> Iterator[tuple[dict, np.ndarray, np.ndarray]]:
    """The same for the volumes' axial slices with at least 20 tumour pixels."""
    for path in sorted((data / "volumes_t1ce").glob("*_t1ce.nii.gz")):
        volume = np.asarray(nib.load(path).dataobj)
        masks = path.with_name(path.name.replace("_t1ce.nii", "_tumor_mask.nii"))
        tumour = np.asarray(nib.load(masks).dataobj) > 0
        for k in range(volume.shape[2]):
            if tumour[..., k].sum() >= 20:
                keys = {"plane": "axial", "tumor_type": "glioma"}
                yield keys, np.rot90(volume[..., k]), np.rot90(tumour[..., k])


def brain_slices(data: Path) -> Iterator[tuple[dict, np.ndarray, np.ndarray]]:
    """(plane, image, brain) of every 5th slice of ch2 whose brain covers more than 5 %."""
    folder = data / "head_with_brain_mask"
    head = np.asarray(nib.load(folder / "ch2.nii.gz").dataobj)
    brain = np.asarray(nib.load(folder / "ch2bet.nii.gz").dataobj) > 0
    for axis, plane in enumerate(PLANES):
        for k in range(0, head.shape[axis], 5):
            truth = np.rot90(brain.take(k, axis))
            if truth.mean() > 0.05:
                yield {"plane": plane}, np.rot90(head.take(k, axis)), truth


def measured(
    slices: Iterator[tuple[dict, np.ndarray, np.ndarray]],
    measure: Callable[[np.ndarray, np.ndarray], dict],
    threads: int,
) -> pd.DataFrame:
    """One line a slice and method: its keys, what `measure` finds, milliseconds."""

    def one(item: tuple[dict, np.ndarray, np.ndarray]) -> list[dict]:
        keys, image, truth = item
        lines = []
        for method in METHODS:
            started = time.perf_counter()
            brain = brain_mask(image, method)
            spent = {"ms": 1000 * (time.perf_counter() - started)}
            lines.append({"method": method, **keys, **measure(brain, truth), **spent})
        return lines

    with ThreadPoolExecutor(threads) as pool:
        return pd.DataFrame([line for lines in pool.map(one, slices) for line in lines])


def tumour_kept(brain: np.ndarray, tumour: np.ndarray) -> dict:
    kept = float(brain[tumour].mean())
    return {"kept": kept, "unharmed": kept >= KEPT_SHARE, "picture_kept": float(brain.mean())}


def show(title: str, table: pd.DataFrame) -> None:
    print(f"\n{title}\n{table.round(3).to_string()}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    for name, slices in (("t1ce_slices", tumour_slices), ("volumes_t1ce", volume_slices)):
        table = measured(slices(arguments.data), tumour_kept, arguments.threads)
        count = len(table) // len(METHODS)
        rows = table.groupby("method", sort=False)
        columns = ["unharmed", "kept", "picture_kept", "ms"]
        show(f"{name}: {count} slices; unharmed = {KEPT_SHARE} kept", rows[columns].mean())
        for key in ("plane", "tumor_type"):
            parts = table.pivot_table(index="method", columns=key, values=["unharmed", "kept"])
            show(f"{name} by {key}", parts.reindex(list(METHODS)))
    table = measured(
        brain_slices(arguments.data),
        lambda brain, truth: {"dice": mask_dice(brain, truth)},
        arguments.threads,
    )
    columns = ["mean", "median", "min", "count"]
    parts = table.groupby(["method", "plane"], sort=False)["dice"].agg(columns)
    show("ch2: Dice with the known brain", parts)


if __name__ == "__main__":
    main()
