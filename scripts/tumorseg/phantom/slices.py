"""Draws slices of the phantom's heads, as a scanner of ordinary resolution would measure them.

The brain is bent differently for each patient. The head is drawn around it (head.py), then a
ring-enhancing, solid or dural tumour (tumour.py). An uneven coil sensitivity, blur and Rician noise
follow.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from tumorseg.phantom.contrast import HEALTHY, SEQUENCES, signals
from tumorseg.phantom.fields import Noise, rician, template
from tumorseg.phantom.head import Brightness, Layers, draw_brain, draw_head
from tumorseg.phantom.shape import Shape, random_turn
from tumorseg.phantom.tumour import Tumour, draw_tumour, grow, outline, squeeze

NOISE = (2.0, 5.0)  # standard deviation in grey levels, range; white matter is about 100
BIAS = 0.14  # unevenness of the coil sensitivity
BIAS_FIELD = {"t1ce": 30, "t1": 31, "t2": 32, "flair": 33}  # channels of the patient's noise
# Grey level of white matter in the sequences other than T1-CE, which leaves room for fluid.
WHITE = {"t1": 100.0, "t2": 58.0, "flair": 85.0}
KINDS = ("ring", "solid", "dural")
FIELD_MM = (236.0, 248.0)  # height of the picture, range over patients
MATRIX_STEP = 2  # pixels per measured sample; scanners interpolate their matrix as well
SLICES = (2, 3, 4, 1)  # slices of a patient, by the patient's number modulo 4
HEAD_MM = 260  # every head is narrower, in every plane
BLUR = 0.6  # in samples; imitates thick slices
AXIS_OF_PLANE = {"axial": 2, "coronal": 1, "sagittal": 0}  # axis normal to the plane
MIDDLE_MM = {"axial": (0, -14), "coronal": (0, 0), "sagittal": (-14, 0)}


@dataclass(frozen=True)
class MadeSlice:
    """One slice. Masks are (height, width) bool; brain includes the tumour but no outer CSF.

    images: (height, width) uint8, one for each sequence.
    """

    case: str
    patient: str
    plane: str
    images: tuple[np.ndarray, ...]
    parts: tuple[tuple[np.ndarray], ...]
    brain: np.ndarray
    tumour: np.ndarray
    spacing_mm: float
    tumour_type: str


@dataclass(frozen=True)
class Patient:
    """What all slices of one patient share. brightness: one for each sequence."""

    name: str
    layers: Layers
    brightness: list[Brightness]
    tumour: Tumour
    shape: Shape
    field_mm: float
    noise_level: float
    rng: np.random.Generator


def slices(
    *, seed: int, patients: int, height_px: int, width_px: int, sequences: Sequence[str]
) -> Iterator[MadeSlice]:
    """The slices of the first `patients` patients: one to four of each, 2.5 on average.

    A patient's slices depend only on the seed and the patient's number; the image of a sequence
    does not depend on which others are drawn.
    """
    for number in range(1, patients + 1):
        patient = _patient(seed, number, sequences)
        yield from _patient_slices(patient, number, sequences, height_px, width_px)


def _patient(seed: int, number: int, sequences: Sequence[str]) -> Patient:
    rng = np.random.default_rng([seed, number])
    white = rng.uniform(88, 112)
    layers = Layers(
        csf_mm=rng.uniform(0.5, 2.5),
        skull_mm=rng.uniform(4.5, 8.0),
        scalp_mm=rng.uniform(4.0, 8.0),
        atrophy=rng.uniform(0, 1),
    )
    enhanced = Brightness(
        white=white,
        grey=white * rng.uniform(0.74, 0.86),
        csf=white * rng.uniform(0.22, 0.36),
        fat=rng.uniform(170, 215),
        muscle=white * rng.uniform(0.45, 0.65),
        vessel=white * rng.uniform(1.5, 2.0),
        dura=white,
        eye=25,
        bone=10,
        air=2,
        core=0.5,
    )
    noise = Noise(rng)
    turn = random_turn(rng, 0.95, 1.04)
    tumour = grow(rng, KINDS[number % 3])
    enhanced = replace(enhanced, gland=enhanced.vessel, tumour=white * (1 + tumour.contrast))
    others = {name: _brightness(name, np.random.default_rng([seed, number, 1])) for name in WHITE}
    drawn = others | {"t1ce": enhanced}
    return Patient(
        name=f"p{number:02d}",
        layers=layers,
        brightness=[drawn[name] for name in sequences],
        tumour=tumour,
        shape=Shape(noise, turn, bend_mm=rng.uniform(1.5, 3.0)),
        field_mm=rng.uniform(*FIELD_MM),
        noise_level=rng.uniform(*NOISE),
        rng=rng,
    )


def _brightness(sequence: str, rng: np.random.Generator) -> Brightness:
    """A patient's brightness in a sequence other than T1-CE, by the physics of the sequence."""
    white = WHITE[sequence] * rng.uniform(0.9, 1.1)
    level = {name: white * signal for name, signal in signals(sequence, rng).items()}
    return Brightness(
        **{name: level[name] for name in HEALTHY},
        dura=level["muscle"],
        eye=level["csf"],
        bone=10,
        air=2,
        tumour=level["enhancing"],
        core=level["necrosis"] / white,
        oedema=None if sequence == "t1" else level["oedema"],
    )


