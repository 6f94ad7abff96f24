"""What a reader of the first page must know before the numbers."""

from collections.abc import Sequence

import pandas as pd

from tumorseg.core.records import TrainingRecord
from tumorseg.statistics.convergence import warning_sentence

GENERATED = (
    "**These images are generated**: heads with drawn tumours. The run shows that the workflow "
    "works, not which loss is better on patients."
)


def warnings(
    generated: bool,
    convergence: pd.DataFrame,
    fairness: pd.DataFrame,
    trainings: Sequence[TrainingRecord],
    unregistered: str,
) -> list[str]:
    """A sentence for each thing that makes the answer less than it seems; none where all is well.

    Args:
        generated: whether the images are the phantom's.
        convergence, fairness: rows of the question's recipe.
        trainings: the settings files of the recipe's trainings.
        unregistered: what differs from the registration, or empty.
    """
    failed = sum(training["status"] != "ok" for training in trainings)
    lost = fairness[fairness["question"].str.contains("lost") & (fairness["answer"] == "no")]
    recipes = list(dict.fromkeys(convergence["recipe"]))
    sentences = [
        GENERATED if generated else "",
        *(warning_sentence(convergence, recipe) for recipe in recipes),
        f"**{failed} of {len(trainings)} trainings failed**; their patients are not counted."
        if failed
        else "",
        unregistered,
        *(f"**Skull stripping removed tumour**: {detail}." for detail in lost["detail"]),
    ]
    return [sentence for sentence in sentences if sentence]
