"""Places and draws the phantom's tumours, and outlines them as a human reader would."""

from dataclasses import dataclass

import cv2
import numpy as np
from scipy.spatial.transform import Rotation

from tumorseg.phantom.fields import Noise, template
from tumorseg.phantom.head import Brightness, Picture, soft
from tumorseg.phantom.shape import magnified

# Contrast of enhancing tumour to white matter, range over patients; 0.0 is invisible.
TUMOUR_CONTRAST = (0.15, 0.75)
OEDEMA = 0.22  # the unannotated rim around a tumour is darker than brain by at most this share
ROUGHNESS = {"ring": 0.15, "solid": 0.14, "dural": 0.08, "diffuse": 0.24}  # of borders, in radii
# Range of radii in mm for each kind of tumour.
RADII = {
    "ring": (13.0, 30.0),
    "solid": (12.0, 25.0),
    "dural": (18.0, 33.0),
    "diffuse": (15.0, 26.0),
}
MASS_EFFECT = 0.3  # near its middle a tumour displaces brain by this share of the distance
TEXTURE = {"ring": 0.10, "solid": 0.10, "dural": 0.035}  # unevenness of the enhancing part
VERTEX_PX = 10  # distance between two vertices of an outline
SHAKE_PX = 0.5  # standard deviation of a vertex from the true border
FINER = 4  # outlines are traced on a grid this many times finer than the pixels
SPECK_SHARE = 0.02  # pieces smaller than this share of the largest are not outlined


@dataclass(frozen=True)
class Tumour:
    """An irregular ellipsoid in MNI mm."""

    kind: str
    centre: np.ndarray
    radii: np.ndarray
    axes: np.ndarray  # each row is the direction of a radius
    contrast: float
    rim: float  # thickness of the enhancing rim in radii
    edge_mm: float  # width of the transition to the brain, as infiltrating tumours have
    oedema_mm: float

    def level(self, points: np.ndarray, noise: Noise) -> np.ndarray:
        """1 in the middle, 0 on the border, falling by 1 with each radius."""
        scaled = (points - self.centre) @ self.axes.T / self.radii
        rough = noise(points, 1.6 * self.radii.mean(), 10)
        rough += 0.4 * noise(points, 0.6 * self.radii.mean(), 11)
        return 1 - np.sqrt(np.einsum("...i,...i", scaled, scaled)) + ROUGHNESS[self.kind] * rough


def grow(
    rng: np.random.Generator, kind: str, radii_mm: tuple[float, float] | None = None
) -> Tumour:
    """A random tumour of one of the kinds, in the brain or on its surface.

    radii_mm: the range of its mean radius; without it that of RADII.
    """
    radius = np.exp(rng.uniform(*np.log(radii_mm or RADII[kind])))
    radii = radius * rng.uniform(0.8, 1.2, 3)
    axes = Rotation.random(rng=rng).as_matrix()
    if kind == "dural":
        centre, normal = _place(rng, -0.05 * radius, low_mm=-12)
        axes = np.linalg.svd(normal[None])[2]  # first row along the normal
        radii[0] *= 0.8  # flat against the skull
    else:
        centre, _ = _place(rng, -rng.uniform(0.7 * radius, 0.8 * radius + 22), low_mm=-35)
    centre, radii, axes = (part.astype(np.float32) for part in (centre, radii, axes))
    return Tumour(
        kind=kind,
        centre=centre,
        radii=radii,
        axes=axes,
        contrast=rng.uniform(*TUMOUR_CONTRAST),
        rim=rng.uniform(0.12, 0.32),
        edge_mm=rng.uniform(1.2, 4.5),
        oedema_mm=rng.uniform(0, 14),
    )


def _place(
    rng: np.random.Generator, outside_mm: float, low_mm: float
) -> tuple[np.ndarray, np.ndarray]:
    """A random point outside_mm from the brain's hull (negative: inside), and the normal there."""
    probe = np.array([[0, -15, 15], *(np.eye(3) * 2)], float)
    while True:
        ray = rng.standard_normal(3)
        ray /= np.linalg.norm(ray)
        line = probe[0] + ray * np.arange(0, 110)[:, None]
        distance = template().at("hull", line)
        point = line[np.abs(distance - outside_mm).argmin()]
        if point[2] >= low_mm:
            around = template().at("hull", point + np.vstack([probe[1:], -probe[1:]]))
            normal = around[:3] - around[3:]
            return point, normal / np.linalg.norm(normal)


