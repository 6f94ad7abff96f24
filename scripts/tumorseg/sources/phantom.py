"""Made heads with made tumours: contrast-enhanced T1 slices of which brain and tumour are known.

The brain is the MNI 2009a template from nilearn's package, bent differently for each patient; the
head around it is drawn (tumorseg.phantom_head), then a ring-enhancing, solid or dural tumour, an
uneven coil, blur and Rician noise. Nothing is read from the network, nothing from a real patient.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from scipy.spatial.transform import Rotation

from tumorseg.core.cases import Case, Part
from tumorseg.core.errors import UserError
from tumorseg.phantom.fields import Noise, template
from tumorseg.phantom.head import Tissue, draw_brain, draw_head
from tumorseg.phantom.tumour import KINDS, Tumour, draw_tumour, grow, outline, squeeze

NOISE = (2.0, 5.0)  # deviation in grey levels, lowest and highest; white matter is about 100
FOLDS_MM = np.float32(1.2)  # how far a patient's convolutions lie beside the template's
BIAS = 0.14  # unevenness of the coil
HEIGHT_PX, WIDTH_PX = 512, 800
FIELD_MM = (236.0, 248.0)  # the picture's height, lowest and highest of the patients
MATRIX_STEP = 2  # pixels a measured sample, as a scanner interpolates its matrix
SLICES = (2, 3, 4, 1)  # of a patient, by the number modulo 4
HEAD_MM = 260  # no head is wider than this in any plane
BLUR = 0.6  # samples: thick slices
PLANES = {"axial": 2, "coronal": 1, "sagittal": 0}  # the axis that a plane's slices are cut along
MIDDLE_MM = {"axial": (0, -14), "coronal": (0, 0), "sagittal": (-14, 0)}


@dataclass(frozen=True)
class Slice:
    """One slice. Masks are (height, width) bool; the brain holds the tumour but no CSF outside."""

    case: str
    patient: str
    plane: str
    image: np.ndarray
    parts: tuple[Part, ...]
    brain: np.ndarray
    tumour: np.ndarray
    spacing_mm: float
    tumour_type: str


@dataclass(frozen=True)
class Patient:
    """All that the slices of one patient share."""

    name: str
    tissue: Tissue
    tumour: Tumour
    noise: Noise
    turn: np.ndarray  # rotation and scale from the scanner's to the template's space
    bend_mm: float
    field_mm: float
    noise_level: float
    rng: np.random.Generator

    def to_template(self, points: np.ndarray) -> np.ndarray:
        """Where points of the scanner's space, (..., 3) in mm, lie in the template."""
        bend = [self.noise(points, 110, channel) for channel in (20, 21, 22)]
        return points @ self.turn.T + self.bend_mm * np.stack(bend, -1)

    def own_folds(self, points: np.ndarray) -> np.ndarray:
        """Template points moved a little, so that the convolutions are the patient's own."""
        shift = [self.noise(points, 34, channel) for channel in (23, 24, 25)]
        return points + FOLDS_MM * np.stack(shift, -1)

    def from_template(self, point: np.ndarray) -> np.ndarray:
        """The inverse of to_template for one point, by fixed-point iteration."""
        found = point.copy()
        for _ in range(12):
            found += point - self.to_template(found[None])[0]
        return found


def slices(
    *, seed: int = 1, patients: int = 40, height_px: int = HEIGHT_PX, width_px: int = WIDTH_PX
) -> Iterator[Slice]:
    """The slices of the first `patients` patients, one to four of each, two and a half on average.

    A patient's slices depend on the seed and the patient's number alone. Raises UserError for less
    than one patient or a picture too small to show a head.
    """
    if patients < 1 or height_px < 64 or width_px < height_px:
        raise UserError(
            f"phantom: {patients} patients of {width_px} x {height_px} pixels, expected at least "
            "one patient, 64 pixels of height and no less width than height"
        )
    for number in range(1, patients + 1):
        yield from _patient_slices(_patient(seed, number), number, height_px, width_px)


def cases(
    *,
    seed: int = 1,
    patients: int = 40,
    height_px: int = HEIGHT_PX,
    width_px: int = WIDTH_PX,
    **_: Any,
) -> Iterator[Case]:
    """The slices as a data source yields them; arguments as in `slices`, other ones are unused."""
    for one in slices(seed=seed, patients=patients, height_px=height_px, width_px=width_px):
        yield Case(
            case=one.case,
            patient=one.patient,
            plane=one.plane,
            image=one.image,
            parts=one.parts,
            mask=None,
            spacing_mm=(one.spacing_mm, one.spacing_mm),
            origin=f"phantom of seed {seed}",
            true_brain=one.brain,
            tumour_type=one.tumour_type,
        )


