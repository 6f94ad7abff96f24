"""Judges trainings: had each converged, and had every loss the same chance?

Without both, a comparison of losses compares how long they were trained.
"""

import math
from typing import NamedTuple

import numpy as np
import pandas as pd

# The history's column by which a training with this `keep_best` is judged: that by which its epoch
# is chosen; one that keeps its last epoch, by IoU.
JUDGED_BY = {True: "val_iou", False: "val_iou", "iou": "val_iou"}
JUDGED_BY |= {"dice": "val_dice", "loss": "val_loss"}
PART = 0.2  # a fifth of the epochs is compared with the fifth before it
STILL_RISING = 0.01  # gain of the score from one fifth to the next
TOO_NOISY = 0.03  # standard error of that gain above which nothing can be said
SHORTEST = 10  # epochs: in fewer, two fifths hold too few values
NOTHING = 0.01  # validation IoU of a training that found no tumour

CONVERGED, RISING, NOISY, SHORT, EMPTY, FAILED = (
    "converged",
    "still improving",
    "too noisy to tell",
    "too few epochs to tell",
    "nothing learned",
    "failed",
)


class Convergence(NamedTuple):
    """How one training ended.

    gain: mean validation IoU of the last fifth of the epochs minus that of the fifth before it;
    error: the standard error of the gain, from the differences between neighbouring epochs.
    best_at_end: whether the best epoch lies within the last tenth.
    """

    verdict: str
    gain: float
    error: float
    best_epoch: int
    best_at_end: bool


def convergence(
    scores: pd.Series | np.ndarray, failed: bool = False, learned: bool | None = None
) -> Convergence:
    """How a training ended, from its validation score after each of its epochs, at most 1.

    It is still improving where the gain exceeds STILL_RISING by more than its standard error, so
    that the noise of a small validation set is not taken for progress; or exceeds STILL_RISING at
    all and the best epoch is within the last tenth. Where the standard error is above TOO_NOISY,
    nothing is claimed.

    learned: whether it found any tumour; None for whether a score reached NOTHING.

    >>> rising, flat = np.linspace(0, 0.8, 20), np.full(20, 0.8)
    >>> convergence(rising).verdict, convergence(flat).verdict
    ('still improving', 'converged')
    """
    values = np.asarray(scores, float)
    epochs = len(values)
    best = int(np.argmax(values)) + 1 if epochs else 0
    gain = error = math.nan
    if epochs >= SHORTEST:
        part = max(2, round(PART * epochs))
        last, before = values[-part:], values[-2 * part : -part]
        gain = float(last.mean() - before.mean())
        noise = float(np.median(np.abs(np.diff(values[-2 * part :])))) / 0.954  # of one epoch, SD
        error = noise * math.sqrt(2 / part)
    best_at_end = best > 0.9 * epochs
    if failed:
        verdict = FAILED
    elif not epochs or not (values.max() >= NOTHING if learned is None else learned):
        verdict = EMPTY
    elif epochs < SHORTEST:
        verdict = SHORT
    elif gain - error > STILL_RISING or (gain > STILL_RISING and best_at_end):
        verdict = RISING
    else:
        verdict = NOISY if error > TOO_NOISY else CONVERGED
    return Convergence(verdict, gain, error, best, bool(epochs) and best_at_end)


def _fallen(losses: pd.Series) -> pd.Series:
    """The share of its whole fall that a loss has fallen: 0 at the first epoch, 1 at the lowest.

    Losses have scales of their own, so that no gain of .01 means the same for two of them; shares
    of a fall can be judged like IoU. 0 throughout where the loss never falls.
    """
    fall = losses.iloc[:1].sum() - losses.min()
    return (losses.iloc[:1].sum() - losses) / fall if fall > 0 else losses * 0.0


