"""Source: made heads with made tumours, contrast-enhanced T1 slices with known brain and tumour.

The brain is the MNI 2009a template from nilearn's package, bent differently for each patient. The
head is drawn around it (tumorseg.phantom.head), then a ring-enhancing, solid or dural tumour
(tumorseg.phantom.tumour). An uneven coil sensitivity, blur and Rician noise follow. Nothing is
downloaded, and nothing comes from a real patient.
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

NOISE = (2.0, 5.0)  # standard deviation in grey levels, range; white matter is about 100
CONVOLUTIONS_MM = np.float32(1.2)  # shift of a patient's convolutions from the template's
BIAS = 0.14  # unevenness of the coil sensitivity
HEIGHT_PX, WIDTH_PX = 512, 800
FIELD_MM = (236.0, 248.0)  # height of the picture, range over patients
MATRIX_STEP = 2  # pixels per measured sample; scanners interpolate their matrix as well
SLICES = (2, 3, 4, 1)  # slices of a patient, by the patient's number modulo 4
HEAD_MM = 260  # every head is narrower, in every plane
BLUR = 0.6  # in samples; imitates thick slices
AXIS_OF_PLANE = {"axial": 2, "coronal": 1, "sagittal": 0}  # axis normal to the plane
MIDDLE_MM = {"axial": (0, -14), "coronal": (0, 0), "sagittal": (-14, 0)}


@dataclass(frozen=True)
class MadeSlice:
    """One slice. Masks are (height, width) bool; brain includes the tumour but no outer CSF."""

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
    """What all slices of one patient share."""

    name: str
    tissue: Tissue
    tumour: Tumour
    noise: Noise
    turn: np.ndarray  # rotation and scale from scanner space to template space
    bend_mm: float
    field_mm: float
    noise_level: float
    rng: np.random.Generator

    def to_template(self, points: np.ndarray) -> np.ndarray:
        """Scanner points (..., 3) in mm to template points."""
        bend = [self.noise(points, 110, channel) for channel in (20, 21, 22)]
        return points @ self.turn.T + self.bend_mm * np.stack(bend, -1)

    def shift_convolutions(self, points: np.ndarray) -> np.ndarray:
        """Template points moved slightly, so that every patient has different convolutions."""
        shift = [self.noise(points, 34, channel) for channel in (23, 24, 25)]
        return points + CONVOLUTIONS_MM * np.stack(shift, -1)

    def from_template(self, point: np.ndarray) -> np.ndarray:
        """The inverse of to_template for one point, by fixed-point iteration."""
        estimate = point.copy()
        for _ in range(12):
            estimate += point - self.to_template(estimate[None])[0]
        return estimate


def slices(
    *, seed: int = 1, patients: int = 40, height_px: int = HEIGHT_PX, width_px: int = WIDTH_PX
) -> Iterator[MadeSlice]:
    """The slices of the first `patients` patients: one to four of each, 2.5 on average.

    A patient's slices depend only on the seed and the patient's number. Raises UserError for fewer
    than one patient or a picture too small to show a head.
    """
    if patients < 1 or height_px < 64 or width_px < height_px:
        raise UserError(
            f"phantom: {patients} patients of {width_px} x {height_px} pixels, expected at least "
            "one patient, a height of 64 pixels and a width not below the height"
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
    """The slices as cases; the arguments are those of `slices`, others are ignored."""
    for made in slices(seed=seed, patients=patients, height_px=height_px, width_px=width_px):
        yield Case(
            case=made.case,
            patient=made.patient,
            plane=made.plane,
            image=made.image,
            parts=made.parts,
            mask=None,
            spacing_mm=(made.spacing_mm, made.spacing_mm),
            origin=f"phantom of seed {seed}",
            true_brain=made.brain,
            tumour_type=made.tumour_type,
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
) -> Iterator[MadeSlice]:
    middle = patient.from_template(patient.tumour.centre)
    order = patient.rng.permutation(list(AXIS_OF_PLANE))
    for index in range(SLICES[number % 4]):
        plane = str(order[index % 3])
        axis = AXIS_OF_PLANE[plane]
        # Shifted towards the middle of the head, where a dural tumour lies; the fourth slice more.
        share = patient.rng.uniform(-0.1, 0.3) + (0.35 if index == 3 else 0)
        offset = -np.sign(middle[axis]) * share * patient.tumour.radii.min()
        position = middle[axis] + offset
        case = f"{patient.name}-{plane}-{index + 1}"
        yield _slice(patient, case, plane, position, height_px, width_px)


def _slice(
    patient: Patient, case: str, plane: str, position_mm: float, height_px: int, width_px: int
) -> MadeSlice:
    spacing_mm = patient.field_mm / height_px
    step_mm = spacing_mm * MATRIX_STEP
    rows, columns = -(-height_px // MATRIX_STEP), -(-width_px // MATRIX_STEP)
    air = max(0, round((columns - HEAD_MM / step_mm) / 2))  # columns left and right of the head

    points = patient.to_template(
        _grid(plane, position_mm, rows, columns, step_mm)[:, air : columns - air]
    )
    hull = template().at("hull", points)
    tissue, noise = patient.tissue, patient.noise
    healthy = patient.shift_convolutions(squeeze(points, hull, patient.tumour))
    canvas = draw_head(points, hull, tissue, noise)
    brain = draw_brain(canvas, healthy, hull, tissue, noise)
    level = draw_tumour(canvas, points, hull, patient.tumour, tissue, noise)
    canvas *= np.exp(BIAS * noise(points, 190, 30))
    canvas = cv2.GaussianBlur(canvas, (0, 0), BLUR)

    canvas, brain, level = (
        np.pad(part, ((0, 0), (air, air)), mode="edge") for part in (canvas, brain, level)
    )
    rng = patient.rng.spawn(1)[0]  # keeps other slices independent of the picture's size
    image = _enlarge(_with_noise(canvas, patient.noise_level, rng), height_px, width_px)
    tumour, polygons = outline(_enlarge(level, height_px, width_px), rng)
    return MadeSlice(
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
    """Scanner points (rows, columns, 3) in mm; up in the picture is the front or the top."""
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
    """Scanner matrix to pixels; an odd last pixel is cut off."""
    size = (samples.shape[1] * MATRIX_STEP, samples.shape[0] * MATRIX_STEP)
    large = cv2.resize(samples, size, interpolation=cv2.INTER_CUBIC)
    return np.ascontiguousarray(large[:height_px, :width_px])
