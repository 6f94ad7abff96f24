"""Seconds and peak memory of each step from the raw slices to one epoch, at growing numbers.

    make bench-scale [ARGS="--slices 314 3140 31400 --cores 2"]

The generated heads of the default experiment are copied as often as needed, each time as other
patients and with another corner pixel: the import refuses one image for two patients. Every step
runs in a process of its own, as in a job. Peak memory is that of all its processes together: `own`
cannot be taken back by the system; `mapped` are pages of files, which it can. 31,400 slices need 15
GB of disk below --folder (default: the temporary folder).
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import cv2

ORIGINALS = 314
SIZE_PX = 128
SCRIPTS = Path(__file__).resolve().parent.parent / "scripts"
STEPS = ("import_cases", "skull_strip", "rasterize", "split", "pack", "epoch")
SOURCE = {"kind": "table", "table": "cases.tsv", "form": "mask"}


def originals(folder: Path) -> list[tuple[str, str]]:
    """Writes ORIGINALS heads and masks; returns patient and plane of each."""
    from tumorseg.core.images import write_mask, write_png
    from tumorseg.data.storing import mask_of
    from tumorseg.sources import phantom

    facts = []
    for number, case in enumerate(phantom.cases(seed=1, patients=ORIGINALS // 2)):
        if number == ORIGINALS:
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


def step(name: str, data_dir: str, folder: str, cores: int) -> None:
    """Runs one step as its rule does."""
    tables = {f"{key}_table": f"{folder}/{key}.tsv" for key in ("cases", "masks", "folds")}
    dirs = {f"{key}_dir": f"{folder}/{key}" for key in ("cases", "annotations", "stripped")}
    dirs["masks_dir"] = f"{folder}/masks"
    packed = {key: f"{folder}/pack/{key}.npy" for key in ("images", "targets")}
    packed = {f"{key}_file": path for key, path in packed.items()}
    packed["placement_table"] = f"{folder}/pack/placement.tsv"

    def some(known: dict[str, str], *keys: str) -> dict[str, str]:
        return {key: known[key] for key in keys}

    if name == "import_cases":
        import import_cases

        import_cases.main(
            source=SOURCE,
            data_dir=data_dir,
            seed=1,
            identifiers={"names": "keep", "key_file": ""},
            local_dir=f"{folder}/local/scale",
            config={"folds": {"count": 5}},
            true_brain_dir=f"{folder}/true_brain",
            cores=cores,
            **some(tables, "cases_table"),
            **some(dirs, "cases_dir", "annotations_dir"),
        )
    elif name == "skull_strip":
        import skull_strip

        skull_strip.main(
            strip_table=f"{folder}/strip.tsv",
            brain_dir=f"{folder}/brain",
            method="head",
            cores=cores,
            **some(tables, "cases_table"),
            **some(dirs, "cases_dir", "stripped_dir"),
        )
    elif name == "rasterize":
        import rasterize

        of_masks = some(dirs, "annotations_dir", "stripped_dir", "masks_dir", "cases_dir")
        of_masks |= some(tables, "cases_table", "masks_table") | {"brain_dir": f"{folder}/brain"}
        harm = {"skull_strip": {"method": "head", "accept_harm": True}}
        rasterize.main(**of_masks, config=harm, cores=cores)
    elif name == "split":
        import split

        of_folds = some(tables, "masks_table", "folds_table")
        split.main(**of_folds, fold_count=5, validation_share=0.15, seed=1)
    elif name == "pack":
        import pack

        inputs = {**some(tables, "cases_table"), **some(dirs, "stripped_dir", "masks_dir")}
        pack.main(**inputs, **packed, size_px=SIZE_PX, preparation="robust")
    else:
        epoch(folder, {**packed, **some(tables, "folds_table")})


def epoch(folder: str, files: dict[str, str]) -> None:
    """One epoch of the recipe `robust` with a narrow network, through the rule's own code."""
    import yaml

    from tumorseg.training.job import TrainingJob
    from tumorseg.training.prepare import prepare

    config = yaml.safe_load((SCRIPTS.parent / "config.yaml").read_text(encoding="utf-8"))
    settings = config["recipes"]["robust"]
    settings["training"] |= {"epochs": 1, "batch_size": 16}
    job = TrainingJob(
        recipe="robust",
        settings=settings,
        loss={"name": "dice_ce", "function": "dice_ce", "constants": {}},
        network={"name": "unet", "size_px": SIZE_PX, "base_width": 4},
        fold=1,
        seed=1,
        threads=1,
        wanted_device="cpu",
        precision="float32",
        state_dir=f"{folder}/.resume",
        code="",
        **files,
    )
    prepare(job).run()


def family(pid: int) -> Iterator[int]:
    """A process and all that it started."""
    yield pid
    try:
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
        children = [line for task in tasks for line in (task / "children").read_text().split()]
    except OSError:
        return
    for child in children:
        yield from family(int(child))


def memory(pid: int) -> tuple[int, int]:
    """MB of own pages and of mapped files of a process and its children, now."""
    own = mapped = 0
    for member in family(pid):
        try:
            lines = Path(f"/proc/{member}/status").read_text(encoding="utf-8").splitlines()
        except OSError:
            continue
        values = {line.split(":")[0]: line.split()[1] for line in lines if line.startswith("Rss")}
        own += int(values.get("RssAnon", 0)) // 1024
        mapped += int(values.get("RssFile", 0)) // 1024
    return own, mapped


def measured(command: list[str], log: Path) -> tuple[float, int, int]:
    """Seconds, peak of own and of mapped memory in MB."""
    started, peaks = time.perf_counter(), (0, 0)
    with log.open("w", encoding="utf-8") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
        while process.poll() is None:
            own, mapped = memory(process.pid)
            peaks = max(peaks[0], own), max(peaks[1], mapped)
            time.sleep(0.1)
    if process.returncode:
        raise SystemExit(log.read_text(encoding="utf-8"))
    return time.perf_counter() - started, *peaks


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--slices", nargs="+", type=int, default=[314, 3140])
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--steps", nargs="+", default=STEPS, choices=STEPS)
    parser.add_argument("--folder", default=None)
    parser.add_argument("--one", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        sys.path[0] = str(SCRIPTS)  # bench/ has a skull_strip.py too
        step(**json.loads(options.one))
        return
    print(
        f"{'slices':>7}  {'step':12} {'seconds':>8} {'ms a slice':>11} {'own MB':>7} "
        f"{'mapped MB':>10}"
    )
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        root = Path(name)
        facts = originals(root / "originals")
        for count in options.slices:
            data_dir, folder = root / f"data{count}", root / f"results{count}"
            data(data_dir, root / "originals", facts, count)
            folder.mkdir()
            for each in options.steps:
                job = {"name": each, "data_dir": str(data_dir), "folder": str(folder)}
                command = [
                    sys.executable,
                    __file__,
                    "--one",
                    json.dumps(job | {"cores": options.cores}),
                ]
                seconds, own, mapped = measured(command, folder / f"{each}.log")
                a_slice = 1000 * seconds / count
                print(
                    f"{count:>7}  {each:12} {seconds:8.1f} {a_slice:11.1f} {own:7} {mapped:10}",
                    flush=True,
                )


if __name__ == "__main__":
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    main()
