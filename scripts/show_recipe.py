"""Draws one recipe's predictions (Fig. 5) and training curves."""

from pathlib import Path

import pandas as pd

from tumorseg.core.files import read_table
from tumorseg.core.images import case_file, read_image, read_mask
from tumorseg.evaluation import probabilities
from tumorseg.reporting.figure_style import save_svg
from tumorseg.reporting.result_figures import curve_figure
from tumorseg.reporting.shown_cases import (
    ShownCase,
    ShownPrediction,
    cases_by_dice,
    flat,
)
from tumorseg.reporting.slice_figures import prediction_figure

SHOWN_LOSSES = 2  # more would not be legible in one figure


def read_histories(paths: list[str]) -> pd.DataFrame:
    """The histories of all trainings in one table. paths: <loss>/seed-<s>/fold-<k>/history.tsv."""
    tables = []
    for path in map(Path, paths):
        loss, training = path.parts[-4], "/".join(path.parts[-3:-1])
        tables.append(read_table(path).assign(loss_name=loss, training=training))
    return pd.concat(tables, ignore_index=True)


def shown_losses(metrics: pd.DataFrame, reference_loss: str) -> list[str]:
    """The first SHOWN_LOSSES losses that trained, the reference loss before all others."""
    losses = list(dict.fromkeys(metrics["loss"]))
    trained = set(metrics.loc[metrics["status"] == "ok", "loss"])
    losses.sort(key=lambda loss: (loss not in trained, loss != reference_loss))
    return losses[:SHOWN_LOSSES]


def main(
    *,
    histories: list[str],
    metrics: list[str],
    predictions: list[str],
    cases_dir: str,
    masks_dir: str,
    predictions_svg: str,
    curves_svg: str,
    recipe: str,
    reference_loss: str,
    threshold: float = 0.5,
) -> None:
    """Writes two figures of one recipe. Cases of Fig. 5 are chosen by the reference loss's Dice.

    Args:
        histories: history.tsv of every training.
        metrics: the metrics table of every loss.
        predictions: the first seed's folders, <loss>/seed-<s>/fold-<k>.
        cases_dir: the images.
        masks_dir: the ground truth.
        predictions_svg: Fig. 5.
        curves_svg: the training curves.
        recipe: the recipe's name.
        reference_loss: its Dice ranks the cases.
        threshold: a pixel is predicted as tumour if its probability is above.
    """
    table = pd.concat([read_table(path) for path in metrics], ignore_index=True)
    folders = {(path.parts[-3], path.name): path for path in map(Path, predictions)}
    first_seed = int(Path(predictions[0]).parts[-2].removeprefix("seed-"))
    table = table[table["seed"] == first_seed]
    names, losses = list(dict.fromkeys(table["loss"])), shown_losses(table, reference_loss)
    by_case = {loss: table[table["loss"] == loss].set_index("case") for loss in losses}
    rows = []
    for case in cases_by_dice(table[table["loss"] == losses[0]]):
        truth = read_mask(case_file(masks_dir, case))
        image, mask = flat(truth, read_image(case_file(cases_dir, case)), truth)
        shown: list[ShownPrediction | None] = []
        for loss in losses:
            line = by_case[loss].loc[case]
            if line["status"] != "ok":
                shown.append(None)
                continue
            folder = folders[loss, f"fold-{line['fold']}"]
            (stored,) = flat(truth, probabilities.read(case_file(folder, case)))
            shown.append(ShownPrediction(loss, probabilities.as_fraction(stored), line["dice"]))
        label = f"{case}\n{by_case[losses[0]].loc[case, 'plane']}"
        rows.append((ShownCase(label, image, image, mask, mask), shown))
    figure = prediction_figure(rows, losses, recipe=recipe, threshold=threshold)
    save_svg(figure, predictions_svg)
    save_svg(curve_figure(read_histories(histories), names, recipe), curves_svg)


if "snakemake" in globals():
    from tumorseg.workflow.job import run

    run(main, snakemake)  # noqa: F821
