"""Positions of DICOM slices: where each lies, their order, and checks of their spacing."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pydicom

from tumorseg.core.problems import Problem, error, warning
from tumorseg.imaging.planes import LPS_TO_RAS_AFFINE
from tumorseg.imaging.raw import unreadable

MAX_TILT_DEGREES = 1.0  # between the step from slice to slice and the slices' normal


@dataclass(frozen=True)
class Frame:
    """One slice of a file: where it lies (LPS, mm) and how its values are rescaled.

    position (3,), orientation (6,) and spacing (height, width) are None where the header lacks
    them.
    """

    file: Path
    number: int
    uid: str
    position: np.ndarray | None
    orientation: np.ndarray | None
    spacing: np.ndarray | None
    thickness: float
    slope: float
    intercept: float


def frames_of(file: Path, header: pydicom.Dataset) -> list[Frame]:
    """The frames of a DICOM file, one for a file of a single slice."""
    count = int(header.get("NumberOfFrames") or 1)
    if not 1 <= count <= 2**16:
        raise unreadable("DICOM")
    groups = list(header.get("PerFrameFunctionalGroupsSequence") or [])[:count]
    shared = list(header.get("SharedFunctionalGroupsSequence") or [])[:1]
    alone = count == 1 and not groups
    uid = str(header.get("SOPInstanceUID", ""))
    uid = uid if re.fullmatch(r"[0-9.]{1,64}", uid) else ""
    frames = []
    for number in range(count):
        places = [*groups[number : number + 1], *shared]

        def get(sequence: str, name: str, places: list = places) -> Any:
            sequences = [item[sequence].value for item in places if item.get(sequence)]
            return sequences[0][0].get(name) if sequences else header.get(name)

        position = get("PlanePositionSequence", "ImagePositionPatient")
        orientation = _numbers(get("PlaneOrientationSequence", "ImageOrientationPatient"), 6)
        spacing = _numbers(get("PixelMeasuresSequence", "PixelSpacing"), 2)
        if spacing is not None and not (spacing > 0).all():
            spacing = None
        thickness = get("PixelMeasuresSequence", "SpacingBetweenSlices") or get(
            "PixelMeasuresSequence", "SliceThickness"
        )
        slope = get("PixelValueTransformationSequence", "RescaleSlope")
        frames.append(
            Frame(
                file,
                number,
                uid,
                _numbers(position, 3) if groups or alone else None,
                orientation,
                spacing,
                abs(float(thickness or 0)) or 1.0,
                1.0 if slope is None else float(slope),
                float(get("PixelValueTransformationSequence", "RescaleIntercept") or 0),
            )
        )
    return frames


def _numbers(value: Any, count: int) -> np.ndarray | None:
    """A header's value as `count` finite numbers; None where it is anything else."""
    if value is None or isinstance(value, str | bytes) or np.size(value) != count:
        return None
    numbers = np.array([float(number) for number in value])
    return numbers if np.isfinite(numbers).all() else None


def place(frames: list[Frame], notes: list[Problem]) -> tuple[list[Frame], np.ndarray]:
    """Sorts frames along their normal; also returns the affine (slice, row, column) to RAS.

    Every frame needs position, orientation and spacing. Raises DataError where they are not one
    stack of parallel slices; adds warnings about their spacing to notes.
    """
    orientations, spacings = (
        np.array([getattr(frame, name) for frame in frames], float)
        for name in ("orientation", "spacing")
    )
    row, column = orientations[0, :3], orientations[0, 3:]
    square = np.array([row @ row - 1, column @ column - 1, row @ column])
    if np.abs(square).max() > 0.01:
        raise error(
            "affine_wrong",
            "an orientation whose rows and columns are not at right angles",
            "two unit vectors",
            "export the series again",
        )
    for frame, orientation, spacing in zip(frames, orientations, spacings, strict=True):
        parallel = np.abs(orientation - orientations[0]).max() < 1e-3
        if not parallel or not np.allclose(spacing, spacings[0], rtol=1e-3):
            raise error(
                "series_mixed",
                f"{frames[0].file.name} and {frame.file.name} differ in orientation or pixel size",
                "parallel slices",
                "move localizers and other stacks out of the folder",
            )
    normal = np.cross(row, column)
    frames = sorted(frames, key=lambda frame: float(np.asarray(frame.position) @ normal))
    positions = np.array([frame.position for frame in frames])
    step = normal * frames[0].thickness
    if len(frames) > 1:
        step = (positions[-1] - positions[0]) / (len(frames) - 1)
        _check_steps(frames, positions, normal, step, notes)
    affine = np.eye(4)
    height, width = spacings[0]
    affine[:3] = np.stack([step, column * height, row * width, positions[0]], axis=1)
    return frames, LPS_TO_RAS_AFFINE @ affine


def _check_steps(
    frames: list[Frame],
    positions: np.ndarray,
    normal: np.ndarray,
    step: np.ndarray,
    notes: list[Problem],
) -> None:
    """Raises DataError for two slices in one place; adds warnings about uneven slices to notes.

    Args:
        frames: in order along the normal.
        positions: (n, 3) of the frames, LPS mm.
        normal: (3,) unit vector perpendicular to the slices.
        step: (3,) mean step from slice to slice.
        notes: the warnings are added to it.
    """
    steps = np.diff(positions @ normal)
    usual = float(np.median(steps))
    closest = int(np.argmin(steps))
    if steps[closest] <= max(1e-3, 0.01 * usual):
        pair = frames[closest : closest + 2]
        in_one_file = pair[0].file == pair[1].file
        names = [f"frame {f.number + 1}" if in_one_file else f.file.name for f in pair]
        raise error(
            "slice_repeated",
            f"two slices at one position ({names[0]} and {names[1]})",
            "one slice per position",
            "keep one echo, phase or time point in the folder",
        )
    straight = positions[0] + np.arange(len(frames))[:, None] * step
    if steps.max() > 1.5 * usual:
        fault = f"a gap of {steps.max():g} mm where slices lie {usual:g} mm apart"
        hint = "look for slices that were not exported; distances between slices are wrong"
        notes.append(warning("slice_missing", fault, "every slice of the series", hint))
    elif np.abs(positions - straight).max() > 0.05 * usual:
        fault = f"slices {steps.min():g} to {steps.max():g} mm apart, or not on a straight line"
        hint = "they are treated as evenly spaced; resample the volume if that is wrong"
        notes.append(warning("slice_uneven", fault, "even distances", hint))
    cosine = abs(float(step @ normal)) / float(np.linalg.norm(step))
    tilt = float(np.degrees(np.arccos(min(1.0, cosine))))
    if tilt > MAX_TILT_DEGREES:
        fault = f"slices shifted against each other (gantry tilt of {tilt:.1f} degrees)"
        hint = "other planes than that of the slices are sheared; use the slices' plane"
        notes.append(warning("gantry_tilt", fault, "a right-angled volume", hint))
