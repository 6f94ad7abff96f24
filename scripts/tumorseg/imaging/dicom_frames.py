"""The slices of DICOM files: where each lies, in what order, and what is odd about their places."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pydicom

from tumorseg.core.problems import Problem, error, warning
from tumorseg.imaging.raw import unreadable

TILT_DEGREES = 1.0  # between the way from slice to slice and the slices' normal
_FLIP = np.diag([-1.0, -1.0, 1.0, 1.0])  # DICOM's LPS to RAS


@dataclass(frozen=True)
class Frame:
    """One slice of a file: where it lies (LPS, mm) and how its numbers are rescaled.

    position (3,), orientation (6,) and spacing (height, width) are None where not given.
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
            found = [item[sequence].value for item in places if item.get(sequence)]
            return found[0][0].get(name) if found else header.get(name)

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


def _numbers(given: Any, count: int) -> np.ndarray | None:
    """So many finite numbers, or None."""
    if given is None or isinstance(given, str | bytes) or np.size(given) != count:
        return None
    numbers = np.array([float(number) for number in given])
    return numbers if np.isfinite(numbers).all() else None


def place(frames: list[Frame], notes: list[Problem]) -> tuple[list[Frame], np.ndarray]:
    """The slices in order along their normal, and the affine of (slice, row, column) to RAS."""
    row, column = frames[0].orientation[:3], frames[0].orientation[3:]
    square = np.array([row @ row - 1, column @ column - 1, row @ column])
    if np.abs(square).max() > 0.01:
        raise error(
            "affine_wrong",
            "an orientation whose rows and columns are not at right angles",
            "two unit vectors",
            "export the series again",
        )
    for frame in frames:
        same = np.abs(frame.orientation - frames[0].orientation).max() < 1e-3
        if not same or not np.allclose(frame.spacing, frames[0].spacing, rtol=1e-3):
            raise error(
                "series_mixed",
                f"{frames[0].file.name} and {frame.file.name} differ in orientation or pixel size",
                "parallel slices",
                "move localizers and other stacks out of the folder",
            )
    normal = np.cross(row, column)
    frames = sorted(frames, key=lambda frame: float(frame.position @ normal))
    positions = np.array([frame.position for frame in frames])
    step = normal * frames[0].thickness
    if len(frames) > 1:
        step = (positions[-1] - positions[0]) / (len(frames) - 1)
        _check_steps(frames, positions, normal, step, notes)
    affine = np.eye(4)
    spacing = frames[0].spacing
    affine[:3] = np.stack([step, column * spacing[0], row * spacing[1], positions[0]], axis=1)
    return frames, _FLIP @ affine


def _check_steps(
    frames: list[Frame],
    positions: np.ndarray,
    normal: np.ndarray,
    step: np.ndarray,
    notes: list[Problem],
) -> None:
    steps = np.diff(positions @ normal)
    usual = float(np.median(steps))
    closest = int(np.argmin(steps))
    if steps[closest] <= max(1e-3, 0.01 * usual):
        one, other = frames[closest : closest + 2]
        within = one.file == other.file
        both = [f"frame {f.number + 1}" if within else f.file.name for f in (one, other)]
        raise error(
            "slice_repeated",
            f"two slices at one place ({both[0]} and {both[1]})",
            "one slice a place",
            "keep one echo, phase or time point in the folder",
        )
    straight = positions[0] + np.arange(len(frames))[:, None] * step
    if steps.max() > 1.5 * usual:
        found = f"a gap of {steps.max():g} mm where slices lie {usual:g} mm apart"
        hint = "look for the slices that were not exported; distances between slices are wrong"
        notes.append(warning("slice_missing", found, "every slice of the series", hint))
    elif np.abs(positions - straight).max() > 0.05 * usual:
        found = f"slices {steps.min():g} to {steps.max():g} mm apart, or not on a straight line"
        hint = "they are taken as evenly spaced; resample the volume where that is wrong"
        notes.append(warning("slice_uneven", found, "even distances", hint))
    cosine = abs(float(step @ normal)) / float(np.linalg.norm(step))
    tilt = float(np.degrees(np.arccos(min(1.0, cosine))))
    if tilt > TILT_DEGREES:
        found = f"slices shifted against each other (gantry tilt of {tilt:.1f} degrees)"
        hint = "planes other than the slices' own are sheared; use the own plane"
        notes.append(warning("gantry_tilt", found, "a right-angled volume", hint))
