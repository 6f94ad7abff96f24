"""What reporting checklists are filled from: the values of a run, and the facts made of them.

A fact is a function of the Evidence that returns a sentence, or "" where the run does not know. The
modules checklist_data.py and checklist_study.py hold them.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pandas as pd

from tumorseg.core.records import TrainingRecord
from tumorseg.statistics.wording import plural

# Items of the report that show several facts.
RUN, REGISTERED = "Data, folds, recipes, versions", "The plan: registered and run"
FOLDS = "Folds (table)"
BESIDE = "beside the report: {}"  # a file of the results folder


@dataclass(frozen=True)
class Evidence:
    """The values of a run.

    plan: the plan in force, flat (registration/record.py). tables: those that are named in
    rules/checklists.smk. registered: when (UTC), and what was known then. changes: values of the
    plan that changed since. names: identifiers.names. excluded: entries in source.exclude.
    """

    plan: dict[str, Any]
    tables: dict[str, pd.DataFrame]
    trainings: list[TrainingRecord]
    registered: str
    changes: int
    names: str
    excluded: int

    def of_trainings(self, *keys: str) -> list[Any]:
        """A value of every training's record, by its keys."""
        values: list[Any] = list(self.trainings)
        for key in keys:
            values = [value[key] for value in values]
        return values

    @property
    def seeds(self) -> str:
        """How many training seeds there are, in words."""
        return plural(len(set(self.of_trainings("seed"))), "training seed")

    def under(self, key: str) -> list[str]:
        """The names of what the plan has below a key, such as the classes of settings.classes."""
        inside = [name[len(key) + 1 :] for name in self.plan if name.startswith(f"{key}.")]
        return list(dict.fromkeys(name.split(".")[0] for name in inside))


# name -> the fact, and the item of the report that shows it
FACTS: dict[str, tuple[Callable[[Evidence], str], str]] = {}


def fact(shown_in: str) -> Callable[[Callable[[Evidence], str]], Callable[[Evidence], str]]:
    """A decorator that enters a function into FACTS under its name."""

    def enter(function: Callable[[Evidence], str]) -> Callable[[Evidence], str]:
        FACTS[function.__name__] = function, shown_in
        return function

    return enter


def listed(values: Any) -> str:
    """The different values as text, in their order."""
    return ", ".join(dict.fromkeys(map(str, values)))


def percent(value: float, sign: str = "") -> str:
    """A fraction as percent, with one decimal."""
    return "undefined" if math.isnan(value) else f"{100 * value:{sign}.1f}"
