"""Several classes: which one a pixel is predicted as, and the mean over the classes of a case."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from tumorseg.evaluation.case_metrics import COUNTS, LESIONS
from tumorseg.evaluation.probabilities import STORED_ONE

MEAN = "mean"  # the primary class of a study that asks about the mean over all classes
SUMMED = (*COUNTS, *LESIONS, "truth_px", "predicted_px")


def likeliest(quantised: Sequence[np.ndarray]) -> list[np.ndarray]:
    """The predicted mask of each of exclusive classes: where it is more probable than all others.

    quantised: uint16 probabilities of each class; what they lack of 1 is the background's. Of
    equally probable classes the background counts, then the first.
    """
    maps = np.stack([maps.astype(np.int64) for maps in quantised])
    background = STORED_ONE - maps.sum(axis=0)
    best = np.concatenate([background[None], maps]).argmax(axis=0)
    return [best == number for number in range(1, len(quantised) + 1)]


def mean_of_classes(rows: Sequence[dict[str, object]]) -> dict[str, object]:
    """What `measured` gives for a case, as the mean over its classes; rows: of each class.

    A metric is the mean over the classes for which it is defined, NaN where there is none. Pixels
    and lesions are summed; `missed` is 1 where any class was missed.
    """
    table = pd.DataFrame(list(rows))
    if rows[0]["status"] != "ok":  # a failed training has failed for every class
        return rows[0] | {"truth_px": int(table["truth_px"].sum())}
    summed = {name: int(table[name].sum()) for name in SUMMED}
    means = table.drop(columns=["status", "missed", *SUMMED]).astype(float).mean().to_dict()
    values = means | summed | {"missed": int(table["missed"].max())}
    return {name: values.get(name, "ok") for name in table}


def summed_curves(curves: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Counts by threshold of all classes of a case together, from the table of each."""
    counts = ["tp", "fp", "fn"]
    return curves[0].assign(**{name: sum(curve[name] for curve in curves) for name in counts})
