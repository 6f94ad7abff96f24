"""What the outside data say, in sentences."""

import math
from typing import Any

import pandas as pd

from tumorseg.statistics.comparison import FIXED, OWN, Question
from tumorseg.statistics.wording import ends, percent, plural, points


def row_of(table: pd.DataFrame, **values: str) -> dict[str, Any]:
    """The row of a table with these values; empty where there is none."""
    for name, value in values.items():
        if name not in table:
            return {}
        table = table[table[name] == value]
    return {} if table.empty else dict(table.iloc[0])


def in_words(external: pd.DataFrame, contrasts: pd.DataFrame, question: Question, best: str) -> str:
    """The best inside loss on the outside data, and its difference from the reference there.

    external, contrasts: of statistics/outside.py; best: the loss with the highest mean inside.
    """
    found = row_of(external, recipe=question.recipe, loss=best, choice=FIXED)
    if not found or math.isnan(found["dice"]):
        return f"**Outside data**: {best} has no result there."
    count = plural(int(found["patients"]), "patient")
    sentences = [
        f"**Outside data** ({count}, on whom nobody trained): {best}, all its trainings together, "
        f"has a patient-mean Dice of {percent(found['dice'])} "
        f"({percent(found['low'])} to {percent(found['high'])}; {int(found['missed'])} of "
        f"{int(found['cases'])} images missed); a single training falls from "
        f"{percent(found['inside_dice'])} inside to {percent(found['single_dice'])}.",
        difference(contrasts, question, best),
    ]
    return " ".join(sentence for sentence in sentences if sentence)


def difference(contrasts: pd.DataFrame, question: Question, best: str) -> str:
    """The difference of a loss from the reference outside, in a sentence; empty without one."""
    pair = {"recipe": question.recipe, "loss": best, "against": question.reference}
    fixed = row_of(contrasts, **pair, threshold=FIXED)
    if not fixed or math.isnan(fixed["mean_difference"]):
        return ""
    text = (
        f"Its difference from {question.reference} there is {points(fixed['mean_difference'])} "
        f"points for these trainings ({ends(fixed['low'], fixed['high'])})"
    )
    own = row_of(contrasts, **pair, threshold=OWN)
    if own and not math.isnan(own["low"]):
        text += (
            f", {points(own['mean_difference'])} ({points(own['low'])} to {points(own['high'])}) "
            "at the thresholds they chose"
        )
    if math.isnan(fixed["single_low"]):
        return f"{text}."
    return (
        f"{text}, and {points(fixed['single_difference'])} ({points(fixed['single_low'])} to "
        f"{points(fixed['single_high'])}) where the luck of trainings is counted as well."
    )
