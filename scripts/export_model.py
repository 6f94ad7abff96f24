"""Writes the chosen loss's trainings as a folder that predicts new images on any machine."""

from pathlib import Path
from statistics import fmean
from typing import Any

import yaml

from tumorseg.core.cases import PLANES
from tumorseg.core.errors import UserError
from tumorseg.core.files import read_table
from tumorseg.prediction import exported_model
from tumorseg.training import identity


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
    settings: dict[str, Any],
    losses: list[str],
    model_loss: str,
    network: dict[str, Any],
    skull_strip: str,
    threshold: float,
) -> None:
    """Writes model.yaml, README.txt and the weights of every fold and seed of one loss.

    settings_files, weights: of every loss, in the same order. model_loss: `best` for the first of
    the recipe in ranking_table, or a loss's name. threshold: the fixed one, told beside the mean of
    those that the trainings' own validation patients chose. Failed trainings are left out, counted.
    """
    if model_loss not in ("best", *losses):
        known = ", ".join(losses)
        raise UserError(f"config: model_loss: no loss {model_loss!r}; there are: best, {known}")
    ranked = read_table(ranking_table, ("recipe", "loss")).query("recipe == @recipe")
    ranked = ranked.sort_values("mean", ascending=False, kind="stable").set_index("loss")
    loss = str(ranked.index[0]) if model_loss == "best" else model_loss
    score = ranked.loc[loss]
    cells_of_loss = [
        (facts, Path(path))
        for file, path in zip(settings_files, weights, strict=True)
        if (facts := yaml.safe_load(Path(file).read_text(encoding="utf-8")))["loss"]["name"] == loss
    ]
    done = [(facts, path) for facts, path in cells_of_loss if facts["status"] == "ok"]
    failed = len(cells_of_loss) - len(done)
    if not done:
        raise UserError(f"loss {loss}: all {failed} trainings failed: there is nothing to export")
    chosen = read_table(thresholds_table, ("recipe", "loss"))
    chosen = chosen.query("recipe == @recipe and loss == @loss").set_index(["seed", "fold"])
    own = [float(chosen.loc[(facts["seed"], facts["fold"]), "threshold"]) for facts, _ in done]
    cases = read_table(cases_table)
    planes = cases["plane"].value_counts()
    names = [f"seed-{f['seed']}_fold-{f['fold']}.weights.h5" for f, _ in done]
    facts = {
        "experiment": experiment,
        "loss": {"name": loss, "function": done[0][0]["loss"]["function"]},
        "recipe": {"name": recipe, "settings": settings},
        "network": network,
        "skull_strip": skull_strip,
        "threshold": round(fmean(own), 4),
        "threshold_fixed": threshold,
        "planes": {name: int(planes[name]) for name in PLANES if name in planes},
        "patients": int(cases["patient"].nunique()),
        "cases": len(cases),
        "test_dice": {name: round(float(score[name]), 4) for name in ("mean", "low", "high")},
        "failed_trainings": failed,
        "versions": identity.versions(),
        "members": [
            {"file": name, "seed": f["seed"], "fold": f["fold"], "threshold": own_threshold}
            | {"loss_constants": f["loss"]["constants"], "training": f["settings"]["training"]}
            for name, (f, _), own_threshold in zip(names, done, own, strict=True)
        ],
    }
    folder = Path(model_dir)
    exported_model.write(folder, facts, [path for _, path in done])
    print(f"{folder}: {len(done)} trainings of {loss}, threshold {facts['threshold']}")


if "snakemake" in globals():
    from tumorseg.workflow.job import run

    run(main, snakemake)  # noqa: F821
