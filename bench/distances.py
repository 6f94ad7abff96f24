"""Milliseconds a pair of masks: all our distances, and the Hausdorff distance of other libraries.

    make bench-distances

Pairs of 800x512 masks, lesion-like blobs and predictions deformed from them (`--data DIR`: those
of the table `samples.tsv` there), then one pair of 240x240x155 volumes. In every round each library
measures all pairs, on one thread; a time is the processor's, so that other work beside counts
little, and the median over rounds of the mean a pair. SciPy's distance transform of the whole image
is the reference. Libraries that are not there are left out: `make torch` sets up the venv that has
them.
"""

import argparse
import csv
import math
import resource
import statistics
import sys
import time
import warnings
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "scripts"))

import numpy as np
from scipy.ndimage import distance_transform_edt, gaussian_filter, map_coordinates, zoom

from tumorseg.distances import surface, surface_distances

SHAPE, VOLUME = (800, 512), (240, 240, 155)
OURS, REFERENCE = "ours, all five distances", "SciPy's transform, uncropped"
SHARE = (0.002, 0.05)  # of the image that is tumour; the real slices have .013 on average


def blob(random: np.random.Generator) -> np.ndarray:
    """A lesion-like region: a disc whose radius swings along its border."""
    radius = math.sqrt(math.exp(random.uniform(*np.log(SHARE))) * math.prod(SHAPE) / math.pi)
    rows, columns = np.ogrid[: SHAPE[0], : SHAPE[1]]
    rows = rows - random.uniform(1.5 * radius, SHAPE[0] - 1.5 * radius)
    columns = columns - random.uniform(1.5 * radius, SHAPE[1] - 1.5 * radius)
    angle = np.arctan2(rows, columns)
    swing = sum(
        random.normal(0, 0.12 / wave) * np.cos(wave * angle + random.uniform(0, 2 * math.pi))
        for wave in range(2, 8)
    )
    return np.hypot(rows, columns) < radius * (1 + swing)