def convergence_table(trainings: pd.DataFrame) -> pd.DataFrame:
    """One row per training: its length, its gain at the end, and whether it had converged.

    Args:
        trainings: one row per training and epoch: recipe, loss, seed, fold, status, epoch, val_iou,
            val_dice, val_loss, chosen_epoch, precision, backend, keep_best.

    Returns:
        recipe, loss, seed, fold, epochs, chosen_epoch, best_val_iou, judged_by (JUDGED_BY), gain
        (of val_loss a share of its fall), gain_error, best_at_end, below_other_folds (the median
        best_val_iou of the loss's other trainings minus this one's), precision, backend, verdict.
    """
    keys = ["recipe", "loss", "seed", "fold"]
    rows = []
    for names, history in trainings.groupby(keys, sort=False):
        first = history.iloc[0]
        judged_by = JUDGED_BY[first["keep_best"]]
        kept = history.sort_values("epoch").dropna(subset=[judged_by])
        best = kept["val_iou"].max()
        scores = _fallen(kept[judged_by]) if judged_by == "val_loss" else kept[judged_by]
        end = convergence(scores, first["status"] != "ok", learned=bool(best >= NOTHING))
        row = dict(zip(keys, names, strict=True)) | {"epochs": len(scores)}
        row |= {"chosen_epoch": int(first["chosen_epoch"]), "best_val_iou": best}
        row |= {"judged_by": judged_by}
        row |= {"gain": end.gain, "gain_error": end.error, "best_at_end": end.best_at_end}
        row |= {"precision": first["precision"], "backend": first["backend"]}
        rows.append(row | {"verdict": end.verdict})
    table = pd.DataFrame(rows)
    below = [
        table.loc[
            (table["recipe"] == row.recipe) & (table["loss"] == row.loss) & (table.index != index),
            "best_val_iou",
        ].median()
        - row.best_val_iou
        for index, row in zip(table.index, table.itertuples(), strict=True)
    ]
    table.insert(table.columns.get_loc("precision"), "below_other_folds", below)
    return table


def warning_sentence(table: pd.DataFrame, recipe: str) -> str:
    """The report's first sentence where trainings had not converged; empty where all had."""
    mine = table[table["recipe"] == recipe]
    open_ = mine[mine["verdict"] != CONVERGED]
    if open_.empty:
        return ""
    each = open_.groupby("loss", sort=False)["verdict"]
    detail = "; ".join(f"{loss}: {_numbers(verdicts)}" for loss, verdicts in each)
    return (
        f"**{len(open_)} of {len(mine)} trainings had not converged** ({detail}): longer trainings "
        "may change the order of the losses."
    )


def fairness_table(table: pd.DataFrame, searches: pd.DataFrame) -> pd.DataFrame:
    """Whether all losses of a recipe had the same chance: one row per recipe and question.

    Args:
        table: as convergence_table returns it.
        searches: recipe, loss, trials of the tuning of each loss; empty without tuning.

    Returns:
        recipe, question, answer (yes or no) and detail.
    """
    rows = []
    for recipe, mine in table.groupby("recipe", sort=False):
        asked = {
            "all trainings converged": mine.groupby("loss", sort=False)["verdict"].agg(_counts),
            "same number of epochs": mine.groupby("loss", sort=False)["epochs"].agg(_counts),
            "same number of trainings": mine.groupby("loss", sort=False).size().astype(str),
            "same precision": mine.groupby("loss", sort=False)["precision"].agg(_counts),
            "same backend": mine.groupby("loss", sort=False)["backend"].agg(_counts),
        }
        tuned = searches[searches["recipe"] == recipe] if len(searches) else searches
        if len(tuned):
            by_loss = tuned.groupby("loss", sort=False)["trials"].sum().astype(str)
            asked["same number of tuning trials"] = by_loss
        for question, by_loss in asked.items():
            same = by_loss.nunique() == 1
            if question == "all trainings converged":
                same = bool((mine["verdict"] == CONVERGED).all())
            shown = f"all losses: {by_loss.iloc[0]}" if by_loss.nunique() == 1 else ""
            detail = shown or "; ".join(f"{loss}: {value}" for loss, value in by_loss.items())
            rows.append((recipe, question, "yes" if same else "no", detail))
    return pd.DataFrame(rows, columns=["recipe", "question", "answer", "detail"])


def _counts(values: pd.Series) -> str:
    """The values and how often each occurs, as text: "4 converged, 1 still improving"."""
    return str(values.iloc[0]) if values.nunique() == 1 else _numbers(values)


def _numbers(values: pd.Series) -> str:
    """How often each value occurs, as text: "4 converged, 1 still improving"."""
    counts = values.value_counts(sort=False)
    return ", ".join(f"{number} {value}" for value, number in counts.items())
