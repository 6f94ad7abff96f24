"""Seconds and peak memory of each step on volumes of the size of BraTS, at growing numbers.

    make bench-volumes [ARGS="--patients 20 100 --predicted 3 --cores 2 --width 8"]
    make bench-volumes ARGS="--patients 1000 --steps check"

A tree as BraTS 2020 has it: 240 x 240 x 155 voxels, four sequences, labels 1, 2 and 4. A few heads
are generated; each patient is one of them with another value in one voxel of FLAIR, because the
import refuses one image for two patients; all other files are links. The steps run in processes of
their own, as in a job (bench/steps.py): `train` is one epoch of patches of 96 x 96 x 96, one a
patient; `predict_cases` and `measure` take the first --predicted test cases. 20 patients need 25 GB
below --folder (default: the temporary folder), 1,000 with `check` alone 6 GB.
"""

import argparse
import gzip
import os
import tempfile
from pathlib import Path

import nibabel as nib
import numpy as np
from steps import experiment, heading, show

SHAPE = (155, 240, 240)  # slices, rows, columns
SEQUENCES = ("flair", "t1", "t1ce", "t2")
AFFINE = np.diag([-1.0, -1.0, 1.0, 1.0])
STEPS = (
    *("check", "import_cases", "skull_strip", "rasterize", "split", "pack", "train"),
    *("predict_cases", "measure"),
)
SETTINGS = {
    "source": {"kind": "brats", "dimensions": 3, "channels": list(SEQUENCES)},
    "classes": {"whole": [1, 2, 4], "core": [1, 4], "enhancing": [4]},
    "overlapping": True,
    "primary_class": "whole",
    "skull_strip": {"method": "none", "compare": ["none"]},
    "network": {"patch": [96, 96, 96], "base_width": 8, "levels": 4},
    "recipes": {"robust": {"training": {"epochs": 1, "batch_size": 2}}},
}


class Original:
    """A generated patient: its files, and FLAIR in two compressed parts around one voxel."""

    def __init__(self, folder: Path, seed: int) -> None:
        from tumorseg.phantom.volumes import volumes

        (made,) = volumes(seed=seed, patients=1, sequences=SEQUENCES, voxel_mm=1, negatives=False)
        self.files = {name: folder / f"{seed}_{name}.nii.gz" for name in (*SEQUENCES[1:], "seg")}
        labels = fitted(made.labels)
        first, *others = (fitted(image * made.brain) for image in made.images)
        for path, array in zip(self.files.values(), (*others, labels), strict=True):
            path.write_bytes(gzip.compress(nifti(array), 1))
        content = nifti(first)
        largest = np.zeros(SHAPE, bool)  # the slice that the check looks at
        largest[np.count_nonzero(labels, axis=(1, 2)).argmax()] = True
        voxel = int(np.flatnonzero(largest & (first > 0))[0])
        start = len(content) - 2 * first.size + 2 * voxel
        self.value = int.from_bytes(content[start : start + 2], "little")
        self.parts = gzip.compress(content[:start], 1), gzip.compress(content[start + 2 :], 1)

    def write(self, folder: Path, copy: int) -> None:
        """The files of a patient of this name: a file of several compressed parts is one file."""
        folder.mkdir(parents=True)
        for name, path in self.files.items():
            os.link(path, folder / f"{folder.name}_{name}.nii.gz")
        voxel = gzip.compress((self.value + copy).to_bytes(2, "little"))
        flair = self.parts[0] + voxel + self.parts[1]
        (folder / f"{folder.name}_flair.nii.gz").write_bytes(flair)


def fitted(stack: np.ndarray) -> np.ndarray:
    """A stack of axial slices in the middle of a larger or smaller one of SHAPE."""
    whole = np.zeros(SHAPE, stack.dtype)
    spans = []
    for side, wanted in zip(stack.shape, SHAPE, strict=True):
        both = min(side, wanted)
        starts = (wanted - both) // 2, (side - both) // 2
        spans.append([slice(start, start + both) for start in starts])
    into, taken = (tuple(pair[n] for pair in spans) for n in (0, 1))
    whole[into] = stack[taken]
    return whole


def nifti(stack: np.ndarray) -> bytes:
    """A NIfTI file of a stack whose columns go left and rows back."""
    kind = np.int16 if stack.dtype != np.uint8 else np.uint8
    return nib.Nifti1Image(stack.transpose(2, 1, 0).astype(kind), AFFINE).to_bytes()


def few(folder: Path, count: int) -> None:
    """Writes few.tsv: the first test cases of the first fold, and one to validate."""
    from tumorseg.core.files import read_table, write_table

    folds = read_table(folder / "folds.tsv").query("fold == 1")
    roles = (("test", count), ("validation", 1))
    kept = [name for role, n in roles for name in folds[folds["role"] == role].index[:n]]
    write_table(folds.loc[kept], folder / "few.tsv")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--patients", nargs="+", type=int, default=[20])
    parser.add_argument("--originals", type=int, default=2)
    parser.add_argument("--predicted", type=int, default=3)
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--width", type=int, default=8, help="base width of the network")
    parser.add_argument("--steps", nargs="+", default=STEPS, choices=STEPS)
    parser.add_argument("--folder", default=None)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        root = Path(name)
        (root / "originals").mkdir()
        numbers = range(1, min(options.originals, max(options.patients)) + 1)
        made = [Original(root / "originals", number) for number in numbers]
        heading("patient")
        for count in options.patients:
            data_dir, folder = root / f"data{count}", root / f"results{count}"
            folder.mkdir()
            for number in range(count):
                copy, original = divmod(number, len(made))
                made[original].write(data_dir / f"BraTS20_Training_{number + 1:03d}", copy)
            folds = {"count": min(5, max(2, count // 2))}
            training = {"threads": options.cores}
            network = {"base_width": options.width}
            changes = {"data_dir": str(data_dir), "folds": folds, "training": training}
            changes["network"] = SETTINGS["network"] | network
            of = experiment(SETTINGS | changes)
            for step in options.steps:
                cases = count
                if step in ("predict_cases", "measure"):
                    few(folder, options.predicted)
                    cases = min(options.predicted + 1, count)
                show(of, [step], cases, folder, options.cores)


if __name__ == "__main__":
    main()
