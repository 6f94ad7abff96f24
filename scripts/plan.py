"""Prints the number of trainings, their time and memory before the first one starts."""

import pandas as pd

from tumorseg.core.backends import check_installed
from tumorseg.core.files import read_table, write_table
from tumorseg.core.records import NetworkSettings, RecipeSettings, Search
from tumorseg.training import budget
from tumorseg.tuning.search_space import planned_epochs


def main(
    *,
    cases_table: str,
    folds_table: str,
    plan_table: str,
    recipes: dict[str, RecipeSettings],
    searches: dict[str, dict[str, Search]],
    scopes: int,
    losses: dict[str, list[str]],
    seeds: list[int],
    networks: dict[str, NetworkSettings],
    threads: int,
    backend: str = "tensorflow",
) -> None:
    """Writes plan.tsv (per recipe: trainings, epochs, steps, minutes, memory, disk); prints it.

    Minutes are for this machine's CPU at its measured speed; a GPU or TPU takes far less.

    Args:
        cases_table, folds_table, plan_table: cases.tsv and folds.tsv are read, plan.tsv written.
        recipes, losses: the config's recipes; recipe -> names of the losses.
        searches, scopes: recipe -> loss -> what is tuned; how often it runs (once or per fold).
        seeds, threads, backend: of the trainings; UserError where the backend is not installed.
        networks: of each recipe, its name and size.
    """
    check_installed(backend)
    cases, folds = map(read_table, (cases_table, folds_table))
    count, in_all_folds = folds["fold"].nunique(), (folds["role"] == "train").sum()
    speed, rows = budget.matrix_speed(), []
    for name, recipe in recipes.items():
        size = budget.image_cost(network := networks[name])
        epochs, batch = recipe["training"]["epochs"], recipe["training"]["batch_size"]
        tuned = searches.get(name, {}).values()
        tuning_epochs, without_horizon = (
            scopes * sum(planned_epochs(search, horizon) for search in tuned)
            for horizon in (True, False)
        )
        steps = budget.steps_of_an_epoch(in_all_folds / count, recipe["training"], network)
        trainings = count * len(losses[name]) * len(seeds)
        steps_in_all = steps * (epochs * trainings + tuning_epochs)
        images, starts = steps_in_all * batch, trainings + scopes * len(tuned)
        seconds = budget.expected_seconds(images, steps_in_all, starts, size, speed, threads)
        rows.append(
            {
                "recipe": name,
                "losses": len(losses[name]),
                "seeds": len(seeds),
                "folds": count,
                "trainings": trainings,
                "epochs": epochs,
                "steps": steps,
                "advised_epochs": budget.advised_epochs(steps),
                "tuning_epochs": tuning_epochs,
                "tuning_epochs_without_horizon": without_horizon,
                "images_passed": images,
                "estimated_min": round(seconds / 60, 1),
                "memory_mb_a_training": round(1100 + 60 * batch * size),
                "disk_mb": budget.disk_mb(cases, folds, network, trainings, threads),
            }
        )
    write_table(table := pd.DataFrame(rows), plan_table)
    print("\nPlan: training, then prediction, measuring and the report")
    for row in table.itertuples():
        print(
            f"  {row.recipe}: {row.trainings} trainings ({row.losses} losses x {row.seeds} seed(s) "
            f"x {row.folds} folds), {row.epochs} epochs of {row.steps} steps each, "
            f"{row.tuning_epochs} epochs of tuning, about {row.estimated_min:.0f} min on this CPU "
            f"({threads} thread(s) per training), {row.memory_mb_a_training} MB per training"
        )
        if row.tuning_epochs_without_horizon < row.tuning_epochs:
            print(
                f"  {row.recipe}: its learning rate falls to 0 at the last epoch, so tuning trains "
                "every number of epochs by itself; schedule: constant would need "
                f"{row.tuning_epochs_without_horizon} epochs of tuning"
            )
        if row.epochs < row.advised_epochs:
            print(
                f"WARNING {row.recipe}: {row.epochs} epochs of {row.steps} steps are too few to "
                f"converge; expected at least {row.advised_epochs}; raise training.epochs or "
                "training.steps of the recipe"
            )
    disk = budget.disk_line(table["disk_mb"].sum(), plan_table)
    print(f"  in total about {table['estimated_min'].sum():.0f} min\n{disk}\n", flush=True)


if "snakemake" in globals():
    from tumorseg.workflow.job import run

    run(main, snakemake)  # noqa: F821