def _patient_slices(
    patient: Patient, number: int, sequences: Sequence[str], height_px: int, width_px: int
) -> Iterator[MadeSlice]:
    middle = patient.shape.from_template(patient.tumour.centre)
    order = patient.rng.permutation(list(AXIS_OF_PLANE))
    for index in range(SLICES[number % 4]):
        plane = str(order[index % 3])
        axis = AXIS_OF_PLANE[plane]
        # Shifted towards the middle of the head, where a dural tumour lies; the fourth slice more.
        share = patient.rng.uniform(-0.1, 0.3) + (0.35 if index == 3 else 0)
        offset = -np.sign(middle[axis]) * share * patient.tumour.radii.min()
        position = middle[axis] + offset
        case = f"{patient.name}-{plane}-{index + 1}"
        yield _slice(patient, case, plane, position, sequences, height_px, width_px)


def _slice(
    patient: Patient,
    case: str,
    plane: str,
    position_mm: float,
    sequences: Sequence[str],
    height_px: int,
    width_px: int,
) -> MadeSlice:
    spacing_mm = patient.field_mm / height_px
    step_mm = spacing_mm * MATRIX_STEP
    rows, columns = -(-height_px // MATRIX_STEP), -(-width_px // MATRIX_STEP)
    air = max(0, round((columns - HEAD_MM / step_mm) / 2))  # columns left and right of the head

    points = patient.shape.to_template(
        _grid(plane, position_mm, rows, columns, step_mm)[:, air : columns - air]
    )
    hull = template().at("hull", points)
    layers, noise = patient.layers, patient.shape.noise
    healthy = patient.shape.shift_convolutions(squeeze(points, hull, patient.tumour))
    picture = draw_head(points, hull, layers, patient.brightness, noise)
    brain, matter = draw_brain(picture, healthy, hull, layers, noise)
    level = draw_tumour(picture, points, hull, patient.tumour, layers.csf_mm, matter, noise)
    # Every sequence has its own generator, so that none depends on which others are drawn.
    rng = patient.rng.spawn(1)[0]  # keeps other slices independent of the picture's size
    generators = dict(zip(SEQUENCES, rng.spawn(len(SEQUENCES)), strict=True)) | {"t1ce": rng}
    speckle = {
        name: generators[name].normal(0, patient.noise_level, (2, rows, columns))
        for name in {"t1ce", *sequences}
    }
    margin = ((0, 0), (air, air))
    images = []
    for name, canvas in zip(sequences, picture.images, strict=True):
        canvas *= np.exp(BIAS * noise(points, 190, BIAS_FIELD[name]))
        blurred = np.pad(cv2.GaussianBlur(canvas, (0, 0), BLUR), margin, mode="edge")
        image = _enlarge(rician(blurred, speckle[name]), height_px, width_px)
        images.append(np.clip(np.rint(image), 0, 255).astype(np.uint8))

    brain, level = (np.pad(part, margin, mode="edge") for part in (brain, level))
    tumour, polygons = outline(_enlarge(level, height_px, width_px), rng)
    return MadeSlice(
        case=case,
        patient=patient.name,
        plane=plane,
        images=tuple(images),
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


def _enlarge(samples: np.ndarray, height_px: int, width_px: int) -> np.ndarray:
    """Scanner matrix to pixels; an odd last pixel is cut off."""
    size = (samples.shape[1] * MATRIX_STEP, samples.shape[0] * MATRIX_STEP)
    large = cv2.resize(samples, size, interpolation=cv2.INTER_CUBIC)
    return np.ascontiguousarray(large[:height_px, :width_px])
