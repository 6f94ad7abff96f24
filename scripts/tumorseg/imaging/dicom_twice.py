"""What DICOM headers say twice, or wrongly: what counts, and a warning with both values."""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import pydicom

from tumorseg.core.problems import Problem, warning
from tumorseg.imaging.dicom_frames import Frame

TOLERANCE = 0.01  # share by which two statements of a pixel's size may differ
STEP_TOLERANCE = 0.05  # share by which the stated step may differ from that between positions


def with_slopes(frames: list[Frame], notes: list[Problem]) -> list[Frame]:
    """The frames with a rescale slope of 0 or NaN taken as 1, as other programs do."""
    wrong = [frame for frame in frames if not np.isfinite(frame.slope) or frame.slope == 0]
    if not wrong:
        return frames
    value = f"a rescale slope of {wrong[0].slope:g} in {len(wrong)} of {len(frames)} slices"
    hint = "it was taken as 1; export the series again"
    notes.append(warning("header_repaired", value, "a slope other than 0", hint))
    return [replace(frame, slope=1.0) if frame in wrong else frame for frame in frames]


def pixel_size_notes(headers: Iterable[pydicom.Dataset]) -> list[Problem]:
    """A warning where PixelSpacing, which counts, differs from the detector's pixel size."""
    for header in headers:
        both = [header.get(name) for name in ("PixelSpacing", "ImagerPixelSpacing")]
        if any(np.size(one) != 2 for one in both):  # of no use: absent, or a single number
            continue
        own, detector = (np.array([float(side) for side in one]) for one in both)
        if (np.abs(own - detector) > TOLERANCE * own).any():
            texts = [" x ".join(f"{side:.4g}" for side in sides) for sides in (own, detector)]
            value = f"PixelSpacing {texts[0]} mm, ImagerPixelSpacing {texts[1]} mm"
            hint = "PixelSpacing counts; the other is the detector's"
            return [warning("spacing_differs", value, "the same size", hint)]
    return []


def step_notes(headers: Iterable[pydicom.Dataset], step_mm: float) -> list[Problem]:
    """A warning where SpacingBetweenSlices differs from the step between positions, which counts.

    step_mm: the usual distance of slices by their positions. A gap (the step less the thickness),
    which some scanners write there, is no difference.
    """
    for header in headers:
        stated = abs(float(header.get("SpacingBetweenSlices") or 0))
        gap = step_mm - abs(float(header.get("SliceThickness") or 0))
        if not stated or min(abs(stated - step_mm), abs(stated - gap)) <= STEP_TOLERANCE * step_mm:
            continue
        value = f"SpacingBetweenSlices {stated:.4g} mm, but positions {step_mm:.4g} mm apart"
        hint = "the positions count; look for slices that were not exported"
        return [warning("spacing_differs", value, "the same distance", hint)]
    return []
