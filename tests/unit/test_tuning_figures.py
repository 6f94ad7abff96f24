"""Tests of Table 1 and the tuning figures: every trial is shown, a star marks the chosen one."""

import math

import pandas as pd
import pytest
from matplotlib import pyplot

from tumorseg.reporting import tuning_figures
from tumorseg.reporting.tuning_figures import STAR
from tumorseg.tuning.table1 import FinishedSearch, table1

GRID = {"alpha": [0.5, 0.8], "epochs": [2, 4]}


def search(loss: str = "focal", scope: str = "shared", **best) -> FinishedSearch:
    """Two values of alpha at two numbers of epochs; the second trial was pruned after epoch 2."""
    grid_points = pd.DataFrame(
        [
            (1, 0.5, 2, 0.30, "ok"),
            (1, 0.5, 4, 0.25, "ok"),
            (2, 0.8, 2, 0.20, "ok"),
            (2, 0.8, 4, math.nan, "pruned"),
        ],
        columns=["trial", "alpha", "epochs", "val_iou", "status"],
    )
    rows = [(1, 1, 0.1), (1, 2, 0.3), (1, 3, 0.2), (1, 4, 0.25), (2, 1, 0.1), (2, 2, 0.2)]
    history = pd.DataFrame(rows, columns=["trial", "epoch", "val_iou"]).assign(seconds=1.5)
    best_values = {"search": "grid", "searched": GRID, "status": "won", "val_iou": 0.3}
    best_values |= {"training": {"epochs": 2}, "constants": {"alpha": 0.5}}
    return FinishedSearch("robust", loss, scope, best_values | best, grid_points, history)


def nothing_learned() -> FinishedSearch:
    grid_points = search().grid_points.assign(val_iou=0.0, status="nothing learned")
    best = {"status": "nothing learned", "training": {}, "constants": {}, "val_iou": math.nan}
    return FinishedSearch(
        "robust", "bce", "shared", search().best | best, grid_points, search().history
    )


@pytest.fixture(autouse=True)
def close_figures():
    yield
    pyplot.close("all")


def test_table_1_shows_what_was_searched_its_cost_and_what_was_chosen():
    table = table1([search(), nothing_learned()])
    first, second = table.to_dict("records")
    assert first["searched"] == "alpha 0.5 0.8; epochs 2 4"
    assert (first["trials"], first["pruned"], first["failed"]) == (2, 1, 0)
    assert (first["epochs"], first["epochs_apart"], first["seconds"]) == (6, 12, 9.0)
    assert first["result"] == "won"
    assert first["won"] == "epochs 2, alpha 0.5"
    assert first["val_iou"] == 0.3
    assert (second["result"], second["won"]) == ("nothing learned", "")
    assert math.isnan(second["val_iou"])


def stars(axis) -> list[tuple[float, float]]:
    size = STAR["s"]
    markers = [dots for dots in axis.collections if list(dots.get_sizes()) == [size]]
    return [tuple(map(float, dots.get_offsets()[0])) for dots in markers]


def test_every_trial_has_a_curve_a_star_marks_the_best_and_a_cross_a_pruned_one():
    searches = [search(), search(scope="fold-2"), nothing_learned()]
    figure = tuning_figures.curve_figure(searches, "robust")
    titles = [axis.get_title() for axis in figure.axes]
    assert titles == ["focal", "focal, fold-2", "bce"]
    for axis in figure.axes:
        lines = [line for line in axis.get_lines() if len(line.get_xdata()) > 1]
        assert [len(line.get_xdata()) for line in lines] == [4, 2]
    assert [stars(axis) for axis in figure.axes] == [[(2, 0.3)], [(2, 0.3)], []]
    crosses = [line for line in figure.axes[0].get_lines() if line.get_marker() == "x"]
    assert [(float(c.get_xdata()[0]), float(c.get_ydata()[0])) for c in crosses] == [(2, 0.2)]


def test_every_searched_value_has_a_panel():
    figure = tuning_figures.sensitivity_figure([search(), search("tversky")], "robust")
    panels = [(axis.get_title(), axis.get_xlabel()) for axis in figure.axes]
    assert panels == [(loss, name) for loss in ("focal", "tversky") for name in ("alpha", "epochs")]
    assert stars(figure.axes[0]) == [(0.5, 0.3)]
    assert stars(figure.axes[1]) == [(2, 0.3)]


@pytest.mark.parametrize("draw", [tuning_figures.curve_figure, tuning_figures.sensitivity_figure])
def test_a_recipe_without_a_search_gets_a_figure_that_states_it(draw):
    figure = draw([search()], "paper")
    assert "nothing was searched" in figure._suptitle.get_text()
