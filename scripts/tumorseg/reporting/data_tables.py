"""Tables of the data: tumour to brain ratio, skull stripping, and the contents of each fold."""

import math

import pandas as pd

from tumorseg.audit import published
from tumorseg.core.cases import PLANES
from tumorseg.imaging.kept_share import KEPT_SHARE

KEPT_PCT = 100 * KEPT_SHARE


def _by_plane(table: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    planes = [(plane, table[table["plane"] == plane]) for plane in PLANES]
    return [("all", table), *((plane, rows) for plane, rows in planes if len(rows))]


def ratio_table(masks: pd.DataFrame, large_ratio: float) -> pd.DataFrame:
    """Tumour to brain area: mean, median and size classes, for all cases and by plane.

    The last row holds the published values. A tumour is large above large_ratio (the study's
    Fig. S1): this is a size class, not a diagnosis.
    """
    lines = []
    for plane, rows in _by_plane(masks):
        ratio = rows["tumour_brain_ratio"]
        lines.append(
            {
                "plane": plane,
                "cases": str(len(rows)),
                "undefined": str(int(ratio.isna().sum())),
                "mean_ratio": round(ratio.mean(), 4),
                "median_ratio": round(ratio.median(), 4),
                "large": str(int((ratio > large_ratio).sum())),
                "small": str(int((ratio <= large_ratio).sum())),
            }
        )
    not_stated = dict.fromkeys(("cases", "undefined", "large", "small"), "not stated")
    values = {"mean_ratio": published.RATIO_MEAN, "median_ratio": published.RATIO_MEDIAN}
    lines.append({"plane": "all, published", **not_stated, **values})
    return pd.DataFrame(lines)


def strip_table(methods: pd.DataFrame, planes: pd.Series, used: str) -> pd.DataFrame:
    """Each stripping method by plane: cases that keep 99 % of the tumour, and Dice of the brain."""
    table = methods.assign(plane=methods["case"].map(planes).to_numpy())
    lines = []
    for method, of_method in table.groupby("method", sort=False):
        for plane, rows in _by_plane(of_method):
            kept = 100 * rows["tumour_kept"].dropna()
            known = rows["true_brain_dice"].dropna()
            lines.append(
                {
                    "method": method,
                    "used": "yes" if method == used else "no",
                    "plane": plane,
                    "cases": len(kept),
                    "cases_keeping_99_pct": int((kept >= KEPT_PCT).sum()),
                    "share_keeping_99_pct": round(100 * (kept >= KEPT_PCT).mean(), 1),
                    "mean_kept_pct": round(kept.mean(), 2),
                    "least_kept_pct": round(kept.min(), 2),
                    "brains_known": len(known),
                    "mean_brain_dice": round(known.mean(), 4) if len(known) else math.nan,
                }
            )
    return pd.DataFrame(lines)


def harmed_table(methods: pd.DataFrame, planes: pd.Series, used: str) -> pd.DataFrame:
    """Cases in which the method in use keeps less than 99 % of the tumour, worst first."""
    rows = methods[(methods["method"] == used) & (100 * methods["tumour_kept"] < KEPT_PCT)]
    rows = rows.sort_values("tumour_kept", kind="stable")
    return pd.DataFrame(
        {
            "case": rows["case"],
            "plane": rows["case"].map(planes).to_numpy(),
            "method": rows["method"],
            "tumour_px": rows["tumour_px"],
            "tumour_lost_px": rows["tumour_lost_px"],
            "tumour_kept_pct": (100 * rows["tumour_kept"]).round(2),
            "warning": "stripping removes part of the tumour; evaluation still uses the whole mask",
        }
    )


def fold_table(folds: pd.DataFrame, masks: pd.DataFrame) -> pd.DataFrame:
    """Cases, patients, planes and median tumour size by fold and role (train, validation, test)."""
    sizes = masks.set_index("case")["tumour_px"]
    lines = []
    for (fold, role), rows in folds.groupby(["fold", "role"]):
        planes = rows["plane"].value_counts()
        lines.append(
            {
                "fold": fold,
                "role": role,
                "cases": len(rows),
                "patients": rows["patient"].nunique(),
                **{plane: int(planes.get(plane, 0)) for plane in PLANES},
                "median_tumour_px": round(float(rows["case"].map(sizes).median())),
            }
        )
    return pd.DataFrame(lines)
