"""How well the predicted probabilities agree with the share of tumour pixels."""

import math

import pandas as pd


def calibration_error(bins: pd.DataFrame) -> float:
    """Expected calibration error: mean over pixels of |true share - mean probability| of their bin.

    bins: pixels, probability_sum, true_px. Source: Naeini et al. 2015.
    """
    pixels = bins["pixels"].sum()
    gaps = (bins["true_px"] - bins["probability_sum"]).abs()
    return float(gaps.sum() / pixels) if pixels else math.nan


def calibration(bins: pd.DataFrame, cases: pd.DataFrame) -> pd.DataFrame:
    """recipe, loss, Brier score, ECE of all pixels and of those with a probability above .1."""
    rows = []
    for (recipe, loss), of_set_up in bins.groupby(["recipe", "loss"], sort=False):
        brier = cases.loc[(cases["recipe"] == recipe) & (cases["loss"] == loss), "brier"].mean()
        totals = of_set_up.groupby("bin_low").sum(numeric_only=True)
        above = totals[totals.index > 0]
        row = {"recipe": recipe, "loss": loss, "brier": brier, "ece": calibration_error(totals)}
        row |= {"ece_above_10_pct": calibration_error(above)}
        rows.append(row | {"pixels_above_10_pct": int(above["pixels"].sum())})
    return pd.DataFrame(rows)
