"""Draws the phantom's heads as volumes, in one or more sequences.

The standard head is drawn once (head.py), as maps of how much of each voxel a tissue fills. Each
patient's head is that head, bent, with ventricles and tumours of its own. An image is the maps'
sum, each times its tissue's brightness (contrast.py), with an uneven coil sensitivity and Rician
noise; BrainWeb makes its images in the same way.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy import ndimage

from tumorseg.phantom import lesions
from tumorseg.phantom.contrast import HEALTHY, SEQUENCES, TISSUES, signals
from tumorseg.phantom.fields import Noise, rician, sample, template
from tumorseg.phantom.head import Brightness, Layers, draw_brain, draw_head
from tumorseg.phantom.shape import Shape, magnified, random_turn
from tumorseg.phantom.tumour import squeeze

FINEST_MM, COARSEST_MM = 1.0, 10.0
FIELD_MM = (160.0, 224.0, 192.0)  # depth, height and width of a volume
MIDDLE_MM = (22.0, -16.0, 0.0)  # of the field: up, front, right
# The standard head: the box in MNI mm (up, front, right) within which it is drawn.
BOX_MM = ((-76.0, 112.0), (-142.0, 110.0), (-104.0, 104.0))
LAYERS = Layers(csf_mm=1.5, skull_mm=6.0, scalp_mm=6.0, atrophy=0.5)
VENTRICLES_MM = np.array([0, -18, 14], np.float32)
BIAS = 0.14  # unevenness of the coil sensitivity
NOISE = (0.012, 0.03)  # standard deviation, range; white matter is 1
WHITE = (300.0, 900.0)  # stored value of white matter, range
AIR = 0.02  # brightness of air and bone
NEGATIVE_EVERY = 8  # patients


@dataclass(frozen=True)
class MadeVolume:
    """One head; all arrays are (depth, height, width), a stack of axial slices as displayed.

    Attributes:
        images: uint16, one for each sequence.
        labels: uint8, 1 necrosis and tumour without enhancement, 2 oedema, 4 enhancing tumour.
        brain: bool; includes the tumour but no outer CSF.
        affine: (4, 4), indices of the stack to RAS mm.
    """

    patient: str
    images: tuple[np.ndarray, ...]
    labels: np.ndarray
    brain: np.ndarray
    affine: np.ndarray
    tumour_type: str


def volumes(
    *, seed: int, patients: int, sequences: Sequence[str], voxel_mm: float, negatives: bool
) -> Iterator[MadeVolume]:
    """The heads of the first `patients` patients.

    A patient's head depends only on the seed, the patient's number and the side of a voxel; the
    image of a sequence does not depend on which others are drawn. negatives: whether every eighth
    head has no tumour.
    """
    for number in range(1, patients + 1):
        healthy = negatives and number % NEGATIVE_EVERY == 0
        kind = "" if healthy else lesions.KINDS[number % len(lesions.KINDS)]
        yield _volume(seed, number, kind, sequences, float(voxel_mm))


def _volume(
    seed: int, number: int, kind: str, sequences: Sequence[str], voxel_mm: float
) -> MadeVolume:
    rng = np.random.default_rng([seed, number, 3])
    shape = Shape(Noise(rng), random_turn(rng, 0.93, 1.05), bend_mm=rng.uniform(1.5, 3.0))
    affine = _affine(voxel_mm, rng.uniform(-5, 5, 3))
    growths = lesions.lesions(rng, kind) if kind else []
    ventricles = rng.uniform(-0.25, 0.35)

    points = shape.to_template(_grid(affine, voxel_mm))
    hull = template().at("hull", points)
    origin = points
    for growth in growths:
        origin = squeeze(origin, hull, growth)
    origin = magnified(origin, hull, VENTRICLES_MM, 32.0, ventricles)
    maps, brain = _healthy(shape.shift_convolutions(origin), voxel_mm)
    for growth in growths:
        lesions.mix_in(maps, growth, points, hull, shape.noise, voxel_mm)
    labels = lesions.label_map(maps)

    dose, noise_level = rng.uniform(0.7, 1.4), rng.uniform(*NOISE)
    state = rng.integers(1 << 32)
    own = dict(zip(SEQUENCES, rng.spawn(len(SEQUENCES)), strict=True))
    images = []
    for name in sequences:
        brightness = signals(name, np.random.default_rng(state), dose)
        image = np.full(labels.shape, AIR, np.float32)
        for tissue, share in zip(TISSUES, maps, strict=True):
            image += np.float32(brightness[tissue]) * share
        image *= np.exp(BIAS * shape.noise(points, 190, 30 + SEQUENCES.index(name)))
        white = own[name].uniform(*WHITE)
        speckle = own[name].normal(0, noise_level, (2, *image.shape))
        images.append(np.rint(white * rician(image, speckle)).astype(np.uint16))
    return MadeVolume(
        patient=f"p{number:02d}",
        images=tuple(images),
        labels=labels,
        brain=(brain > 0.5) | (labels > 0),
        affine=affine,
        tumour_type=kind,
    )


def _affine(voxel_mm: float, shift_mm: np.ndarray) -> np.ndarray:
    """Stack indices to RAS mm: slices go up, rows to the back, columns to the left."""
    steps = np.array([1, -1, -1]) * voxel_mm
    first = np.array(MIDDLE_MM) + shift_mm - steps * (np.array(_size(voxel_mm)) - 1) / 2
    affine = np.zeros((4, 4))
    for axis in range(3):
        affine[2 - axis, axis] = steps[axis]
        affine[2 - axis, 3] = first[axis]
    affine[3, 3] = 1
    return affine


def _size(voxel_mm: float) -> tuple[int, ...]:
    """Depth, height and width in voxels."""
    return tuple(round(side / voxel_mm) for side in FIELD_MM)


def _grid(affine: np.ndarray, voxel_mm: float) -> np.ndarray:
    """The voxels' centres, (depth, height, width, 3) in RAS mm."""
    index = np.moveaxis(np.indices(_size(voxel_mm)), 0, -1)
    return (index @ affine[:3, :3].T + affine[:3, 3]).astype(np.float32)


