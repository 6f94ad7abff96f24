"""Seconds and memory of the data check at many slices, and how far apart pictures' prints are.

    PYTHONPATH=scripts .venv/bin/python bench/check.py \\
        [--slices 314 10000] [--cores 2] [--near DATA]

Slices are generated pictures of 512 x 512 with masks: heads of noise, three for each patient.
--near DATA measures what the limits were chosen from: NEAR_BITS of checking/near_duplicates.py on
DATA/t1ce_slices, STRIPPED_RIM of checking/all_slices.py on DATA/head_with_brain_mask, AIR_LEVEL of
checking/each_slice.py on DATA/t1ce_slices and on the cut-out volumes of DATA/msd_hippocampus.
"""

import argparse
import resource
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import nibabel as nib
import numpy as np

from tumorseg.checking import all_slices, each_slice, near_duplicates, slice_record
from tumorseg.core.files import read_table
from tumorseg.core.images import read_image
from tumorseg.imaging import skull_strip

SIDE = 512
MEGABYTE = 1024  # of ru_maxrss, in kB


def make(folder: Path, count: int) -> None:
    """A data folder of the source `table`."""
    rng = np.random.default_rng(1)
    rows, columns = np.mgrid[:SIDE, :SIDE] / SIDE - 0.5
    for name in ("images", "masks"):
        (folder / name).mkdir()
    textures = [
        cv2.GaussianBlur(rng.normal(size=(SIDE, SIDE)).astype(np.float32), (0, 0), 9) * 900 + 100
        for _ in range(32)
    ]
    textures = [texture.clip(20, 190).astype(np.uint8) for texture in textures]
    radius = np.hypot(rows, columns)
    shell = rng.integers(0, 12, (SIDE, SIDE), np.uint8)
    shell[(radius < 0.42) & (radius > 0.39)] = 210
    lines = ["case\timage\tannotation\tpatient\tplane\tspacing_mm"]
    for number in range(count):
        one, other = (textures[k] for k in rng.choice(32, 2, replace=False))
        one = np.roll(one, rng.integers(0, SIDE), 0)
        own = cv2.addWeighted(one, share := rng.uniform(0.3, 0.7), other, 1 - share, 0)
        image = np.where(radius < 0.37, own, shell)
        mask = np.zeros_like(shell)
        centre = rng.integers(SIDE // 3, 2 * SIDE // 3, 2).tolist()
        cv2.circle(mask, centre, int(rng.integers(8, 60)), 255, cv2.FILLED)
        fast = [cv2.IMWRITE_PNG_COMPRESSION, 1]
        cv2.imwrite(str(folder / f"images/{number:05d}.png"), image, fast)
        cv2.imwrite(str(folder / f"masks/{number:05d}.png"), mask, fast)
        plane = ("axial", "coronal", "sagittal")[number % 3]
        files = f"images/{number:05d}.png\tmasks/{number:05d}.png"
        lines.append(f"c{number:05d}\t{files}\tp{number // 3}\t{plane}\t0.5")
    (folder / "cases.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")


def timed(folder: Path, source: dict, cores: int) -> None:
    """Prints what reading and comparing cost."""
    wall, own = time.perf_counter(), time.process_time()
    checked = each_slice.read_all({"kind": "table", **source}, str(folder), 1, 5, cores, "head")
    read = time.process_time() - own
    found = all_slices.problems(checked.slices, checked.fingerprints, 5, "head")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / MEGABYTE
    print(
        f"{len(checked.slices):>6} slices: {time.perf_counter() - wall:6.1f} s, processor "
        f"{read:6.1f} s reading + {time.process_time() - own - read:5.1f} s comparing; peak "
        f"{peak:.0f} MB; {len(checked.problems) + len(found)} problems",
        flush=True,
    )


def changed(image: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """Copies that a person would call the same picture."""
    height, width = image.shape
    rng = np.random.default_rng(0)
    for quality in (50, 15):
        coded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
        yield f"JPEG {quality}", cv2.imdecode(coded, cv2.IMREAD_GRAYSCALE)
    for factor in (0.37, 0.5, 1.7):
        size = round(width * factor), round(height * factor)
        yield f"size x {factor}", cv2.resize(image, size, interpolation=cv2.INTER_LINEAR)
    yield "mirrored", image[:, ::-1]
    yield "turned", np.rot90(image)
    yield "x 1.3, clipped", np.minimum(255, image * 1.3)
    yield "x .6 + 20", image * 0.6 + 20
    for gamma in (0.7, 1.4):
        yield f"gamma {gamma}", 255 * (image / 255) ** gamma
    yield "noise of 10", np.clip(image + rng.normal(0, 10, image.shape), 0, 255)


def near(data: Path) -> None:
    """Prints the bits by which copies and other patients' slices differ, and rims."""
    folder = data / "t1ce_slices"
    table = read_table(folder / "samples.tsv", ("patient_id",))
    images = [read_image(folder / name) for name in table["image"]]
    prints = np.stack([near_duplicates.fingerprint(image) for image in images])
    pairs = near_duplicates.near_pairs(prints, table["patient_id"].factorize()[0], limit=255)
    bits = pairs["bits"]
    print(
        f"{len(bits)} pairs of other patients: fewest bits {bits.min()}, median {bits.median():g}"
    )
    found: dict[str, list[int]] = {}
    for image, seen in zip(images[::4], prints[::4], strict=True):
        for name, copy in changed(image):
            other = near_duplicates.fingerprint(np.ascontiguousarray(copy))[:1]
            bits = np.bitwise_count(seen ^ other).sum(axis=1).min()
            found.setdefault(name, []).append(int(bits))
    for name, numbers in found.items():
        print(f"{name:>16}: most {max(numbers)}, median {np.median(numbers):g}")
    heads = [data / f"head_with_brain_mask/{name}.nii.gz" for name in ("ch2", "ch2bet")]
    whole, brain = (np.asarray(nib.load(path).dataobj) for path in heads)
    chosen = [(axis, k) for axis in range(3) for k in range(0, whole.shape[axis], 5)]
    chosen = [at for at in chosen if (brain.take(at[1], at[0]) > 0).mean() > 0.08]
    for name, volume in (("whole head", whole), ("its brain", brain)):
        rims = [slice_record.head_shares(volume.take(k, axis))[1] for axis, k in chosen]
        print(f"{name:>16}: bright share of the rim, median {np.median(rims):.2f}")
    rims = [slice_record.head_shares(image)[1] for image in images]
    print(f"{'t1ce_slices':>16}: bright share of the rim, median {np.median(rims):.2f}")
    around("t1ce_slices", images)
    paths = sorted((data / "msd_hippocampus/imagesTr").glob("*.nii.gz"))
    volumes = (np.asarray(nib.load(path).dataobj) for path in paths)
    around("msd_hippocampus", [volume[..., volume.shape[2] // 2] for volume in volumes])


def around(name: str, images: list[np.ndarray]) -> None:
    """Prints how dark it is outside the hull of what is bright, as a share of its inside."""
    levels = []
    for image in images:
        small, depth = skull_strip.head_depth(image, slice_record.HEAD_GRID_PX)
        small = small + max(0.0, float(image.min()))
        if (depth == 0).any() and (depth > slice_record.DEEP).any():
            inside = np.median(small[depth > slice_record.DEEP])
            levels.append(np.median(small[depth == 0]) / inside)
    quantiles = ", ".join(f"{level:.2f}" for level in np.quantile(levels, (0.05, 0.5, 0.95)))
    print(f"{name:>16}: level around it, quantiles .05, .5, .95: {quantiles}")


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--slices", type=int, nargs="*", default=[314, 10000])
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--near", type=Path)
    given = parser.parse_args()
    for count in given.slices:
        with tempfile.TemporaryDirectory() as folder:
            make(Path(folder), count)
            timed(Path(folder), {}, given.cores)
    if given.near:
        columns = {"case": "sample_id", "patient": "patient_id", "spacing_mm": "pixel_mm"}
        source = {"table": "samples.tsv", "annotation_file": "borders.json", "form": "border"}
        timed(given.near / "t1ce_slices", source | {"columns": columns}, given.cores)
        near(given.near)


if __name__ == "__main__":
    main()
