"""Seconds and peak memory of each step from the raw slices to one epoch, at growing numbers.

    make bench-scale [ARGS="--slices 314 3140 31400 --cores 2"]

The generated heads of the default experiment are copied as often as needed, each time as other
patients and with another corner pixel: the import refuses one image for two patients. Every step
runs in a process of its own, as in a job (bench/steps.py). 31,400 slices need 15 GB of disk below
--folder (default: the temporary folder).
"""

import argparse
import os
import tempfile
from pathlib import Path

import cv2
from steps import experiment, heading, show

ORIGINALS = 314
STEPS = ("import_cases", "skull_strip", "rasterize", "split", "pack", "train")
TRAINING = {"epochs": 1, "batch_size": 16}


def originals(folder: Path, count: int) -> list[tuple[str, str]]:
    """Writes `count` heads and masks; returns patient and plane of each."""
    from tumorseg.core.images import write_mask, write_png
    from tumorseg.data.storing import mask_of
    from tumorseg.sources import phantom

    facts = []
    for number, case in enumerate(phantom.cases(seed=1, patients=count // 2 + 1)):
        if number == count:
            break
        write_png(folder / f"images/{number}.png", case.image)
        write_mask(folder / f"masks/{number}.png", mask_of(case))
        facts.append((case.patient, case.plane))
    return facts


def data(folder: Path, source: Path, facts: list[tuple[str, str]], count: int) -> None:
    """A data folder of `count` slices: the originals, again and again; their masks are links."""
    lines = ["case\timage\tannotation\tpatient\tplane"]
    for name in ("images", "masks"):
        (folder / name).mkdir(parents=True)
    for number in range(count):
        copy, original = divmod(number, len(facts))
        files = [f"{name}/{number:05d}.png" for name in ("images", "masks")]
        image = cv2.imread(str(source / f"images/{original}.png"), cv2.IMREAD_UNCHANGED)
        image[0, 0] = copy
        cv2.imwrite(str(folder / files[0]), image, [cv2.IMWRITE_PNG_COMPRESSION, 1])
        os.link(source / f"masks/{original}.png", folder / files[1])
        patient, plane = facts[original]
        lines.append(f"c{number:05d}\t{files[0]}\t{files[1]}\t{patient}-{copy}\t{plane}")
    (folder / "cases.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--slices", nargs="+", type=int, default=[314, 3140])
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--steps", nargs="+", default=STEPS, choices=STEPS)
    parser.add_argument("--folder", default=None)
    options = parser.parse_args()
    heading("slice")
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        root = Path(name)
        facts = originals(root / "originals", min(ORIGINALS, max(options.slices)))
        for count in options.slices:
            data_dir, folder = root / f"data{count}", root / f"results{count}"
            data(data_dir, root / "originals", facts, count)
            folder.mkdir()
            changes = {
                "source": {"kind": "table", "table": "cases.tsv", "form": "mask"},
                "data_dir": str(data_dir),
                "network": {"size_px": 128, "base_width": 4},
                "recipes": {"robust": {"training": TRAINING}},
            }
            show(experiment(changes), options.steps, count, folder, options.cores)


if __name__ == "__main__":
    main()
