"""Exports the networks of one loss as a folder that can predict images on any machine."""

from pathlib import Path

from tumorseg.core.cases import PLANES
from tumorseg.core.files import read_table
from tumorseg.core.records import NetworkSettings, RecipeSettings
from tumorseg.prediction import exporting
from tumorseg.prediction.model_classes import decision
from tumorseg.prediction.records import ModelFacts
from tumorseg.training import identity
from tumorseg.training.windows import OVERLAP


def main(
    *,
    settings_files: list[str],
    weights: list[str],
    ranking_table: str,
    thresholds_table: str,
    cases_table: str,
    model_dir: str,
    experiment: str,
    recipe: str,
    settings: RecipeSettings,
    losses: list[str],
    model_loss: str,
    network: NetworkSettings,
    skull_strip: str,
    threshold: float,
    class_thresholds_table: str = "",
    labels: dict[str, int] | None = None,
    classes: dict[str, list[str]] | None = None,
    primary_class: str = "",
    channels: list[str] | tuple = (),
    inputs: list[int] | tuple = (1,),
) -> None:
    """Writes model.yaml, README.txt and the weights of every fold and seed of one loss.

    Failed trainings are left out and counted.

    Args:
        settings_files, weights: of every training of the recipe, in the same order.
        ranking_table: the losses' mean Dice with intervals.
        thresholds_table: the threshold that each training's validation patients chose.
        cases_table: all cases, for their numbers.
        model_dir: the folder to write.
        experiment, recipe: their names.
        settings: the recipe.
        losses: all losses of the experiment.
        model_loss: a loss's name, or `best` for the one with the highest mean Dice.
        network: the key `network` of the config.
        skull_strip: the skull-stripping method.
        threshold: the experiment's fixed threshold.
        class_thresholds_table: class_thresholds.tsv, where classes may overlap.
        labels: where there are several classes, their names and labels, the primary one first.
        classes: the labels of each in annotations.
        primary_class: the class that the question is about, or mean.
        channels: where a case has several, their names.
        inputs: positions in `channels`, from 1, of those that the network sees.

    Raises:
        UserError: model_loss is unknown, or all trainings of the loss failed.
    """
    ranked = read_table(ranking_table, ("recipe", "loss")).query("recipe == @recipe")
    score = exporting.chosen_loss(ranked, losses, model_loss)
    loss = str(score.name)
    done, failed = exporting.finished(settings_files, weights, loss)
    records = [record for record, _ in done]
    tables = thresholds_table, class_thresholds_table
    thresholds = exporting.own_thresholds(*tables, recipe, loss, records)
    cases = read_table(cases_table)
    planes = cases["plane"].value_counts()
    facts: ModelFacts = {
        "experiment": experiment,
        "loss": {"name": loss, "function": records[0]["loss"]["function"]},
        "recipe": {"name": recipe, "settings": settings},
        "network": network,
        **({"overlap": OVERLAP} if "patch" in network else {}),
        "skull_strip": skull_strip,
        **exporting.decision_of(thresholds, labels, primary_class, network, classes),
        "threshold_fixed": threshold,
        "planes": {name: int(planes[name]) for name in PLANES if name in planes},
        **exporting.channels_of(cases, channels, inputs, settings),
        "patients": int(cases["patient"].nunique()),
        "cases": len(cases),
        "test_dice": {name: round(float(score[name]), 4) for name in ("mean", "low", "high")},
        "failed_trainings": failed,
        "versions": identity.versions(),
        "members": list(map(exporting.member, records, thresholds)),
    }
    folder = Path(model_dir)
    exporting.write(folder, facts, [path for _, path in done])
    print(f"{folder}: {len(done)} trainings of {loss}. {decision(facts)}")


if "snakemake" in globals():
    from tumorseg.workflow.job import run

    run(main, snakemake)  # noqa: F821
