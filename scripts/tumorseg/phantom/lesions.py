"""Places the tumours of the phantom's volumes and mixes their parts into its tissue maps.

A map is the share of each voxel that a tissue fills, as in BrainWeb; all maps of a head are one
array (tissue, depth, height, width), in the order of contrast.TISSUES. The parts are nested as in
BraTS: oedema lies around the core, and in the core is what takes up contrast agent, as a rim around
necrosis or as solid tumour.
"""

from dataclasses import replace

import numpy as np
from scipy import ndimage

from tumorseg.phantom.contrast import TISSUES
from tumorseg.phantom.fields import Noise
from tumorseg.phantom.head import soft
from tumorseg.phantom.tumour import Tumour, grow

# By the patient's number modulo 4. several: two to four small ones, rings or solid.
KINDS = ("ring", "solid", "several", "diffuse")
COUNT = (2, 5)  # of several
APART_MM = 6.0  # between two tumours
LOWEST_MM = -12.0  # no centre is lower: cerebellum and brain stem stay free
INDEX = {name: position for position, name in enumerate(TISSUES)}
LABELS = {"necrosis": 1, "core": 1, "oedema": 2, "enhancing": 4}  # as in BraTS up to 2020
OEDEMA_MM = {"ring": (9.0, 20.0), "solid": (6.0, 16.0), "diffuse": (3.0, 7.0)}


def lesions(rng: np.random.Generator, kind: str) -> list[Tumour]:
    """The tumours of one patient, of one of the KINDS; they do not touch."""
    if kind != "several":
        return [_lesion(rng, kind, None)]
    found: list[Tumour] = []
    count = rng.integers(*COUNT)
    while len(found) < count:
        new = _lesion(rng, rng.choice(["ring", "solid"]), (6.0, 12.0))
        if all(_distance(new, old) > APART_MM for old in found):
            found.append(new)
    return found


def _distance(first: Tumour, second: Tumour) -> float:
    """Between the borders of two tumours, in mm."""
    between = np.linalg.norm(first.centre - second.centre)
    return float(between - first.radii.max() - second.radii.max())


def _lesion(rng: np.random.Generator, kind: str, radii_mm: tuple[float, float] | None) -> Tumour:
    while True:
        lesion = grow(rng, kind, radii_mm)
        off_middle = abs(lesion.centre[0]) > 0.7 * lesion.radii.mean()
        if lesion.centre[2] > LOWEST_MM and off_middle:
            break
    return replace(
        lesion,
        rim=rng.uniform(4.0, 8.0) / lesion.radii.mean(),
        oedema_mm=rng.uniform(*OEDEMA_MM[kind]),
    )


def mix_in(
    maps: np.ndarray,
    lesion: Tumour,
    points: np.ndarray,
    hull: np.ndarray,
    noise: Noise,
    voxel_mm: float,
) -> None:
    """Puts a tumour and its oedema in the place of healthy tissue.

    Args:
        maps: the shares of all tissues, (tissue, depth, height, width), changed in place.
        lesion: the tumour.
        points: (depth, height, width, 3) in MNI mm.
        hull: the template's `hull` at the points, (depth, height, width) in mm.
        noise: the patient's noise field.
        voxel_mm: side of a voxel.
    """
    radius = lesion.radii.mean()
    # Depths in mm. Neither tumour nor oedema leaves the brain or crosses to its other half.
    free = np.minimum(-hull - 1, np.sign(lesion.centre[0]) * points[..., 0] + 1)
    level = np.minimum(lesion.level(points, noise) * radius, free)
    fine, coarse = noise(points, 9, 12), noise(points, 14, 13)
    edge = float(np.hypot(lesion.edge_mm, voxel_mm))
    # Oedema spreads in white matter, little into grey, and not into fluid.
    white, grey = (np.clip(maps[INDEX[name]], 0, 1) for name in ("white", "grey"))
    white = ndimage.gaussian_filter(white, 3.0 / voxel_mm)
    reach = lesion.oedema_mm * (0.25 + white) * (1 + 0.35 * coarse)
    swollen = soft(np.minimum(level + reach, free), edge) * np.minimum(white + grey, 1)
    pieces, _ = ndimage.label((swollen > 0.5) | (level > 0))
    apart = ~np.isin(pieces, pieces[level > 0])
    _mix(maps, "oedema", np.where(apart & (swollen > 0.5), 0, swollen))
    if lesion.kind == "diffuse":
        _mix(maps, "core", soft(level, edge))
        return
    _mix(maps, "enhancing", soft(level, edge))
    _mix(maps, "core", 0.4 * soft(level, edge) * soft(0.7 * coarse + 0.7 * fine - 0.3, 1))
    if lesion.kind == "ring":
        rim = lesion.rim * radius * (1 + 0.4 * coarse)
        _mix(maps, "necrosis", soft(level - rim, voxel_mm))


def _mix(maps: np.ndarray, tissue: str, share: np.ndarray) -> None:
    maps *= 1 - share
    maps[INDEX[tissue]] += share


def label_map(maps: np.ndarray) -> np.ndarray:
    """(depth, height, width) uint8: where tumour and oedema fill more than half, the largest part.

    1 necrosis and tumour without enhancement, 2 oedema, 4 enhancing tumour; 0 elsewhere.
    """
    values = sorted(set(LABELS.values()))
    parts = np.stack(
        [sum(maps[INDEX[name]] for name, own in LABELS.items() if own == value) for value in values]
    )
    largest = np.array(values, np.uint8)[parts.argmax(0)]
    return np.where(parts.sum(0) > 0.5, largest, np.uint8(0))
