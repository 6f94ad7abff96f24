"""Times our distances and the Hausdorff distance of other libraries, in ms for a pair of masks.

    make bench-distances

The pairs are 800x512 masks of lesion-like blobs and predictions deformed from them (`--data DIR`:
the masks of the table `samples.tsv` in that folder), then one pair of 240x240x155 volumes. In every
round each library measures all pairs on one thread. A time is the median over rounds of the mean
processor time for a pair, so other load has little effect. The reference is SciPy's distance
transform of the whole image. Libraries that are not installed are left out; `make torch` sets up
the venv that has them.
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
SHARE = (0.002, 0.05)  # of tumour in the image; real slices have .013 on average


def blob(random: np.random.Generator) -> np.ndarray:
    """A lesion-like region: a disc whose radius varies along its border."""
    radius = math.sqrt(math.exp(random.uniform(*np.log(SHARE))) * math.prod(SHAPE) / math.pi)
    rows, columns = np.ogrid[: SHAPE[0], : SHAPE[1]]
    rows = rows - random.uniform(1.5 * radius, SHAPE[0] - 1.5 * radius)
    columns = columns - random.uniform(1.5 * radius, SHAPE[1] - 1.5 * radius)
    angle = np.arctan2(rows, columns)
    variation = sum(
        random.normal(0, 0.12 / wave) * np.cos(wave * angle + random.uniform(0, 2 * math.pi))
        for wave in range(2, 8)
    )
    return np.hypot(rows, columns) < radius * (1 + variation)


def deformed(random: np.random.Generator, mask: np.ndarray) -> np.ndarray:
    """A prediction of `mask`: moved by a few pixels and deformed, more if the mask is larger."""
    reach = 0.2 * math.sqrt(np.count_nonzero(mask))
    indices = np.indices(mask.shape, np.float32)
    for axis in indices:
        bend = gaussian_filter(random.normal(size=[side // 8 for side in mask.shape]), 1.5)
        bend = zoom(bend, np.divide(mask.shape, bend.shape), order=1, output=np.float32)
        axis += random.normal(0, 2) + reach * bend / np.abs(bend).max()
    return map_coordinates(mask.astype(np.uint8), indices, order=0) > 0


def truths(data: Path | None, number: int, random: np.random.Generator):
    """`number` masks, generated or read from the table of the folder."""
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
    from_truth, from_prediction = distance_transform_edt(~b)[a], distance_transform_edt(~a)[b]
    both = np.concatenate([from_truth, from_prediction])
    return {
        "hausdorff": both.max(),
        "hd95": max(np.percentile(from_truth, 95), np.percentile(from_prediction, 95)),
        "hd95_pooled": np.percentile(both, 95),
        "assd": both.mean(),
        "nsd": np.mean(both <= 1),
    }


def libraries() -> dict:
    """Name -> function of truth and prediction, for all installed libraries."""
    functions = {OURS: surface_distances}
    try:
        import surface_distance as deepmind
    except ModuleNotFoundError:
        pass
    else:
        functions["DeepMind surface-distance"] = lambda truth, prediction: (
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

        functions["SimpleITK (of the areas)"] = simpleitk
    try:
        import torch
        from monai.metrics import compute_hausdorff_distance
    except ModuleNotFoundError:
        pass
    else:
        torch.set_num_threads(1)
        functions["MONAI"] = lambda truth, prediction: compute_hausdorff_distance(
            *(torch.from_numpy(mask)[None, None] for mask in (prediction, truth)),
            include_background=True,
        )
    functions[REFERENCE] = by_scipy
    try:
        from medpy.metric.binary import hd
    except ModuleNotFoundError:
        pass
    else:
        functions["MedPy"] = lambda truth, prediction: hd(prediction, truth)
    return functions


def one_round(functions: dict, pairs) -> tuple[dict[str, float], float]:
    """Mean milliseconds for a pair by library, and our largest deviation from the reference."""
    means, results = {}, {}
    for name, function in functions.items():
        milliseconds, results[name] = [], []
        for pair in pairs():
            started = time.process_time()
            results[name].append(function(*pair))
            milliseconds.append(1e3 * (time.process_time() - started))
        means[name] = statistics.mean(milliseconds)
    both = zip(results[OURS], results[REFERENCE], strict=True)
    return means, max(abs(ours[name] - exact[name]) for ours, exact in both for name in exact)


def report(title: str, functions: dict, pairs, rounds: int) -> None:
    """Prints the table of one kind of pairs; `pairs()` generates them for each function."""
    means, deviations = zip(*(one_round(functions, pairs) for _ in range(rounds)), strict=True)
    times = {name: statistics.median(of_round[name] for of_round in means) for name in functions}
    print(f"\n{title:32} {'ms':>9} {'times ours':>11}")
    for name, value in times.items():
        print(f"{name:32} {value:9.2f} {value / times[OURS]:11.1f}")
    print(f"our largest deviation from {REFERENCE}: {max(deviations):.1e}", flush=True)


def volumes(random: np.random.Generator) -> list[np.ndarray]:
    """A ball of radius 30 with an uneven surface, and a prediction of it."""
    axes = np.ogrid[tuple(slice(side) for side in VOLUME)]
    pair = []
    for centre, radius, roughness in (((120, 110, 80), 30, 2), ((122, 111, 79), 29, 3)):
        noise = gaussian_filter(random.normal(size=VOLUME).astype(np.float32), 4)
        distance = np.sqrt(sum((axis - c) ** 2 for axis, c in zip(axes, centre, strict=True)))
        pair.append(distance + roughness * noise / noise.std() < radius)
    return pair


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="a folder with samples.tsv and masks")
    parser.add_argument("--pairs", type=int, default=314)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    warnings.simplefilter("ignore")  # some libraries use deprecated names of NumPy and SciPy
    random = np.random.default_rng(0)

    # Packed into memory allocated beforehand, so that only what the measuring keeps adds to it.
    packed = np.full((options.pairs, 2 * math.prod(SHAPE) // 8), 255, np.uint8)
    shapes = []
    for index, truth in enumerate(truths(options.data, options.pairs, random)):
        pair = np.stack([truth, deformed(random, truth)])
        bits = np.packbits(pair)
        packed[index, : bits.size] = bits
        shapes.append(pair.shape)
        surface_distances(*pair)
        if index + 1 in (10, 100, options.pairs):
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            print(
                f"peak memory after {index + 1:3} pairs: {peak:.0f} MB, including their generation"
            )

    def slices():
        for bits, shape in zip(packed, shapes, strict=False):
            yield np.unpackbits(bits, count=math.prod(shape)).view(bool).reshape(shape)

    functions = libraries()
    report(f"{len(shapes)} pairs of slices", functions, slices, options.rounds)
    volume = volumes(random)
    report("a pair of volumes", functions, lambda: [volume], options.rounds)


if __name__ == "__main__":
    main()
