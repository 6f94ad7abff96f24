"""The report's opening paragraph: which loss is best, by how much, how certain, at what cost."""

import pandas as pd

from tumorseg.statistics.comparison import OWN, PRIMARY, Question
from tumorseg.statistics.convergence import warning_sentence
from tumorseg.statistics.estimates import p_text
from tumorseg.statistics.wording import (
    claim,
    decision,
    ends,
    headline,
    listed,
    percent,
    plural,
    points,
)

SPELLED_OUT = 5  # so many contrasts have a sentence each; of more, only the best loss's


def failures(cases: pd.DataFrame) -> str:
    """A sentence on the trainings that failed, empty if none did."""
    trainings = cases[cases["status"] != "ok"][["recipe", "loss", "seed", "fold"]]
    if trainings.empty:
        return ""
    counts = trainings.drop_duplicates().groupby(["recipe", "loss"], sort=False).size()
    failed = ", ".join(f"{recipe}/{loss} {number}" for (recipe, loss), number in counts.items())
    return (
        f"Failed trainings: {failed}. They are left out; patients of a fold without any finished "
        "training count as undecided."
    )


def answer(
    tables: dict[str, pd.DataFrame], cases: pd.DataFrame, cost: pd.DataFrame, question: Question
) -> str:
    """The paragraph as plain text (valid reStructuredText).

    tables: contrasts, verdicts, recipes, ranking and convergence; cases: rows of metrics tables;
    cost: recipe, loss, training_s.
    """
    contrasts, verdicts = tables["contrasts"], tables["verdicts"].to_dict("records")
    recipe, reference = question.recipe, question.reference
    order = tables["ranking"].query("recipe == @recipe").dropna(subset=["mean"])
    if order.empty:
        return "**No loss learned anything**: every training failed."
    first = order.iloc[0]
    best = first["loss"]
    if first["mean"] > 0:
        sentences = [*_verdicts(verdicts, question, best), _lead(first, order, question)]
        sentences += [_places(order, best), _at_own(contrasts, question, best)]
    else:
        no_tumour = f"**No loss found any tumour** with recipe {recipe}"
        sentences = [f"{no_tumour}: every patient-mean Dice is 0."]
    sentences.insert(0, warning_sentence(tables["convergence"], recipe))
    sentences += [
        _classes(tables.get("classes"), recipe, best),
        _other_recipes(tables["recipes"], recipe, best),
        _missed(cases, recipe, best, reference),
        _cost(cost, recipe, best, reference),
        _scope(contrasts, best, reference) if first["mean"] > 0 else "",
        failures(cases),
    ]
    return " ".join(sentence for sentence in sentences if sentence)


def _verdicts(verdicts: list[dict], question: Question, best: str) -> list[str]:
    """What the primary contrasts say, and what would decide the undecided ones."""
    if not verdicts:
        return []
    said = headline(verdicts)
    margin = f"margin {100 * question.margin:.3g} points"
    sentences = [f"**Against {question.reference}** ({margin}) **{said}**."]
    chosen = verdicts if len(verdicts) <= SPELLED_OUT else []
    chosen = chosen or [row for row in verdicts if row["loss"] == best]
    for row in chosen:
        counts = f"higher in {row['better']} and lower in {row['worse']} of {row['patients']}"
        sentences += [f"{claim(row)[:-1]}; {counts} patients.", decision(row)]
    sources = "both sources of chance" if verdicts[0]["trainings_counted"] else "patients only"
    family = plural(len(verdicts), "primary contrast")
    sentences.append(f"p: t test with {sources}, Holm's correction over {family}.")
    return list(dict.fromkeys(sentences))  # what would decide several is said once


def _lead(first: pd.Series, order: pd.DataFrame, question: Question) -> str:
    """The highest mean, with an interval that allows for its having been picked."""
    of = f" ({question.of})" if question.of else ""
    losses = len(order)
    text = (
        f"**{first['loss']}** reached the highest patient-mean Dice{of} of "
        f"{losses} {'losses' if losses > 1 else 'loss'} with recipe {first['recipe']}: "
        f"{percent(first['mean'])}"
    )
    if losses == 1 or pd.isna(first["joint_low"]):
        between = f"{percent(first['low'])} to {percent(first['high'])}"
        return f"{text} (95 % interval {between}; {plural(first['patients'], 'patient')})."
    luck = max(0.0, 100 * first["luck"])
    between = f"{percent(first['joint_low'])} to {percent(first['joint_high'])}"
    return (
        f"{text} ({between}, a 95 % interval for all {losses} losses at once, because the highest "
        f"was picked afterwards; it is expected to be {luck:.1f} points too high)."
    )


def _places(order: pd.DataFrame, best: str) -> str:
    """Which losses could be the best one."""
    others = order[(order["place_low"] == 1) & (order["loss"] != best)]["loss"]
    if order["place_low"].isna().all():
        return ""
    if others.empty:
        return f"Among all losses {best} is best also if all pairs are compared at once."
    if len(others) == len(order) - 1:
        return "If all pairs are compared at once, each loss could be the best."
    return f"If all pairs are compared at once, {listed(others)} could be the best as well."


def _at_own(contrasts: pd.DataFrame, question: Question, best: str) -> str:
    """The best loss against the reference at each training's own threshold."""
    if contrasts.empty:
        return ""
    chosen = contrasts[
        (contrasts["threshold"] == OWN)
        & (contrasts["recipe"] == question.recipe)
        & (contrasts["loss"] == best)
        & (contrasts["against"] == question.reference)
    ]
    return " ".join(
        "If each training uses the threshold chosen on its validation patients, the difference of "
        f"{best} from {question.reference} is {points(row['mean_difference'])} points "
        f"({ends(row['low'], row['high'])}; exploratory)."
        for _, row in chosen.iterrows()
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
        f"{points(row.high)}; {p_text(row.p_holm)} after Holm's correction over "
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


def _scope(contrasts: pd.DataFrame, best: str, reference: str) -> str:
    """Which sources of chance the intervals count, and how far other trainings could move them."""
    primary = contrasts[contrasts["role"] == PRIMARY] if len(contrasts) else contrasts
    primary = primary.dropna(subset=["mean_difference"]) if len(primary) else primary
    if primary.empty:
        return ""
    of_best = primary[primary["loss"] == best]
    row = (of_best if len(of_best) else primary).iloc[0]
    models = f"{points(row['models_low'])} to {points(row['models_high'])}"
    if not row["trainings_counted"]:
        return (
            "With a single training of each loss the intervals count patients only and hold **for "
            "these trained models**; a claim about the losses needs folds or training.seeds."
        )
    trainings = f"{row['folds']} folds x {plural(row['seeds'], 'seed')}"
    text = (
        f"The intervals count patients and trainings ({trainings}) as sources of chance, so they "
        "are about the losses, on data like these"
    )
    if row["seeds"] == 1:
        text += "; with one seed the luck of trainings is seen only in how the folds differ"
    return (
        f"{text}. For these trained models alone the difference of {row['loss']} from {reference} "
        f"would have the interval {models}; {other_seeds(100 * row['another_seed'])}."
    )


def other_seeds(most: float) -> str:
    """How far other seeds could move a difference. most: in points, 0 where none was seen."""
    if round(most, 1) == 0:
        return "how far other seeds could move it does not show in so few trainings"
    return (
        f"the same trainings with other seeds could move it by {most:.1f} points (in 95 of 100 "
        "repetitions at most)"
    )
