"""The published results (Shafiei et al. 2025), as printed; nothing here is recomputed."""

import pandas as pd

COLUMNS = ("accuracy", "dice", "precision", "recall", "specificity")
RECIPE = "published"

# Table 2, percent: folds 1 to 5. The paper does not say whether counts are pooled or averaged.
TABLE2 = {
    "focal": (
        (98.98, 78.0, 88.5, 62.3, 99.0),
        (99.87, 81.1, 86.1, 79.7, 99.1),
        (99.21, 79.8, 77.6, 89.7, 99.7),
        (99.84, 79.4, 81.3, 75.6, 99.2),
        (99.33, 86.7, 81.1, 89.3, 99.4),
    ),
    "bce": (
        (99.32, 72.3, 74.2, 68.3, 98.3),
        (98.6, 77.8, 76.1, 78.5, 98.8),
        (98.63, 63.5, 78.5, 74.3, 99.2),
        (99.15, 76.0, 87.4, 63.9, 99.6),
        (99.45, 83.0, 64.6, 74.5, 98.7),
    ),
}
# Table 2, the row "5-Fold Mean" as printed (some are cut off, not rounded).
TABLE2_MEANS = {
    "focal": ("99.44", "81", "82.92", "79.32", "99.2"),
    "bce": ("99.03", "74.52", "76.16", "71.9", "98.9"),
}
# One unit of the last printed digit, in percent: accuracy has two decimals, the others one.
TOLERANCE = {"accuracy": 0.01, "dice": 0.1, "precision": 0.1, "recall": 0.1, "specificity": 0.1}

# Table 3, focal loss: printed as mm, though the authors' code measures pixels.
HAUSDORFF = (46.42811, 42.54174, 52.68178, 50.63595, 48.08201)
HAUSDORFF_INTERVAL = ("43.22", "52.92")

# Tumour to brain area (Fig. S1).
RATIO_MEAN, RATIO_MEDIAN = 0.22, 0.19


def table2() -> pd.DataFrame:
    """The ten printed fold rows as fractions: loss, fold and COLUMNS."""
    rows = [
        {"recipe": RECIPE, "loss": loss, "fold": fold, **dict(zip(COLUMNS, row, strict=True))}
        for loss, folds in TABLE2.items()
        for fold, row in enumerate(folds, start=1)
    ]
    table = pd.DataFrame(rows)
    table[list(COLUMNS)] /= 100
    return table
