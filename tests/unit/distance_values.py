"""Prints our distances and those of other libraries as JSON: case -> library -> values.

    .venv-torch/bin/python tests/unit/distance_values.py

test_distances.py runs it in the venv that has MedPy, MONAI and DeepMind's surface-distance. If a
library raises an exception, its name replaces the values.
"""

import json
import sys
import warnings
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))

import numpy as np
import surface_distance as deepmind
import torch
from medpy.metric import binary as medpy
from monai import metrics as monai

from tumorseg.distances import surface_distances

warnings.simplefilter("ignore")


def box(*sides, shape=(40, 30)):
    mask = np.zeros(shape, bool)
    mask[tuple(slice(*side) for side in sides)] = True
    return mask


def cases():
    """Name -> truth, prediction, spacing, tolerance."""
    random = np.random.default_rng(7)
    truth = box((5, 25), (5, 25))
    rough = box((8, 30), (3, 24)) & (random.random((40, 30)) > 0.02)
    yield "rough", truth, rough, (1.0, 1.0), 1.0
    yield "rough, anisotropic", truth, rough, (2.0, 0.5), 0.7
    yield "at the border", box((0, 10), (0, 10)), box((0, 12), (0, 10)), (1.0, 1.0), 1.0
    solid = box((2, 11), (3, 12), (4, 13), shape=(14, 15, 16))
    holed = np.roll(solid, (1, 2, -1), (0, 1, 2)) & (random.random(solid.shape) > 0.02)
    yield "volume", solid, holed, (1.0, 1.0, 1.0), 1.0
    yield "volume, anisotropic", solid, holed, (1.0, 2.0, 0.5), 1.0
    square, hole = box((5, 26), (5, 26)), box((9, 22), (9, 22))
    yield "hole", square, square & ~hole, (1.0, 1.0), 1.0
    block, spur = box((5, 15), (5, 15)), box((9, 10), (15, 19))
    yield "spur", block, block | spur, (1.0, 1.0), 1.0
    yield "two pixels", box((5, 6), (5, 6)), box((5, 6), (7, 8)), (1.0, 1.0), 1.0
    yield "prediction empty", square, box((0, 0), (0, 0)), (1.0, 1.0), 1.0
    yield "both empty", box((0, 0), (0, 0)), box((0, 0), (0, 0)), (1.0, 1.0), 1.0


def of_medpy(truth, prediction, spacing, tolerance):
    names = {"hausdorff": medpy.hd, "hd95_pooled": medpy.hd95, "assd": medpy.assd}
    return {name: float(call(prediction, truth, spacing)) for name, call in names.items()}


def of_monai(truth, prediction, spacing, tolerance):
    pair = [torch.tensor(mask, dtype=torch.float)[None, None] for mask in (prediction, truth)]
    options = {"include_background": True, "spacing": list(spacing)}
    corners = monai.compute_surface_dice(*pair, [tolerance], use_subvoxels=True, **options)
    distances = {
        "nsd at corners": corners,
        "hausdorff": monai.compute_hausdorff_distance(*pair, **options),
        "hd95": monai.compute_hausdorff_distance(*pair, percentile=95, **options),
        "assd": monai.compute_average_surface_distance(*pair, symmetric=True, **options),
        "nsd": monai.compute_surface_dice(*pair, [tolerance], **options),
    }
    return {name: value.item() for name, value in distances.items()}


def of_deepmind(truth, prediction, spacing, tolerance):
    distances = deepmind.compute_surface_distances(truth, prediction, spacing)
    return {
        "hausdorff": float(deepmind.compute_robust_hausdorff(distances, 100)),
        "hd95": float(deepmind.compute_robust_hausdorff(distances, 95)),
        "directed means": list(map(float, deepmind.compute_average_surface_distance(distances))),
        "nsd": float(deepmind.compute_surface_dice_at_tolerance(distances, tolerance)),
    }


LIBRARIES = {
    "ours": surface_distances,
    "medpy": of_medpy,
    "monai": of_monai,
    "deepmind": of_deepmind,
}


def values_or_error(call, arguments):
    try:
        return call(*arguments)
    except Exception as error:  # the test compares the type
        return type(error).__name__


if __name__ == "__main__":
    values = {
        name: {library: values_or_error(call, arguments) for library, call in LIBRARIES.items()}
        for name, *arguments in cases()
    }
    print(json.dumps(values))
