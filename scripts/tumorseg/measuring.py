"""One line of a metrics table: a test case's prediction held against its native mask."""

import math
from fractions import Fraction

import numpy as np

from tumorseg.distances import hausdorff
from tumorseg.metrics import METRICS, count, overlap

COUNTS = ("tp", "fp", "fn", "tn")
COLUMNS = (
    *("recipe", "loss", "fold", "case", "patient", "plane", "status"),
    *COUNTS,
    *METRICS,
    *("hausdorff_px", "hausdorff_mm", "missed", "truth_px", "predicted_px", "threshold"),
)


def foreground(quantised: np.ndarray, threshold: float) -> np.ndarray:
    """Pixels whose probability (quantised / 65535) lies above the threshold, compared exactly."""
    steps = math.floor(Fraction(str(threshold)) * 65535)
    return quantised.astype(np.int64) > steps


def measured(truth: np.ndarray, prediction: np.ndarray, spacing_mm: float) -> dict[str, object]:
    """All metrics of one case; `spacing_mm` is the side of a square pixel, NaN where unknown.

    `missed` is 1 where the truth has a tumour and the prediction not one pixel of it, which every
    empty prediction does.
    """
    counts = count(truth, prediction)
    distance_px = hausdorff(truth, prediction)
    return {
        "status": "ok",
        **counts._asdict(),
        **overlap(counts),
        "hausdorff_px": distance_px,
        "hausdorff_mm": distance_px * spacing_mm,
        "missed": int(counts.tp == 0 and counts.fn > 0),
        "truth_px": counts.tp + counts.fn,
        "predicted_px": counts.tp + counts.fp,
    }


def failed(truth: np.ndarray) -> dict[str, object]:
    """The line of a case whose training failed: every result NaN, hard to overlook."""
    nothing = dict.fromkeys(
        (*COUNTS, *METRICS, "hausdorff_px", "hausdorff_mm", "missed", "predicted_px"), math.nan
    )
    return {"status": "failed", **nothing, "truth_px": int(np.count_nonzero(truth))}
