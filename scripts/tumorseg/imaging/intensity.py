"""Intensities of a channel: clipped, corrected and scaled by steps, in the order a recipe lists.

A step is a word, or one key with two numbers. v are the channel's values; min, max, mean, SD (n in
the denominator) and percentiles are those of the voxels that count; every step changes all voxels.

clip: [low, high]         v limited to measured values; measured = offset + scale * pixel
percentiles: [low, high]  v limited to two of its own percentiles, in percent
n4                        v / field; the smooth field by N4 (Tustison 2010) at ITK's settings
minmax: [low, high]       low + (high - low) (v - min) / (max - min), limited to [low, high]
zscore                    (v - mean) / SD
limit: [low, high]        v limited to numbers of the scale that it has by then

The 2021 paper clips CT to [-79, 304] HU and scales to [0, 1] "using the z-score", BraTS20 without
the clip: [{clip: [-79, 304]}, zscore, {minmax: [0, 1]}]. The 2024 paper scales by min-max, then by
z-score, and corrects PI-CAI by N4 last: [{minmax: [0, 1]}, zscore, n4]. Neither says which voxels
count. Where the same ones do, the earlier of zscore and minmax changes nothing. Slices of the
recipe `robust`: [zscore, {limit: [-5, 5]}] over the head.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import SimpleITK as sitk  # noqa: N813 - the library's customary name

from tumorseg.core.errors import UserError

Step = str | Mapping[str, Sequence[float]]
N4_SIDE = 32  # voxels along the longest axis, at most, of the copy from which N4 takes the field
AFTER_CLIP = ("minmax", "zscore", "limit")


def prepared(
    channel: np.ndarray,
    counted: np.ndarray,
    steps: Sequence[Step],
    *,
    offset: float = 0.0,
    scale: float = 1.0,
) -> np.ndarray:
    """The channel after all steps, float32.

    Args:
        channel: (height, width) or (depth, height, width), in stored pixels; it stays as it is.
        counted: the voxels of which minimum, mean and so on are taken, bool of the same shape; all
            where it has none.
        steps: what to do, in this order.
        offset, scale: the measured value is offset + scale * pixel; clip alone needs them.

    Raises:
        UserError: steps that cannot be used (`check_steps`).
    """
    check_steps(steps)
    values = channel.astype(np.float32)
    if not counted.any():
        counted = np.ones(values.shape, bool)
    for name, numbers in map(_parsed, steps):
        if name == "clip":
            numbers = tuple(sorted((number - offset) / scale for number in numbers))
            name = "limit"
        values = STEPS[name](values, counted, *numbers).astype(np.float32, copy=False)
    return values


def check_steps(steps: Sequence[Step]) -> None:
    """Raises UserError for an unknown step, wrong numbers, or a clip after a scaling."""
    earlier = ""
    for step in steps:
        name, numbers = _parsed(step)
        if name not in ("clip", *STEPS):
            known = ", ".join(("clip", *STEPS))
            raise UserError(f"unknown intensity step {step!r}; expected one of {known}")
        wanted = 0 if name in ("n4", "zscore") else 2
        if len(numbers) != wanted or (wanted and not numbers[0] < numbers[1]):
            expected = f"{{{name}: [low, high]}} with low < high" if wanted else f"the word {name}"
            raise UserError(f"intensity step {step!r}; expected {expected}")
        if name == "percentiles" and not (numbers[0] >= 0 and numbers[1] <= 100):
            raise UserError(f"intensity step {step!r}; expected percentiles between 0 and 100")
        if name == "clip" and earlier:
            raise UserError(
                f"intensity step {step!r} comes after {earlier}, but its numbers are measured "
                "values; put it first, or use limit"
            )
        earlier = name if name in AFTER_CLIP else earlier


def _parsed(step: Step) -> tuple[str, tuple[float, ...]]:
    """The name and the numbers of a step; an empty name where it is none."""
    if isinstance(step, str):
        return step, ()
    if not isinstance(step, Mapping) or len(step) != 1:
        return "", ()
    ((name, numbers),) = step.items()
    proper = isinstance(numbers, list | tuple) and all(isinstance(n, int | float) for n in numbers)
    return str(name), tuple(numbers) if proper else (np.nan,)


def _limit(values: np.ndarray, counted: np.ndarray, low: float, high: float) -> np.ndarray:
    return np.clip(values, low, high)


def _percentiles(values: np.ndarray, counted: np.ndarray, low: float, high: float) -> np.ndarray:
    return np.clip(values, *np.percentile(values[counted], (low, high)))


def _minmax(values: np.ndarray, counted: np.ndarray, low: float, high: float) -> np.ndarray:
    lowest, highest = float(values[counted].min()), float(values[counted].max())
    share = (values - lowest) / max(highest - lowest, 1e-6)
    return np.clip(low + (high - low) * share, low, high)


def _zscore(values: np.ndarray, counted: np.ndarray) -> np.ndarray:
    of_these = values[counted].astype(np.float64)
    return (values - float(of_these.mean())) / max(float(of_these.std()), 1e-6)


def _n4(values: np.ndarray, counted: np.ndarray) -> np.ndarray:
    """Divided by the smooth field that N4 finds on a shrunken copy, among the counted voxels.

    N4 leaves the overall level open; here the mean of the field's logarithm is 0. The field is a
    factor, so values must not be negative: where some are (after a z-score), all are raised by the
    lowest one first and lowered by it afterwards. One thread, so that it repeats.
    """
    lowest = min(0.0, float(values[counted].min()))
    flat = np.squeeze(values - lowest)  # N4 fits no field along an axis of one voxel
    image = sitk.GetImageFromArray(flat)
    mask = sitk.GetImageFromArray(np.squeeze(counted).astype(np.uint8))
    steps = [-(-side // N4_SIDE) for side in image.GetSize()]
    filter_ = sitk.N4BiasFieldCorrectionImageFilter()
    filter_.SetNumberOfThreads(1)
    filter_.Execute(sitk.Shrink(image, steps), sitk.Shrink(mask, steps))
    field = sitk.GetArrayFromImage(filter_.GetLogBiasFieldAsImage(image)).reshape(values.shape)
    factor = np.exp(field - float(field[counted].mean(dtype=np.float64)))
    return (values - lowest) / factor + np.float32(lowest)


STEPS: dict[str, Callable[..., Any]] = {
    "percentiles": _percentiles,
    "n4": _n4,
    "minmax": _minmax,
    "zscore": _zscore,
    "limit": _limit,
}