def _healthy(points: np.ndarray, voxel_mm: float) -> tuple[np.ndarray, np.ndarray]:
    """Tissue maps (tissue, ...) and the brain's share (...) at MNI points (..., 3)."""
    standard, step = _standard(voxel_mm)
    index = (points[..., ::-1] - np.array([low for low, _ in BOX_MM], np.float32)) / step
    maps = np.zeros((len(TISSUES), *points.shape[:-1]), np.float32)
    for position, share in enumerate(standard[:-1]):
        maps[position] = sample(share, index)
    return maps, sample(standard[-1], index)


@cache
def _standard(voxel_mm: float) -> tuple[np.ndarray, float]:
    """The standard head: maps of the healthy tissues and the brain's share, and their step in mm.

    Drawn by giving each tissue the brightness 1 in a picture of its own. Smoothed as voxels of the
    size average what lies in them.
    """
    step = max(voxel_mm / 2, 1.5)
    axes = [np.arange(low, high + step, step, dtype=np.float32) for low, high in BOX_MM]
    points = np.stack(np.meshgrid(*axes, indexing="ij")[::-1], -1)
    hull = template().at("hull", points)
    noise = Noise(np.random.default_rng(0))
    alone = [
        Brightness(**{name: 1.0}, dura=float(name == "muscle"), eye=float(name == "csf"))
        for name in HEALTHY
    ]
    picture = draw_head(points, hull, LAYERS, alone, noise)
    brain, _ = draw_brain(picture, points, hull, LAYERS, noise)
    blur = 0.4 * voxel_mm / step
    return np.stack([ndimage.gaussian_filter(one, blur) for one in (*picture.images, brain)]), step
