"""The tiles of the first page: how sure the answer is, how fair, how good, how expensive."""

import math

import pandas as pd

from tumorseg.core.records import TrainingRecord
from tumorseg.reporting.answer_page import Tile
from tumorseg.statistics.comparison import FIXED, Question
from tumorseg.statistics.convergence import CONVERGED
from tumorseg.statistics.estimates import p_text
from tumorseg.statistics.outside_words import difference, row_of
from tumorseg.statistics.plain_words import chance, in_points
from tumorseg.statistics.verdicts import BETTER, EQUIVALENT, WORSE
from tumorseg.statistics.wording import decision, plural

SHOWN = 4  # losses whose missed tumours are named: the best, the reference, and the next


def deciding(verdicts: pd.DataFrame) -> pd.Series:
    """The contrast that the first tile is about: of the decided ones that with most points."""
    decided = verdicts[verdicts["verdict"].isin([BETTER, WORSE])]
    rows = decided if len(decided) else verdicts
    return rows.loc[rows["mean"].abs().fillna(-1).idxmax()]


def how_sure(verdicts: pd.DataFrame) -> Tile:
    """The chance of such a difference without a true one, and where chance comes from.

    verdicts: the table of that name, at least one row.
    """
    row = deciding(verdicts)
    several = f" after Holm's correction for {len(verdicts)} comparisons"
    corrected = several if len(verdicts) > 1 else ""
    pair = f"{row['loss']} and {row['against']}"
    if row["verdict"] == EQUIVALENT:
        number = f"within {in_points(row['margin'])} points"
        meaning = (
            f"Were the difference between {pair} as large as the margin or larger, one as small "
            f"as this would appear in {chance(row['p_equivalent'] / 2)} such studies."
        )
    elif math.isnan(row["p_holm"]):
        number, meaning = "not testable", f"{pair} cannot be tested: {row['reason']}."
    else:
        number = f"{chance(row['p_holm'])} by chance"
        meaning = (
            f"Were {pair} equally good, so large a difference would still appear in "
            f"{chance(row['p_holm'])} such studies ({p_text(row['p_holm'])}{corrected})."
        )
    sources = (
        f"Chance enters through {row['patients']} patients and through {row['trainings']} "
        "trainings of each loss: another start of the same training gives another network."
    )
    sentences = [meaning, sources, decision(row)]
    return Tile("How sure", number, [sentence for sentence in sentences if sentence])


def how_fair(convergence: pd.DataFrame, fairness: pd.DataFrame, registered: str = "") -> Tile:
    """Whether every loss had the same chance: trained to the end, tuned alike, repeated.

    convergence, fairness: rows of the question's recipe; registered: a sentence, or empty.
    """
    seeds = convergence["seed"].nunique()
    done = int((convergence["verdict"] == CONVERGED).sum())
    number = f"{done} of {len(convergence)} trainings done learning"
    unequal = fairness[
        (fairness["answer"] == "no") & (fairness["question"] != "all trainings converged")
    ]
    if len(unequal):
        same = "Not the same for all losses: " + "; ".join(
            f"{row.question.removeprefix('same ')} ({row.detail})" for row in unequal.itertuples()
        )
    else:
        alike = [q for q in fairness["question"] if q.startswith("same ")]
        same = "The same for every loss: " + ", ".join(q.removeprefix("same ") for q in alike)
    repeated = (
        f"Each training was repeated with {seeds} seeds."
        if seeds > 1
        else "Each training ran once, with one seed."
    )
    sentences = [f"{same}.", repeated, registered]
    return Tile("How fair", number, [sentence for sentence in sentences if sentence])


def how_good(table2: pd.DataFrame, recipe: str, best: str, reference: str) -> Tile:
    """The best loss's mean Dice beside that of marking nothing, and the tumours missed.

    table2: Table 2 with all losses and the baseline that predicts background everywhere.
    """
    rows = table2[(table2["aggregation"] == "patient") & (table2["fold"] == "all")]
    of = rows[rows["recipe"] == recipe].set_index("loss")
    none = rows[rows["recipe"] == "baseline"].iloc[0]
    dice = float(of.loc[best, "dice_pct"])
    missed = ", ".join(
        f"{loss} {int(of.loc[loss, 'missed_tumours'])} of {int(of.loc[loss, 'tumours'])}"
        for loss in list(dict.fromkeys([best, reference, *of.index]))[:SHOWN]
        if loss in of.index
    )
    return Tile(
        "How good",
        "not measured" if math.isnan(dice) else f"{dice:.0f} % Dice",
        [
            f"The mean over patients with {best}, which was highest. Marking nothing at all has "
            f"{float(none['dice_pct']):.0f} % Dice, though {float(none['accuracy_pct']):.1f} % of "
            "its pixels are right: accuracy says little here.",
            f"Tumours missed completely: {missed}.",
        ],
    )


def how_elsewhere(
    external: pd.DataFrame, contrasts: pd.DataFrame, question: Question, best: str
) -> Tile:
    """The best loss on outside data, and whether its difference was seen there too.

    external, contrasts: of statistics/outside.py.
    """
    found = row_of(external, recipe=question.recipe, loss=best, choice=FIXED)
    if not found or math.isnan(found["dice"]):
        return Tile("Elsewhere", "not measured", [f"{best} has no result on the outside data."])
    sentences = [
        f"The mean over {plural(int(found['patients']), 'patient')} of other data, on whom nobody "
        f"trained, with all trainings of {best} together. A single training has "
        f"{100 * found['single_dice']:.0f} % there, and {100 * found['inside_dice']:.0f} % on the "
        "data of this comparison.",
        difference(contrasts, question, best),
    ]
    number = f"{100 * found['dice']:.0f} % Dice"
    return Tile("Elsewhere", number, [sentence for sentence in sentences if sentence])


def how_expensive(trainings: list[TrainingRecord], best: str) -> Tile:
    """The time of all trainings together, and of one with the best loss.

    trainings: the settings files of the recipe's trainings.
    """
    seconds = sum(training["training_s"] for training in trainings)
    number = f"{seconds / 3600:.1f} hours"
    if seconds < 3600:
        number = plural(max(1, round(seconds / 60)), "minute")
    kinds = dict.fromkeys(str(training["device"]["kind"]).upper() for training in trainings)
    of_best = [t["training_s"] for t in trainings if t["loss"]["name"] == best]
    return Tile(
        "How expensive",
        number,
        [
            f"{len(trainings)} trainings one after another on a {' or '.join(kinds)}, without "
            "tuning.",
            f"One training with {best} took {sum(of_best) / max(1, len(of_best)):.0f} s on "
            "average.",
        ],
    )
