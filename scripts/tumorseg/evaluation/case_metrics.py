"""One line of a metrics table: a case's probabilities held against its native mask."""

import math
from collections.abc import Iterable

import numpy as np
import pandas as pd
from scipy import ndimage

from tumorseg.distances import surface_distances
from tumorseg.evaluation.probabilities import WHOLE, as_fraction, foreground, step_of
from tumorseg.metrics import METRICS, count, overlap, ratio

COUNTS = ("tp", "fp", "fn", "tn")
DISTANCES = ("hausdorff", "hd95", "hd95_pooled", "assd")
LESIONS = ("lesions", "lesions_found", "lesions_false")
THRESHOLDS = tuple(round(0.05 * step, 2) for step in range(1, 20))
CURVES = ("role", "seed", "fold", "case", "patient", "threshold", "tp", "fp", "fn")
BINS = 10  # of the reliability curve, equally wide


def nsd_name(tolerance_px: float) -> str:
    """The column of the normalised surface Dice at one tolerance, as `nsd_2px`."""
    return f"nsd_{tolerance_px:g}px"


def columns(tolerances_px: Iterable[float]) -> list[str]:
    """The columns of a metrics table."""
    return [
        *("recipe", "loss", "seed", "fold", "case", "patient", "plane", "status"),
        *COUNTS,
        *METRICS,
        *(f"{name}_{unit}" for name in DISTANCES for unit in ("px", "mm")),
        *map(nsd_name, tolerances_px),
        *("area_difference", *LESIONS, "brier"),
        *("missed", "truth_px", "predicted_px", "threshold"),
    ]


def lesion_counts(truth: np.ndarray, prediction: np.ndarray) -> dict[str, int]:
    """Tumours by 8- (3-D: 26-) connected parts: how many there are, are hit, and are made up.

    A true part is found where one of its pixels is predicted; a predicted part is false where it
    touches no true pixel.
    """
    neighbours = np.ones((3,) * truth.ndim)
    true_parts, true_number = ndimage.label(truth, neighbours)
    parts, number = ndimage.label(prediction, neighbours)
    both = (truth != 0) & (prediction != 0)
    found, right = np.unique(true_parts[both]).size, np.unique(parts[both]).size
    return dict(zip(LESIONS, (true_number, found, number - right), strict=True))


def measured(
    truth: np.ndarray,
    quantised: np.ndarray,
    *,
    spacing_mm: tuple[float, float],
    threshold: float,
    tolerances_px: Iterable[float],
) -> dict[str, object]:
    """All metrics of one case.

    truth: mask; quantised: uint16 probabilities of its shape, value / 65535; spacing_mm: height and
    width of a pixel, NaN where unknown. `missed` is 1 where the truth has a tumour and the
    prediction not one pixel of it; area_difference is (predicted - true) / true area, signed; brier
    the mean of (probability - truth)^2 over all pixels (Brier 1950).
    """
    prediction = foreground(quantised, threshold)
    tolerances = list(tolerances_px)
    counts = count(truth, prediction)
    found = surface_distances(truth, prediction, 1.0, tolerances)
    if np.ptp(spacing_mm) > 0:
        in_mm = surface_distances(truth, prediction, spacing_mm)
    else:
        in_mm = {name: found[name] * float(np.max(spacing_mm)) for name in DISTANCES}
    line: dict[str, object] = {"status": "ok", **counts._asdict(), **overlap(counts)}
    for name in DISTANCES:
        line |= {f"{name}_px": found[name], f"{name}_mm": in_mm[name]}
    line |= dict(zip(map(nsd_name, tolerances), map(float, found["nsd"]), strict=True))
    true_px, predicted_px = counts.tp + counts.fn, counts.tp + counts.fp
    squares = (as_fraction(quantised) - (truth != 0)) ** 2
    return line | {
        "area_difference": ratio(predicted_px - true_px, true_px),
        **lesion_counts(truth, prediction),
        "brier": float(squares.mean()),
        "missed": int(counts.tp == 0 and counts.fn > 0),
        "truth_px": true_px,
        "predicted_px": predicted_px,
    }


def failed(truth: np.ndarray, tolerances_px: Iterable[float]) -> dict[str, object]:
    """The line of a case whose training failed: every result NaN, hard to overlook."""
    names = columns(tolerances_px)
    nothing = dict.fromkeys(names[names.index("tp") : names.index("truth_px")], math.nan)
    truth_px = int(np.count_nonzero(truth))
    return {"status": "failed", **nothing, "truth_px": truth_px, "predicted_px": math.nan}


def counts_by_threshold(truth: np.ndarray, quantised: np.ndarray) -> pd.DataFrame:
    """tp, fp, fn of one case at each of THRESHOLDS, from one pass over its pixels."""
    steps = [step_of(threshold) for threshold in THRESHOLDS]
    mask = truth != 0
    above = [
        len(values) - np.searchsorted(np.sort(values), steps, side="right")
        for values in (quantised[mask], quantised[~mask & (quantised > steps[0])])
    ]
    tp, fp = (np.asarray(part) for part in above)
    fn = int(mask.sum()) - tp
    return pd.DataFrame({"threshold": THRESHOLDS, "tp": tp, "fp": fp, "fn": fn})


def reliability(truth: np.ndarray, quantised: np.ndarray) -> np.ndarray:
    """(BINS, 3) float64: pixels, their sum of probabilities, and true pixels, by probability."""
    place = np.minimum(quantised.ravel().astype(np.int64) * BINS // WHOLE, BINS - 1)
    weights = (None, as_fraction(quantised.ravel()), (truth != 0).ravel())
    return np.stack([np.bincount(place, w, minlength=BINS) for w in weights], axis=1).astype(float)
