"""The report's opening paragraph: which loss is best, by how much, how certain, at what cost."""

import math

import pandas as pd

from tumorseg.statistics.comparison import FIXED, OWN, PRIMARY, SEEDS_FOR_A_LOSS, Question
from tumorseg.statistics.convergence import warning_sentence
from tumorseg.statistics.estimates import LEVEL, p_text


def points(value: float) -> str:
    """A Dice difference in percentage points, with its sign."""
    return f"{100 * value:+.1f}"


def percent(value: float) -> str:
    """A Dice as percent."""
    return f"{100 * value:.1f} %"


def listed(names: list[str]) -> str:
    """a, b and c."""
    return ", ".join(names[:-1]) + " and " + names[-1] if len(names) > 1 else "".join(names)


def failures(cases: pd.DataFrame) -> str:
    """A sentence on the trainings that failed, empty if none did."""
    trainings = cases[cases["status"] != "ok"][["recipe", "loss", "seed", "fold"]]
    if trainings.empty:
        return ""
    counts = trainings.drop_duplicates().groupby(["recipe", "loss"], sort=False).size()
    failed = ", ".join(f"{recipe}/{loss} {number}" for (recipe, loss), number in counts.items())
    return f"Failed trainings (their patients count as undecided): {failed}."


def answer(
    tables: dict[str, pd.DataFrame], cases: pd.DataFrame, cost: pd.DataFrame, question: Question
) -> str:
    """The paragraph as plain text (valid reStructuredText).

    tables: contrasts, recipes, ranking and convergence; cases: rows of metrics tables; cost:
    recipe, loss, training_s.
    """
    contrasts, recipe, reference = tables["contrasts"], question.recipe, question.reference
    order = tables["ranking"].query("recipe == @recipe").dropna(subset=["mean"])
    if order.empty:
        return "**No loss learned anything**: every training failed."
    first = order.iloc[0]
    best = first["loss"]
    if first["mean"] > 0:
        sentences = [_lead(first, len(order), question), *_differences(contrasts, question, best)]
    else:
        no_tumour = f"**No loss found any tumour** with recipe {recipe}"
        sentences = [f"{no_tumour}: every patient-mean Dice is 0."]
    sentences.insert(0, warning_sentence(tables["convergence"], recipe))
    sentences += [
        _primary(contrasts[contrasts["role"] == PRIMARY], reference),
        _not_different(contrasts, recipe, best),
        _classes(tables.get("classes"), recipe, best),
        _other_recipes(tables["recipes"], recipe, best),
        _missed(cases, recipe, best, reference),
        _cost(cost, recipe, best, reference),
        _scope(cases["seed"].nunique()),
        failures(cases),
    ]
    return " ".join(sentence for sentence in sentences if sentence)


def _lead(first: pd.Series, losses: int, question: Question) -> str:
    of = f" ({question.of})" if question.of else ""
    return (
        f"**{first['loss']}** reached the highest patient-mean Dice{of} of {losses} "
        f"{'losses' if losses > 1 else 'loss'} with recipe {first['recipe']}: "
        f"{percent(first['mean'])} (95 % interval {percent(first['low'])} to "
        f"{percent(first['high'])}; {first['patients']} patients)."
    )


def _differences(contrasts: pd.DataFrame, question: Question, best: str) -> list[str]:
    """The best loss against the reference, at the fixed and at each training's own threshold."""
    primary = contrasts[(contrasts["role"] == PRIMARY) & (contrasts["loss"] == best)]
    at_own = contrasts[
        (contrasts["threshold"] == OWN)
        & (contrasts["recipe"] == question.recipe)
        & (contrasts["loss"] == best)
        & (contrasts["against"] == question.reference)
    ]
    sentences = []
    for _, row in primary.iterrows():
        sentences.append(
            f"Its difference from the reference {question.reference} is "
            f"{points(row['mean_difference'])} points (95 % interval {points(row['low'])} to "
            f"{points(row['high'])}; signed-rank {p_text(row['p_holm'])} after Holm's correction "
            f"over the primary contrasts; higher in {row['better']} and lower in {row['worse']} of "
            f"{row['patients']} patients)."
        )
        sentences += [
            "If each training uses the threshold chosen on its validation patients, the difference "
            f"is {points(contrast['mean_difference'])} points ({points(contrast['low'])} to "
            f"{points(contrast['high'])})."
            for _, contrast in at_own.iterrows()
        ]
    return sentences