def deformed(random: np.random.Generator, mask: np.ndarray) -> np.ndarray:
    """A prediction of `mask`: moved by a few pixels and bent, more where it is larger."""
    reach = 0.2 * math.sqrt(np.count_nonzero(mask))
    places = np.indices(mask.shape, np.float32)
    for place in places:
        bend = gaussian_filter(random.normal(size=[side // 8 for side in mask.shape]), 1.5)
        bend = zoom(bend, np.divide(mask.shape, bend.shape), order=1, output=np.float32)
        place += random.normal(0, 2) + reach * bend / np.abs(bend).max()
    return map_coordinates(mask.astype(np.uint8), places, order=0) > 0


def truths(data: Path | None, number: int, random: np.random.Generator):
    """`number` masks, made or read from the folder's table."""
    if data is None:
        yield from (blob(random) for _ in range(number))
        return
    import SimpleITK as sitk  # noqa: N813

    with (data / "samples.tsv").open() as table:
        for line in list(csv.DictReader(table, delimiter="\t"))[:number]:
            yield sitk.GetArrayFromImage(sitk.ReadImage(str(data / line["mask"]))) != 0


def by_scipy(truth, prediction):
    """All our values by SciPy's distance transform of the whole images and NumPy's percentile."""
    a, b = surface(truth), surface(prediction)
    forth, back = distance_transform_edt(~b)[a], distance_transform_edt(~a)[b]
    both = np.concatenate([forth, back])
    return {
        "hausdorff": both.max(),
        "hd95": max(np.percentile(forth, 95), np.percentile(back, 95)),
        "hd95_pooled": np.percentile(both, 95),
        "assd": both.mean(),
        "nsd": np.mean(both <= 1),
    }


def libraries() -> dict:
    """Name -> function of truth and prediction, of all that can be imported."""
    found = {OURS: surface_distances}
    try:
        import surface_distance as deepmind
    except ModuleNotFoundError:
        pass
    else:
        found["DeepMind surface-distance"] = lambda truth, prediction: (
            deepmind.compute_robust_hausdorff(
                deepmind.compute_surface_distances(truth, prediction, [1] * truth.ndim), 100
            )
        )
    try:
        import SimpleITK as sitk  # noqa: N813
    except ModuleNotFoundError:
        pass
    else:
        sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)

        def simpleitk(truth, prediction):
            measure = sitk.HausdorffDistanceImageFilter()
            measure.Execute(
                *(sitk.GetImageFromArray(mask.view(np.uint8)) for mask in (truth, prediction))
            )
            return measure.GetHausdorffDistance()

        found["SimpleITK (of the areas)"] = simpleitk
    try:
        import torch
        from monai.metrics import compute_hausdorff_distance
    except ModuleNotFoundError:
        pass
    else:
        torch.set_num_threads(1)
        found["MONAI"] = lambda truth, prediction: compute_hausdorff_distance(
            *(torch.from_numpy(mask)[None, None] for mask in (prediction, truth)),
            include_background=True,
        )
    found[REFERENCE] = by_scipy
    try:
        from medpy.metric.binary import hd
    except ModuleNotFoundError:
        pass
    else:
        found["MedPy"] = lambda truth, prediction: hd(prediction, truth)
    return found


def one_round(calls: dict, pairs) -> tuple[dict[str, float], float]:
    """Mean milliseconds a pair by library, and our largest deviation from the reference."""
    spent, answers = {}, {}
    for name, call in calls.items():
        milliseconds, answers[name] = [], []
        for pair in pairs():
            started = time.process_time()
            answers[name].append(call(*pair))
            milliseconds.append(1e3 * (time.process_time() - started))
        spent[name] = statistics.mean(milliseconds)
    both = zip(answers[OURS], answers[REFERENCE], strict=True)
    return spent, max(abs(mine[name] - exact[name]) for mine, exact in both for name in exact)


def report(title: str, calls: dict, pairs, rounds: int) -> None:
    """Prints the table of one kind of pairs, which `pairs()` gives anew."""
    found, worst = zip(*(one_round(calls, pairs) for _ in range(rounds)), strict=True)
    times = {name: statistics.median(one[name] for one in found) for name in calls}
    print(f"\n{title:32} {'ms':>9} {'times ours':>11}")
    for name, value in times.items():
        print(f"{name:32} {value:9.2f} {value / times[OURS]:11.1f}")
    print(f"our largest deviation from {REFERENCE}: {max(worst):.1e}", flush=True)


def volumes(random: np.random.Generator) -> list[np.ndarray]:
    """A ball of radius 30 with an uneven surface, and a prediction of it."""
    axes = np.ogrid[tuple(slice(side) for side in VOLUME)]
    pair = []
    for middle, radius, uneven in (((120, 110, 80), 30, 2), ((122, 111, 79), 29, 3)):
        noise = gaussian_filter(random.normal(size=VOLUME).astype(np.float32), 4)
        away = np.sqrt(sum((axis - at) ** 2 for axis, at in zip(axes, middle, strict=True)))
        pair.append(away + uneven * noise / noise.std() < radius)
    return pair


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="a folder with samples.tsv and masks")
    parser.add_argument("--pairs", type=int, default=314)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    warnings.simplefilter("ignore")  # some libraries use names that NumPy and SciPy have retired
    random = np.random.default_rng(0)

    # Kept as bits in room taken beforehand, so that memory grows by what measuring keeps alone.
    room = np.full((options.pairs, 2 * math.prod(SHAPE) // 8), 255, np.uint8)
    shapes = []
    for index, truth in enumerate(truths(options.data, options.pairs, random)):
        pair = np.stack([truth, deformed(random, truth)])
        bits = np.packbits(pair)
        room[index, : bits.size] = bits
        shapes.append(pair.shape)
        surface_distances(*pair)
        if index + 1 in (10, 100, options.pairs):
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            print(f"peak memory after {index + 1:3} pairs: {peak:.0f} MB, making them included")

    def slices():
        for bits, shape in zip(room, shapes, strict=False):
            yield np.unpackbits(bits, count=math.prod(shape)).view(bool).reshape(shape)

    calls = libraries()
    report(f"{len(shapes)} pairs of slices", calls, slices, options.rounds)
    volume = volumes(random)
    report("a pair of volumes", calls, lambda: [volume], options.rounds)


if __name__ == "__main__":
    main()
