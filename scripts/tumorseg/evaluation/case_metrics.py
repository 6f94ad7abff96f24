"""One row of a metrics table: a case's probabilities compared with its native mask."""

import math
from collections.abc import Iterable

import numpy as np
import pandas as pd
from scipy import ndimage

from tumorseg.distances import DISTANCES, surface_distances
from tumorseg.evaluation.probabilities import (
    STORED_ONE,
    as_fraction,
    foreground,
    largest_background,
)
from tumorseg.metrics import METRICS, count, overlap, ratio

COUNTS = ("tp", "fp", "fn", "tn")
LENGTHS = tuple(name for name in DISTANCES if name != "nsd")  # in px and in mm; nsd is a share
LESIONS = ("lesions", "lesions_found", "lesions_false")
THRESHOLDS = tuple(round(0.05 * step, 2) for step in range(1, 20))
CURVES = ("role", "seed", "fold", "case", "patient", "threshold", "tp", "fp", "fn")
BINS = 10  # of the reliability curve, equally wide


def nsd_name(tolerance_px: float) -> str:
    """The column of the normalised surface Dice at one tolerance, such as `nsd_2px`."""
    return f"nsd_{tolerance_px:g}px"


def columns(tolerances_px: Iterable[float]) -> list[str]:
    """The columns of a metrics table."""
    return [
        *("recipe", "loss", "seed", "fold", "case", "patient", "plane", "status"),
        *COUNTS,
        *METRICS,
        *(f"{name}_{unit}" for name in LENGTHS for unit in ("px", "mm")),
        *map(nsd_name, tolerances_px),
        *("area_difference", *LESIONS, "brier"),
        *("missed", "truth_px", "predicted_px", "threshold"),
    ]


def lesion_counts(truth: np.ndarray, prediction: np.ndarray) -> dict[str, int]:
    """Counts of separate tumours: in the truth, found by the prediction, and predicted falsely.

    A tumour is an 8-connected (3-D: 26-connected) part of a mask. A true one is found if one of its
    pixels is predicted; a predicted one is false if it touches no true pixel.
    """
    neighbours = np.ones((3,) * truth.ndim)
    true_labels, true_number = ndimage.label(truth, neighbours)
    labels, number = ndimage.label(prediction, neighbours)
    both = (truth != 0) & (prediction != 0)
    found, correct = np.unique(true_labels[both]).size, np.unique(labels[both]).size
    return dict(zip(LESIONS, (true_number, found, number - correct), strict=True))


def measured(
    truth: np.ndarray,
    quantised: np.ndarray,
    *,
    prediction: np.ndarray | None = None,
    spacing_mm: tuple[float, ...],
    threshold: float,
    tolerances_px: Iterable[float],
) -> dict[str, object]:
    """All metrics of one case.

    Args:
        truth: mask; non-zero is tumour.
        quantised: uint16 probabilities of the mask's shape, value / 65535.
        prediction: the predicted mask, where it is not what `threshold` makes of `quantised`.
        spacing_mm: height and width of a pixel, before them the depth of a voxel; NaN where
            unknown.
        threshold: a pixel is predicted as tumour if its probability is above it.
        tolerances_px: tolerances of the normalised surface Dice.

    Returns:
        The columns from `status` to `predicted_px`. `missed` is 1 if the truth has a tumour and the
        prediction contains none of its pixels; area_difference is (predicted - true) / true area,
        signed; brier is the mean of (probability - truth)^2 over all pixels (Brier 1950).
    """
    prediction = foreground(quantised, threshold) if prediction is None else prediction
    tolerances = list(tolerances_px)
    counts = count(truth, prediction)
    in_px = surface_distances(truth, prediction, 1.0, tolerances)
    if np.ptp(spacing_mm) > 0:
        in_mm = surface_distances(truth, prediction, spacing_mm)
    else:
        in_mm = {name: in_px[name] * float(np.max(spacing_mm)) for name in LENGTHS}
    row: dict[str, object] = {"status": "ok", **counts._asdict(), **overlap(counts)}
    for name in LENGTHS:
        row |= {f"{name}_px": in_px[name], f"{name}_mm": in_mm[name]}
    nsd = np.atleast_1d(in_px["nsd"])
    row |= dict(zip(map(nsd_name, tolerances), map(float, nsd), strict=True))
    true_px, predicted_px = counts.tp + counts.fn, counts.tp + counts.fp
    squares = (as_fraction(quantised) - (truth != 0)) ** 2
    return row | {
        "area_difference": ratio(predicted_px - true_px, true_px),
        **lesion_counts(truth, prediction),
        "brier": float(squares.mean()),
        "missed": int(counts.tp == 0 and counts.fn > 0),
        "truth_px": true_px,
        "predicted_px": predicted_px,
    }


def failed(truth: np.ndarray, tolerances_px: Iterable[float]) -> dict[str, object]:
    """The row of a case whose training failed: status "failed", every result NaN."""
    names = columns(tolerances_px)
    results = dict.fromkeys(names[names.index("tp") : names.index("truth_px")], math.nan)
    truth_px = int(np.count_nonzero(truth))
    return {"status": "failed", **results, "truth_px": truth_px, "predicted_px": math.nan}


def counts_by_threshold(truth: np.ndarray, quantised: np.ndarray) -> pd.DataFrame:
    """tp, fp, fn of one case at each of THRESHOLDS, from one pass over its pixels."""
    limits = [largest_background(threshold) for threshold in THRESHOLDS]
    mask = truth != 0
    tp, fp = (
        np.asarray(len(values) - np.searchsorted(np.sort(values), limits, side="right"))
        for values in (quantised[mask], quantised[~mask & (quantised > limits[0])])
    )
    fn = int(mask.sum()) - tp
    return pd.DataFrame({"threshold": THRESHOLDS, "tp": tp, "fp": fp, "fn": fn})


def reliability(truth: np.ndarray, quantised: np.ndarray) -> np.ndarray:
    """(BINS, 3) float64: pixels, sum of their probabilities, true pixels, by probability bin."""
    bins = np.minimum(quantised.ravel().astype(np.int64) * BINS // STORED_ONE, BINS - 1)
    weights = (None, as_fraction(quantised.ravel()), (truth != 0).ravel())
    return np.stack([np.bincount(bins, w, minlength=BINS) for w in weights], axis=1).astype(float)


def reliability_table(totals: np.ndarray) -> pd.DataFrame:
    """A sum of `reliability` arrays as a table: the limits of each bin and its three totals."""
    table = pd.DataFrame(totals, columns=["pixels", "probability_sum", "true_px"])
    table.insert(0, "bin_low", np.arange(BINS) / BINS)
    table.insert(1, "bin_high", np.arange(1, BINS + 1) / BINS)
    return table