def _patient(seed: int, number: int) -> Patient:
    rng = np.random.default_rng([seed, number])
    white = rng.uniform(88, 112)
    tissue = Tissue(
        csf_mm=rng.uniform(0.5, 2.5),
        skull_mm=rng.uniform(4.5, 8.0),
        scalp_mm=rng.uniform(4.0, 8.0),
        atrophy=rng.uniform(0, 1),
        white=white,
        grey=white * rng.uniform(0.74, 0.86),
        csf=white * rng.uniform(0.22, 0.36),
        fat=rng.uniform(170, 215),
        muscle=white * rng.uniform(0.45, 0.65),
        vessel=white * rng.uniform(1.5, 2.0),
    )
    noise = Noise(rng)
    angles = rng.normal(0, (3.0, 2.5, 3.0))
    turn = Rotation.from_euler("xyz", angles, degrees=True).as_matrix() / rng.uniform(0.95, 1.04, 3)
    return Patient(
        name=f"p{number:02d}",
        tissue=tissue,
        tumour=grow(rng, list(KINDS)[number % 3]),
        noise=noise,
        turn=turn.astype(np.float32),
        bend_mm=rng.uniform(1.5, 3.0),
        field_mm=rng.uniform(*FIELD_MM),
        noise_level=rng.uniform(*NOISE),
        rng=rng,
    )


def _patient_slices(
    patient: Patient, number: int, height_px: int, width_px: int
) -> Iterator[Slice]:
    middle = patient.from_template(patient.tumour.centre)
    order = patient.rng.permutation(list(PLANES))
    for index in range(SLICES[number % 4]):
        plane = str(order[index % 3])
        axis = PLANES[plane]
        # From the middle towards the head's, where a dural tumour is; the fourth slice further on.
        share = patient.rng.uniform(-0.1, 0.3) + (0.35 if index == 3 else 0)
        offset = -np.sign(middle[axis]) * share * patient.tumour.radii.min()
        position = middle[axis] + offset
        case = f"{patient.name}-{plane}-{index + 1}"
        yield _slice(patient, case, plane, position, height_px, width_px)


def _slice(
    patient: Patient, case: str, plane: str, position_mm: float, height_px: int, width_px: int
) -> Slice:
    spacing_mm = patient.field_mm / height_px
    step_mm = spacing_mm * MATRIX_STEP
    rows, columns = -(-height_px // MATRIX_STEP), -(-width_px // MATRIX_STEP)
    beside = max(0, round((columns - HEAD_MM / step_mm) / 2))  # columns with nothing but air

    points = patient.to_template(
        _grid(plane, position_mm, rows, columns, step_mm)[:, beside : columns - beside]
    )
    hull = template().at("hull", points)
    tissue, noise = patient.tissue, patient.noise
    healthy = patient.own_folds(squeeze(points, hull, patient.tumour))
    canvas = draw_head(points, hull, tissue, noise)
    brain = draw_brain(canvas, healthy, hull, tissue, noise)
    level = draw_tumour(canvas, points, hull, patient.tumour, tissue, noise)
    canvas *= np.exp(BIAS * noise(points, 190, 30))
    canvas = cv2.GaussianBlur(canvas, (0, 0), BLUR)

    canvas, brain, level = (
        np.pad(part, ((0, 0), (beside, beside)), mode="edge") for part in (canvas, brain, level)
    )
    rng = patient.rng.spawn(1)[0]  # so that other slices do not depend on the picture's size
    image = _enlarge(_with_noise(canvas, patient.noise_level, rng), height_px, width_px)
    tumour, polygons = outline(_enlarge(level, height_px, width_px), rng)
    return Slice(
        case=case,
        patient=patient.name,
        plane=plane,
        image=np.clip(np.rint(image), 0, 255).astype(np.uint8),
        parts=tuple((polygon,) for polygon in polygons),
        brain=(_enlarge(brain, height_px, width_px) > 0.5) | tumour,
        tumour=tumour,
        spacing_mm=spacing_mm,
        tumour_type=patient.tumour.kind,
    )


def _grid(plane: str, position_mm: float, rows: int, columns: int, step_mm: float) -> np.ndarray:
    """Scanner points (rows, columns, 3) in mm: front up or left, top up."""
    across = (np.arange(columns) - (columns - 1) / 2) * step_mm
    down = (np.arange(rows) - (rows - 1) / 2) * step_mm
    right, up = MIDDLE_MM[plane]
    points = np.full((rows, columns, 3), position_mm, np.float32)
    horizontal, vertical = {"axial": (0, 1), "coronal": (0, 2), "sagittal": (1, 2)}[plane]
    points[..., horizontal] = right + (-across if plane == "sagittal" else across)
    points[..., vertical] = up - down[:, None]
    return points


def _with_noise(signal: np.ndarray, level: float, rng: np.random.Generator) -> np.ndarray:
    """Rician noise: the magnitude of a complex signal with normal noise in both parts."""
    real, imaginary = rng.normal(0, level, (2, *signal.shape))
    return np.hypot(signal + real, imaginary).astype(np.float32)


def _enlarge(samples: np.ndarray, height_px: int, width_px: int) -> np.ndarray:
    """From the scanner's matrix to pixels; an odd last pixel is cut off."""
    size = (samples.shape[1] * MATRIX_STEP, samples.shape[0] * MATRIX_STEP)
    large = cv2.resize(samples, size, interpolation=cv2.INTER_CUBIC)
    return np.ascontiguousarray(large[:height_px, :width_px])
