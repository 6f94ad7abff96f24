"""Draws the phantom's healthy head: MNI brain with CSF, skull, scalp, face and neck.

Everything is a function of points in MNI millimetres (x right, y front, z up). So a slice costs
only its own pixels, and all slices of a patient show the same three-dimensional head. All arrays
of points are (..., 3); the shape of a picture is that of its points without the last axis.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from tumorseg.phantom.fields import ORIGIN_MM, Noise, inside, smooth_max, template

# Ellipsoids in MNI mm: centre, radii. Some are listed twice, mirrored, for both sides of the head.
FLESH = (
    ((0, 36, -56), (66, 52, 76)),  # face
    ((0, -6, -72), (76, 62, 66)),  # cheeks and jaw
    ((0, 18, -18), (79, 66, 50)),  # temples
    ((0, 62, -108), (36, 28, 28)),  # chin
    ((0, 88, -50), (14, 19, 26)),  # nose
    ((0, -28, -140), (75, 60, 115)),  # neck
    ((85, -24, -44), (5, 13, 24)),  # ear
    ((-85, -24, -44), (5, 13, 24)),
)
AIR = (
    ((0, 66, -52), (11, 28, 20)),  # nose
    ((0, 24, -38), (12, 11, 8)),  # sphenoid sinus
    ((27, 56, -66), (13, 15, 15)),  # maxillary sinuses
    ((-27, 56, -66), (13, 15, 15)),
    ((54, -30, -46), (10, 14, 13)),  # mastoid cells
    ((-54, -30, -46), (10, 14, 13)),
    ((0, 4, -92), (13, 7, 40)),  # throat
    ((0, 50, -96), (26, 26, 4)),  # mouth
)
BONE = (
    ((54, 30, -100), (6, 30, 34)),  # jaw
    ((-54, 30, -100), (6, 30, 34)),
    ((0, 70, -92), (26, 12, 8)),  # teeth
    ((58, 8, -38), (8, 24, 7)),  # cheek
    ((-58, 8, -38), (8, 24, 7)),
)
ORBITS = (((32, 54, -30), (19, 25, 17)), ((-32, 54, -30), (19, 25, 17)))
EYES = (((33, 68, -30), (12.5, 12, 12.5)), ((-33, 68, -30), (12.5, 12, 12.5)))
# Healthy parts that take up contrast agent like a tumour.
GLANDS = (((0, 5, -32), (6, 5, 4.5)), ((0, -29, 2), (3.5, 4, 3.5)))  # pituitary, pineal


@dataclass(frozen=True)
class Layers:
    """The layers of one patient's head in mm."""

    csf_mm: float
    skull_mm: float
    scalp_mm: float
    atrophy: float  # 0 narrow sulci, 1 wide sulci


@dataclass(frozen=True)
class Brightness:
    """Brightness of one patient's tissues in one sequence, on the scale of an 8-bit picture.

    dura: where it is brightest. oedema: None for T1, where it darkens brain by a share. core: of a
    tumour with an enhancing rim, as a share of white.
    """

    white: float = 0.0
    grey: float = 0.0
    csf: float = 0.0
    fat: float = 0.0
    muscle: float = 0.0
    vessel: float = 0.0
    gland: float = 0.0
    dura: float = 0.0
    eye: float = 0.0
    bone: float = 0.0
    air: float = 0.0
    tumour: float = 0.0
    core: float = 0.0
    oedema: float | None = None


class Picture:
    """The same place in one or more sequences, painted together.

    drawn: the brightness of tissues in each sequence, and its image.
    """

    def __init__(self, shape: tuple[int, ...], sequences: Sequence[Brightness]) -> None:
        self.drawn = [(one, np.full(shape, one.air, np.float32)) for one in sequences]

    @property
    def images(self) -> list[np.ndarray]:
        """The images, one a sequence."""
        return [image for _, image in self.drawn]

    def paint(self, value: Callable[[Brightness], np.ndarray | float], share: np.ndarray) -> None:
        """Mixes what `value` gives for each sequence into its image, by `share` (0 to 1)."""
        for brightness, image in self.drawn:
            image += (value(brightness) - image) * share


def soft(level: np.ndarray, width: float = 1.0) -> np.ndarray:
    """The share of a pixel where level > 0: a ramp from 0 to 1, `width` wide in level's unit."""
    return np.clip(0.5 + level / width, 0.0, 1.0)


