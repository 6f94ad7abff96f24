"""The answer in one paragraph, from the numbers: which loss, by how much, how sure, what cost."""

import math

import pandas as pd

from tumorseg.statistics.comparison import FIXED, OWN, PRIMARY, SEEDS_FOR_A_LOSS, Question
from tumorseg.statistics.estimates import LEVEL, p_text


def points(value: float) -> str:
    """A Dice difference in percentage points, signed."""
    return f"{100 * value:+.1f}"


def percent(value: float) -> str:
    """A Dice as percent."""
    return f"{100 * value:.1f} %"


def listed(names: list[str]) -> str:
    """a, b and c."""
    return ", ".join(names[:-1]) + " and " + names[-1] if len(names) > 1 else "".join(names)


def _against(row: pd.Series) -> str:
    sure = f"95 % interval {points(row['low'])} to {points(row['high'])}"
    test = f"signed-rank {p_text(row['p_holm'])} after Holm over the primary contrasts"
    better = f"higher in {row['better']}, lower in {row['worse']} of {row['patients']} patients"
    return f"{points(row['mean_difference'])} points ({sure}; {test}; {better})"


def _unlike(contrasts: pd.DataFrame, recipe: str, best: str) -> list[str]:
    """Losses that the data do not tell apart from the best one."""
    mine = (contrasts["recipe"] == recipe) & (contrasts["threshold"] == FIXED)
    pairs = contrasts[mine & ((contrasts["loss"] == best) | (contrasts["against"] == best))]
    open_ = pairs[~(pairs["p_holm"] < LEVEL)]
    return [row.against if row.loss == best else row.loss for row in open_.itertuples()]


def failures(cases: pd.DataFrame) -> str:
    """Which trainings failed, empty where none did."""
    lost = cases[cases["status"] != "ok"][["recipe", "loss", "seed", "fold"]].drop_duplicates()
    if lost.empty:
        return ""
    each = lost.groupby(["recipe", "loss"], sort=False).size()
    said = ", ".join(f"{recipe}/{loss} {number}" for (recipe, loss), number in each.items())
    return f"Failed trainings, whose patients count as undecided: {said}."


def answer(
    tables: dict[str, pd.DataFrame], cases: pd.DataFrame, cost: pd.DataFrame, question: Question
) -> str:
    """One paragraph of plain text (valid reStructuredText).

    tables: contrasts and ranking; cases: metrics lines; cost: recipe, loss, training_s.
    """
    contrasts, recipe, reference = tables["contrasts"], question.recipe, question.reference
    order = tables["ranking"].query("recipe == @recipe").dropna(subset=["mean"])
    if order.empty:
        return "**No loss learned anything**: every training failed."
    best, first = order.iloc[0]["loss"], order.iloc[0]
    seeds = cases["seed"].nunique()
    said = [
        f"**{best}** reached the highest patient-mean Dice of {len(order)} "
        f"{'losses' if len(order) > 1 else 'loss'} with recipe {recipe}: {percent(first['mean'])} "
        f"(95 % interval {percent(first['low'])} to {percent(first['high'])}; "
        f"{first['patients']} patients)."
    ]
    primary = contrasts[contrasts["role"] == PRIMARY]
    for _, row in primary[primary["loss"] == best].iterrows():
        said.append(f"Against the reference {reference} that is {_against(row)}.")
        own = contrasts[(contrasts["threshold"] == OWN) & (contrasts["recipe"] == recipe)]
        own = own[(own["loss"] == best) & (own["against"] == reference)]
        for _, other in own.iterrows():
            said.append(
                "With each training at the threshold that its validation patients choose, it is "
                f"{points(other['mean_difference'])} points ({points(other['low'])} to "
                f"{points(other['high'])})."
            )
    if not first["mean"] > 0:
        said = [f"**No loss found any tumour** with recipe {recipe}: every patient-mean Dice is 0."]
    if len(primary):
        sure = primary[primary["p_holm"] < LEVEL]
        above = list(sure.loc[sure["mean_difference"] > 0, "loss"])
        below = list(sure.loc[sure["mean_difference"] < 0, "loss"])
        said.append(
            f"Of {len(primary)} primary contrast{'s' if len(primary) > 1 else ''} with "
            f"{reference}, {len(above)} "
            f"{'is' if len(above) == 1 else 'are'} significantly higher"
            + (f" ({listed(above)})" if len(above) > 1 else "")
            + f" and {len(below)} lower"
            + (f" ({listed(below)})" if below else "")
            + f"; {_unseen(primary['detectable_difference'].max())}"
        )
    alike = _unlike(contrasts, recipe, best) if len(contrasts) else []
    if alike:
        told = f"Not told apart from {best} (exploratory, Holm over all pairs)"
        said.append(f"{told}: {listed(alike)}.")
    said += [_missed(cases, recipe, best, reference), _cost(cost, recipe, best, reference)]
    said.append(
        f"With {seeds} training seeds, patients and trainings were drawn again for the intervals: "
        "this speaks of the losses, on data like these."
        if seeds >= SEEDS_FOR_A_LOSS
        else f"With {seeds} training seed{'s' if seeds > 1 else ''} this holds **for these trained "
        f"models**; a claim about the losses needs {SEEDS_FOR_A_LOSS} (training.seeds)."
    )
    return " ".join(part for part in [*said, failures(cases)] if part)


def _unseen(smallest: float) -> str:
    if math.isnan(smallest):
        return "what differences could have been seen is undefined."
    return f"a difference below {100 * smallest:.1f} points might have gone unseen (80 % power)."


def _missed(cases: pd.DataFrame, recipe: str, best: str, reference: str) -> str:
    done = cases[(cases["recipe"] == recipe) & (cases["status"] == "ok")]
    told = []
    for loss in dict.fromkeys([best, reference]):
        own = done[done["loss"] == loss]
        told.append(f"{loss} {int(own['missed'].sum())} of {int((own['truth_px'] > 0).sum())}")
    return f"Tumours missed altogether: {listed(told)}."


def _cost(cost: pd.DataFrame, recipe: str, best: str, reference: str) -> str:
    own = cost[cost["recipe"] == recipe].set_index("loss")["training_s"]
    if best == reference or best not in own or reference not in own:
        return f"A training took {own[best]:.0f} s." if best in own else ""
    return f"A training took {own[best]:.0f} s, with {reference} {own[reference]:.0f} s."