def squeeze(points: np.ndarray, hull: np.ndarray, tumour: Tumour) -> np.ndarray:
    """The points of the healthy brain that a growing tumour has moved to `points`, in mm."""
    return magnified(points, hull, tumour.centre, tumour.radii.mean(), MASS_EFFECT)


def draw_tumour(
    picture: Picture,
    points: np.ndarray,
    hull: np.ndarray,
    tumour: Tumour,
    csf_mm: float,
    matter: np.ndarray,
    noise: Noise,
) -> np.ndarray:
    """Paints a tumour with its oedema.

    Args:
        picture: the head, changed in place.
        points: (height, width, 3) in MNI mm.
        hull: the template's `hull` at the points, (height, width) in mm.
        tumour: the tumour to paint.
        csf_mm: depth of the brain below the skull.
        matter: the share of each pixel that is brain but no CSF, (height, width).
        noise: the patient's noise field.

    Returns:
        Depth inside the tumour in mm, (height, width), negative outside.
    """
    radius = tumour.radii.mean()
    inner = csf_mm - hull  # depth below the skull, in mm
    level = np.minimum(tumour.level(points, noise) * radius, inner)
    fine, coarse = noise(points, 4, 12), noise(points, 12, 13)

    reach = tumour.oedema_mm * (1 + 0.5 * coarse)
    swollen = soft(level + reach, 6) * soft(inner - csf_mm, 3)
    for tissue, image in picture.drawn:
        if tissue.oedema is None:
            image *= 1 - OEDEMA * swollen * np.clip(image / tissue.white, 0, 1)
        else:
            image += (tissue.oedema - image) * (swollen * matter)

    def flesh(tissue: Brightness) -> np.ndarray:
        value = tissue.tumour * (1 + 0.03 * fine + TEXTURE[tumour.kind] * coarse)
        if tumour.kind == "ring":
            rim = tumour.rim * radius * (1 + 0.45 * coarse)
            core = tissue.white * (tissue.core + 0.07 * coarse)
            value += (core - value) * soft(level - rim, 2.5)
        return value

    picture.paint(flesh, soft(level, tumour.edge_mm))
    return level


def outline(level: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, list[np.ndarray]]:
    """The area of level > 0, holes filled: a bool mask, and polygons of (x, y) as a reader draws.

    The centre of the first pixel is (0.0, 0.0).
    """
    pieces = _borders(level)
    least = SPECK_SHARE * max(map(cv2.contourArea, pieces), default=0)
    kept = [piece for piece in pieces if cv2.contourArea(piece) >= least]
    mask = cv2.drawContours(np.zeros(level.shape, np.uint8), kept, -1, 1, cv2.FILLED) > 0
    level = np.where(mask, level, -np.abs(level))
    fine = cv2.resize(level, None, fx=FINER, fy=FINER, interpolation=cv2.INTER_LINEAR)
    lines = [(line[:, 0] + 0.5) / FINER - 0.5 for line in _borders(fine)]
    return mask, [_by_hand(line, rng, level.shape) for line in lines if len(line) > 8 * FINER]


def _borders(level: np.ndarray) -> list[np.ndarray]:
    inside = (level > 0).astype(np.uint8)
    return list(cv2.findContours(inside, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)[0])


def _by_hand(line: np.ndarray, rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    """A closed line of 20 to 60 evenly spaced vertices, each slightly off the border."""
    line = np.vstack([line, line[:1]])
    steps = np.r_[0, np.cumsum(np.hypot(*np.diff(line, axis=0).T))]
    count = int(np.clip(steps[-1] / VERTEX_PX, 20, 60))
    at = np.linspace(0, steps[-1], count, endpoint=False)
    drawn = np.stack([np.interp(at, steps, line[:, axis]) for axis in (0, 1)], -1)
    drawn += rng.normal(0, SHAKE_PX, drawn.shape)
    return np.clip(drawn, 0, (shape[1] - 1, shape[0] - 1)).round(2)