def draw_head(
    points: np.ndarray,
    hull: np.ndarray,
    layers: Layers,
    sequences: Sequence[Brightness],
    noise: Noise,
) -> Picture:
    """All but the brain: air, scalp, face, neck, skull and outer CSF.

    hull: the template's `hull` at the points, in mm, here and below.
    """
    crown = template().at("crown", points)
    fine, coarse = noise(points, 7, 2), noise(points, 24, 3)
    thickness = layers.skull_mm * (1 + 0.15 * noise(points, 60, 1))
    skull = thickness + layers.csf_mm - crown  # depth in mm below the outer surface of the skull
    depth = smooth_max(skull + layers.scalp_mm, inside(points, FLESH))  # below the skin
    skull = np.minimum(skull, 1.7 * thickness + layers.csf_mm - hull)

    picture = Picture(hull.shape, sequences)
    fascia = soft(0.10 - np.abs(coarse + 0.15 * fine), 0.14) + soft(coarse + 0.5 * fine - 1.5, 0.9)
    fascia = np.minimum(fascia, 1)
    uneven = 1 + 0.10 * fine + 0.15 * noise(points, 50, 9)

    def flesh(tissue: Brightness) -> np.ndarray:
        muscle = tissue.muscle * uneven
        return muscle + (tissue.fat * 0.75 - muscle) * fascia

    picture.paint(flesh, soft(depth))
    under_skin = soft(depth) * soft(layers.scalp_mm * (1 + 0.2 * coarse) - depth, 2)
    picture.paint(lambda tissue: tissue.fat * (1 + 0.08 * fine), under_skin)
    picture.paint(lambda tissue: tissue.fat * 0.55, soft(depth) * soft(1.6 - depth))
    picture.paint(lambda tissue: tissue.fat * 0.8, soft(inside(points, ORBITS)))
    picture.paint(lambda tissue: tissue.eye, soft(inside(points, EYES), 1.5))
    picture.paint(
        lambda tissue: tissue.bone * 1.4 + tissue.bone * 2.5 * soft(fine - 1, 1),
        soft(depth - 6) * soft(inside(points, BONE) + fine),
    )
    air = np.minimum(inside(points, AIR) + 1.8 * fine, depth - 5)
    picture.paint(lambda tissue: tissue.fat * 0.6, soft(air + 2.5))
    picture.paint(lambda tissue: tissue.air * 3, soft(air))

    middle = np.abs(skull / np.maximum(skull + hull - layers.csf_mm, 1) - 0.5)
    picture.paint(
        lambda tissue: (
            tissue.bone + 0.36 * tissue.fat * soft(0.22 - middle, 0.2) * soft(coarse + 1, 2)
        ),
        soft(skull),
    )
    dura = soft(layers.csf_mm + 0.9 - hull, 0.8)
    picture.paint(lambda tissue: tissue.dura * (0.55 + 0.35 * coarse), dura)
    picture.paint(lambda tissue: tissue.csf, soft(layers.csf_mm - hull, 0.8))
    return picture


def draw_brain(
    picture: Picture, points: np.ndarray, hull: np.ndarray, layers: Layers, noise: Noise
) -> tuple[np.ndarray, np.ndarray]:
    """Paints brain, vessels and glands.

    Args:
        picture: the head, changed in place.
        points: in MNI mm.
        hull: the template's `hull` at the points, in mm.
        layers: the patient's layers.
        noise: the patient's noise field.

    Returns:
        The share of each pixel, 0 to 1, that is brain, and that is brain but no CSF.
    """
    atlas = template()
    grey, white, t1 = (atlas.at(name, points) for name in ("grey", "white", "t1"))
    matter = soft(t1 - 0.50 - 0.07 * layers.atrophy, 0.24)
    whiteness = np.clip(0.65 * white / np.maximum(grey + white, 0.2) + 1.6 * (t1 - 0.72), 0, 1)
    uneven = 1 + 0.025 * noise(points, 5, 4)
    share = soft(atlas.at("brain", points) - 0.5, 0.8)

    def brain(tissue: Brightness) -> np.ndarray:
        value = (tissue.grey + (tissue.white - tissue.grey) * whiteness) * uneven
        return tissue.csf + (value - tissue.csf) * matter

    picture.paint(brain, share)
    _draw_vessels(picture, points, hull, layers, noise)
    plexus = share * (1 - matter) * soft(-hull - 26, 4) * soft(noise(points, 12, 8) - 0.3, 0.8)
    plexus *= soft(25 - np.abs(points[..., 1] + 28), 10) * soft(np.abs(points[..., 0]) - 6, 3)
    picture.paint(lambda tissue: 0.9 * tissue.gland, plexus)
    share = share * (points[..., 2] > ORIGIN_MM[2])  # the template has no brain further down
    return share, share * matter


def _draw_vessels(
    picture: Picture, points: np.ndarray, hull: np.ndarray, layers: Layers, noise: Noise
) -> None:
    """Paints sinuses, falx, cortical vessels and glands, healthy parts as bright as a tumour."""
    x, y, z = np.moveaxis(points, -1, 0)
    uneven = 1 + 0.06 * noise(points, 9, 5)
    sagittal = 4.2 - np.hypot(x, hull - 0.5) + 0.2 * np.minimum(np.maximum(z - 20, -y - 40), 0)
    sagittal += 0.3 * np.minimum(z + 24, 0)
    transverse = 4.0 - np.hypot(z + 24, hull) + 0.2 * np.minimum(-30 - y, 0)
    picture.paint(
        lambda tissue: tissue.vessel * uneven, soft(np.maximum(sagittal, transverse), 1.5)
    )

    falx = soft(0.7 - np.abs(x)) * soft(-hull) * soft(np.maximum(z - 35, -y - 70), 15)
    picture.paint(lambda tissue: 0.62 * (tissue.vessel * uneven), 0.8 * falx * soft(38 + hull, 10))

    first, second = noise(points, 44, 6), noise(points, 44, 7)
    tube = 0.09 - np.hypot(first, second)  # both fields are 0 along curves in space
    cortical = soft(tube, 0.08) * soft(hull + 24, 8) * soft(layers.csf_mm - hull)
    picture.paint(lambda tissue: tissue.vessel * uneven, cortical)
    picture.paint(lambda tissue: tissue.gland * uneven, soft(inside(points, GLANDS)))
