"""The threshold that each training's validation patients choose, and the test scores at it."""

import pandas as pd


def dice_of_counts(curves: pd.DataFrame) -> pd.Series:
    """Dice of each row of a thresholds table; NaN where both masks are empty."""
    pixels = 2 * curves["tp"] + curves["fp"] + curves["fn"]
    return (2 * curves["tp"] / pixels).where(pixels > 0)


def chosen_thresholds(curves: pd.DataFrame) -> pd.DataFrame:
    """recipe, loss, seed, fold, threshold: the one with the best mean Dice of validation patients.

    Of equally good thresholds the one nearest to .5. curves: thresholds tables with recipe and
    loss.
    """
    training = ["recipe", "loss", "seed", "fold"]
    validation = curves[curves["role"] == "validation"].assign(dice=dice_of_counts)
    scores = validation.groupby([*training, "threshold", "patient"], sort=False)["dice"].mean()
    means = scores.groupby([*training, "threshold"], sort=False).mean().reset_index()
    means = means.assign(distance=(means["threshold"] - 0.5).abs())
    best = means.sort_values(["dice", "distance"], ascending=[False, True], kind="stable")
    best = best.groupby(training, sort=False).head(1).sort_index()
    return best[[*training, "threshold"]].reset_index(drop=True)


def at_own_threshold(cases: pd.DataFrame, curves: pd.DataFrame) -> pd.DataFrame:
    """The metrics rows with the Dice at each training's own threshold instead of the config's."""
    keys = ["recipe", "loss", "seed", "fold"]
    tests = curves[curves["role"] == "test"].merge(
        chosen_thresholds(curves), on=[*keys, "threshold"]
    )
    dices = tests.assign(own_dice=dice_of_counts)[[*keys, "case", "own_dice"]]
    both = cases.merge(dices, on=[*keys, "case"], how="left")
    return both.assign(dice=both["own_dice"]).drop(columns="own_dice")


def thresholds(curves: pd.DataFrame, cases: pd.DataFrame, at_own: pd.DataFrame) -> pd.DataFrame:
    """Each training's own threshold, and its test patients' mean Dice at both thresholds.

    curves: see chosen_thresholds; cases, at_own: metrics rows at the fixed and the own one.
    """
    table = chosen_thresholds(curves)
    keys = ["recipe", "loss", "seed", "fold"]
    for name, rows in (("dice_fixed", cases), ("dice_own", at_own)):
        of_patients = rows.groupby([*keys, "patient"], sort=False)["dice"].mean()
        means = of_patients.groupby(keys).mean().rename(name).reset_index()
        table = table.merge(means, on=keys, how="left")
    return table