def _primary(contrasts: pd.DataFrame, reference: str) -> str:
    """How many primary contrasts are significant, and which difference could be missed."""
    if contrasts.empty:
        return ""
    significant = contrasts[contrasts["p_holm"] < LEVEL]
    higher = list(significant.loc[significant["mean_difference"] > 0, "loss"])
    lower = list(significant.loc[significant["mean_difference"] < 0, "loss"])
    return (
        f"Of {len(contrasts)} primary contrast{'s' if len(contrasts) > 1 else ''} with "
        f"{reference}, {len(higher)} {'is' if len(higher) == 1 else 'are'} significantly higher"
        + (f" ({listed(higher)})" if len(higher) > 1 else "")
        + f" and {len(lower)} significantly lower"
        + (f" ({listed(lower)})" if lower else "")
        + f"; {_detectable(contrasts['detectable_difference'].max())}"
    )


def _detectable(smallest: float) -> str:
    if math.isnan(smallest):
        return "the smallest difference that could be detected is undefined."
    return f"a difference below {100 * smallest:.1f} points could have been missed (80 % power)."


def _not_different(contrasts: pd.DataFrame, recipe: str, best: str) -> str:
    """The losses that do not differ significantly from the best one."""
    if contrasts.empty:
        return ""
    fixed = contrasts[(contrasts["recipe"] == recipe) & (contrasts["threshold"] == FIXED)]
    pairs = fixed[(fixed["loss"] == best) | (fixed["against"] == best)]
    pairs = pairs[~(pairs["p_holm"] < LEVEL)]
    names = [row.against if row.loss == best else row.loss for row in pairs.itertuples()]
    if not names:
        return ""
    return (
        f"Not significantly different from {best} (exploratory, Holm's correction over all pairs): "
        f"{listed(names)}."
    )


def _classes(classes: pd.DataFrame | None, recipe: str, best: str) -> str:
    """The best loss's Dice of each class."""
    if classes is None:
        return ""
    rows = classes[(classes["recipe"] == recipe) & (classes["loss"] == best)]
    dices = [
        f"{row.name_} {percent(row.dice)} ({percent(row.low)} to {percent(row.high)}; "
        f"{row.missed} of {row.cases_with} missed)"
        for row in rows.rename(columns={"class": "name_"}).itertuples()
    ]
    return f"By class, {best} (exploratory): {listed(dices)}."


def _other_recipes(recipes: pd.DataFrame, recipe: str, best: str) -> str:
    """The best loss with the other recipes against the question's."""
    if recipes.empty:
        return ""
    rows = recipes[(recipes["loss"] == best) & (recipes["against"] == recipe)]
    differences = [
        f"with {row.recipe} {points(row.mean_difference)} points ({points(row.low)} to "
        f"{points(row.high)}; signed-rank {p_text(row.p_holm)} after Holm's correction over "
        f"{len(recipes)} pair{'s' if len(recipes) > 1 else ''} of recipes)"
        for row in rows.itertuples()
    ]
    against = f"Other recipes than {recipe}, {best} on the same patients (exploratory): "
    return f"{against}{listed(differences)}." if differences else ""


def _missed(cases: pd.DataFrame, recipe: str, best: str, reference: str) -> str:
    finished = cases[(cases["recipe"] == recipe) & (cases["status"] == "ok")]
    counts = []
    for loss in dict.fromkeys([best, reference]):
        of_loss = finished[finished["loss"] == loss]
        tumours = int((of_loss["truth_px"] > 0).sum())
        counts.append(f"{loss} {int(of_loss['missed'].sum())} of {tumours}")
    return f"Tumours missed completely: {listed(counts)}."


def _cost(cost: pd.DataFrame, recipe: str, best: str, reference: str) -> str:
    seconds = cost[cost["recipe"] == recipe].set_index("loss")["training_s"]
    if best not in seconds:
        return ""
    if best == reference or reference not in seconds:
        return f"A training took {seconds[best]:.0f} s on average."
    return (
        f"A training took {seconds[best]:.0f} s on average; with {reference}, "
        f"{seconds[reference]:.0f} s."
    )


def _scope(seeds: int) -> str:
    """Whether the results are about the losses or only about these trained models."""
    if seeds >= SEEDS_FOR_A_LOSS:
        return (
            f"With {seeds} training seeds, the intervals resample both patients and trainings, so "
            "the results are about the losses, on data like these."
        )
    return (
        f"With {seeds} training seed{'s' if seeds > 1 else ''}, the results hold only "
        f"**for these trained models**; a claim about the losses needs {SEEDS_FOR_A_LOSS} "
        "(training.seeds)."
    )
