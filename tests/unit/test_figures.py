"""Tests of figures and data tables: valid, reproducible SVG; numbers in subtitles; tables right."""

import re
from functools import partial
from xml.etree import ElementTree

import cv2
import numpy as np
import pandas as pd
import pytest

from tumorseg.evaluation.case_metrics import failed, measured
from tumorseg.reporting import behaviour_figures, comparison_figures, figure_style
from tumorseg.reporting.data_figures import ratio_figure, strip_methods_figure
from tumorseg.reporting.data_tables import fold_table, harmed_table, ratio_table, strip_table
from tumorseg.reporting.network_figure import Layer, blocks, draw
from tumorseg.reporting.result_figures import bar_figure, case_figure, curve_figure
from tumorseg.reporting.shown_cases import ShownCase, ShownPrediction, cases_by_dice, chosen_cases
from tumorseg.reporting.slice_figures import annotation_figure, prediction_figure, strip_figure
from tumorseg.reporting.study_tables import published_rows, table2
from tumorseg.statistics.comparison import FIXED, OWN, Question, contrasts, patient_scores
from tumorseg.statistics.own_threshold import chosen_thresholds
from tumorseg.statistics.ranking import ranking
from tumorseg.statistics.subgroups import subgroups
from tumorseg.statistics.verdicts import verdicts

PLANES = ("axial", "coronal", "sagittal")


def picture(seed):
    """A round head of 60 x 90 px with a square tumour."""
    generator = np.random.default_rng(seed)
    rows, columns = np.mgrid[:60, :90]
    brain = (np.hypot(rows - 30, columns - 45) < 24).astype(np.uint8)
    mask = np.zeros_like(brain)
    mask[25:35, 40 : 48 + seed] = 1
    noise = generator.integers(0, 30, brain.shape).astype(np.uint8)
    image = brain * (100 + noise) + mask * 80
    return ShownCase(f"case {seed}", image, image * brain, brain, mask)


def certain(truth, prediction):
    """The metrics of a prediction with probabilities of 0 and 1 only."""
    quantised = prediction.astype(np.uint16) * np.uint16(65535)
    return measured(truth, quantised, spacing_mm=(0.5, 0.5), threshold=0.5, tolerances_px=[2])


QUESTION = Question("robust", "bce", 999, 1)
LOSSES = ["bce", "focal"]


def plane_groups(cases):
    """Each case's plane as its subgroup."""
    unique = cases.drop_duplicates("case")
    return pd.DataFrame({"case": unique["case"], "kind": "plane", "group": unique["plane"]})


def statistics_figure(name, cases):
    """One of STATISTICS, drawn from a metrics table."""
    scores = patient_scores(cases)
    curves = pd.DataFrame(
        [
            {"recipe": "robust", "loss": loss, "seed": 1, "fold": fold, "role": role}
            | {"case": f"{role}{fold}", "patient": f"{role}{fold}", "threshold": threshold}
            | {"tp": 50, "fp": int(100 * (1 - threshold)), "fn": int(40 * threshold)}
            for loss in LOSSES
            for fold in (1, 2)
            for role in ("test", "validation")
            for threshold in (0.3, 0.5, 0.7)
        ]
    )
    bins = pd.DataFrame({"bin_low": [0.0, 0.5], "pixels": [90, 10], "probability_sum": [4.0, 7.0]})
    bins = bins.assign(true_px=[3, 8], recipe="robust")
    bins = pd.concat([bins.assign(loss=loss) for loss in LOSSES])
    errors = pd.DataFrame({"recipe": "robust", "loss": LOSSES, "ece_above_10_pct": 0.1})
    chosen = chosen_thresholds(curves)
    pairs = contrasts({FIXED: scores, OWN: scores}, QUESTION)
    said = verdicts(pairs.query("role == 'primary'"), QUESTION.margin)
    figures = {
        "forest": lambda: comparison_figures.forest_figure(pairs, said, QUESTION, LOSSES),
        "paired": lambda: comparison_figures.paired_figure(scores, QUESTION, LOSSES),
        "ranks": lambda: comparison_figures.ranking_figure(
            ranking(scores, "robust", QUESTION), QUESTION, LOSSES
        ),
        "balance": lambda: behaviour_figures.balance_figure(cases, QUESTION, LOSSES),
        "size": lambda: behaviour_figures.size_figure(cases, QUESTION, LOSSES),
        "thresholds": lambda: behaviour_figures.threshold_figure(
            curves, chosen, QUESTION, LOSSES, 0.5
        ),
        "reliability": lambda: behaviour_figures.reliability_figure(bins, errors, QUESTION, LOSSES),
        "subgroups": lambda: comparison_figures.subgroup_figure(
            subgroups(cases, plane_groups(cases), QUESTION), QUESTION.recipe, LOSSES
        ),
    }
    return figures[name]()


STATISTICS = (
    "forest",
    "paired",
    "ranks",
    "balance",
    "size",
    "thresholds",
    "reliability",
    "subgroups",
)


@pytest.fixture(scope="module")
def metrics():
    """Two recipes, two losses, two folds of two cases; one fold of paper/focal failed."""
    rows = []
    for recipe in ("paper", "robust"):
        for loss in ("bce", "focal"):
            for index in range(4):
                truth = picture(index).mask
                line = {"recipe": recipe, "loss": loss, "seed": 1, "fold": 1 + index % 2}
                line |= {"case": str(index), "patient": str(index), "plane": PLANES[index % 3]}
                is_failed = (recipe, loss, line["fold"]) == ("paper", "focal", 2)
                values = (
                    failed(truth, [2]) if is_failed else certain(truth, np.roll(truth, index, 1))
                )
                rows.append(line | values)
    return pd.DataFrame(rows)


@pytest.fixture(scope="module")
def masks():
    return pd.DataFrame(
        {
            "case": [str(index) for index in range(9)],
            "plane": [PLANES[index % 3] for index in range(9)],
            "tumour_px": range(10, 100, 10),
            "tumour_brain_ratio": np.linspace(0.01, 0.2, 9),
        }
    )


@pytest.fixture(scope="module")
def methods():
    return pd.DataFrame(
        {
            "case": [str(index) for index in range(9)] * 2,
            "method": ["otsu"] * 9 + ["none"] * 9,
            "tumour_px": 100,
            "tumour_lost_px": [20, *[0] * 17],
            "tumour_kept": [0.8, *[1.0] * 17],
            "true_brain_dice": [0.9] * 9 + [np.nan] * 9,
        }
    )


def history():
    epochs = np.arange(1, 4)
    columns = {"epoch": epochs, "loss": 1 / epochs, "val_loss": 1.2 / epochs}
    columns |= {"val_dice": epochs / 5}
    tables = [
        pd.DataFrame(columns).assign(loss_name=loss, training=f"seed-1/fold-{fold}")
        for loss in ("bce", "focal", "dice")
        for fold in (1, 2)
    ]
    return pd.concat(tables)


LAYERS = [
    Layer("image", "InputLayer", (64, 64, 1), 0, ()),
    Layer("encoder1_conv1", "Conv2D", (64, 64, 4), 40, ("image",)),
    Layer("pool1", "MaxPooling2D", (32, 32, 4), 0, ("encoder1_conv1",)),
    Layer("bottleneck_conv1", "Conv2D", (32, 32, 8), 296, ("pool1",)),
    Layer("up1", "Conv2DTranspose", (64, 64, 4), 132, ("bottleneck_conv1",)),
    Layer("concat1", "Concatenate", (64, 64, 8), 0, ("up1", "encoder1_conv1")),
    Layer("decoder1_conv1", "Conv2D", (64, 64, 4), 292, ("concat1",)),
    Layer("probability", "Conv2D", (64, 64, 1), 5, ("decoder1_conv1",)),
]


def fig5():
    slices = [picture(index) for index in (1, 2)]
    rows = [(item, [ShownPrediction("focal", item.mask * 0.75, 0.9), None]) for item in slices]
    return prediction_figure(rows, ["focal", "bce"], recipe="paper", threshold=0.5)


FIGURES = {
    "annotation": lambda data: annotation_figure([picture(1), picture(2)]),
    "strip": lambda data: strip_figure([picture(1), picture(2)], "otsu"),
    "prediction": lambda data: fig5(),
    "bars": lambda data: bar_figure(
        pd.concat([table2(data["metrics"]), published_rows()], ignore_index=True)
    ),
    "cases": lambda data: case_figure(data["metrics"]),
    "ratio": lambda data: ratio_figure(data["masks"], 0.1),
    "methods": lambda data: strip_methods_figure(
        data["methods"], data["masks"].set_index("case")["plane"], "otsu"
    ),
    "curves": lambda data: curve_figure(history(), ["bce", "focal", "dice"], "paper"),
    "network": lambda data: draw(LAYERS, "Fig. 1", 765),
    **{
        name: partial(lambda name, data: statistics_figure(name, data["metrics"]), name)
        for name in STATISTICS
    },
}


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_is_small_valid_svg_and_drawing_it_again_gives_the_same_bytes(
    name, metrics, masks, methods, tmp_path
):
    data = {"metrics": metrics, "masks": masks, "methods": methods}
    for copy in ("first", "second"):
        figure_style.save_svg(FIGURES[name](data), tmp_path / f"{copy}.svg")
    content = (tmp_path / "first.svg").read_bytes()
    assert content == (tmp_path / "second.svg").read_bytes()
    assert ElementTree.fromstring(content).tag.endswith("svg")
    assert len(content) < 300_000
    assert b"dc:date" not in content


AFTER_FAILURES = {
    "bars": lambda failures: bar_figure(
        pd.concat([table2(failures), published_rows()], ignore_index=True)
    ),
    "cases": case_figure,
    "curves": lambda failures: curve_figure(history().iloc[:0], ["bce"], "paper"),
    "prediction": lambda failures: prediction_figure([], ["bce"], recipe="paper", threshold=0.5),
    **{name: partial(statistics_figure, name) for name in STATISTICS},
}


def test_clip_paths_have_names_that_do_not_come_from_addresses_in_memory(tmp_path):
    kept = []  # so that the second circle has another address than the first
    for copy in ("a", "b"):
        figure_style.style()
        figure, axes = figure_style.pyplot.subplots()
        kept.append(figure_style.mpl.patches.Circle((0.5, 0.5), 0.3, transform=axes.transData))
        axes.plot([0, 1], [0, 1])[0].set_clip_path(kept[-1])
        figure_style.save_svg(figure, tmp_path / f"{copy}.svg")
    texts = [(tmp_path / f"{copy}.svg").read_text(encoding="utf-8") for copy in ("a", "b")]
    assert texts[0] == texts[1] and "url(#clip0)" in texts[0]


@pytest.mark.parametrize("name", AFTER_FAILURES)
def test_every_figure_is_drawn_even_if_every_training_failed(name, metrics, tmp_path):
    failures = pd.DataFrame(
        [line | failed(picture(int(line["case"])).mask, [2]) for line in metrics.to_dict("records")]
    )
    figure_style.save_svg(AFTER_FAILURES[name](failures), tmp_path / "figure.svg")
    assert ElementTree.parse(tmp_path / "figure.svg").getroot().tag.endswith("svg")


def subtitle(figure):
    text = figure.get_suptitle()
    figure_style.pyplot.close(figure)
    return text


def test_the_subtitle_gives_the_main_numbers(metrics, masks, methods):
    data = {"metrics": metrics, "masks": masks, "methods": methods}
    assert "mean 0.105, median 0.105" in subtitle(FIGURES["ratio"](data))
    assert "less than 99 % in 1 of them" in subtitle(FIGURES["methods"](data))
    assert "published: focal 81.0, bce 74.5" in subtitle(FIGURES["bars"](data))
    assert "focal Dice 0.90, 0.90" in subtitle(FIGURES["prediction"](data))
    assert "bce 0.600 (best 0.600)" in subtitle(FIGURES["curves"](data))
    assert "765 parameters, 8 layers" in subtitle(FIGURES["network"](data))


def test_18_losses_get_distinct_colours_none_of_them_that_of_the_ground_truth():
    names = [f"loss{index}" for index in range(18)]
    colours = figure_style.palette(names)
    assert list(colours) == names
    assert len(set(colours.values())) == 18
    assert figure_style.mpl.colors.to_hex(figure_style.TRUTH) not in map(
        figure_style.mpl.colors.to_hex, colours.values()
    )


def test_layers_become_blocks_joined_by_arrows():
    sources = {block.name: block.sources for block in blocks(LAYERS)}
    assert sources == {
        "image": [],
        "encoder1": [("image", "next")],
        "bottleneck": [("encoder1", "max-pooling")],
        "decoder1": [
            ("bottleneck", "transposed convolution"),
            ("encoder1", "skip, concatenated"),
        ],
        "probability": [("decoder1", "next")],
    }


def test_an_embedded_image_is_reduced_and_keeps_its_grey_values(tmp_path):
    figure_style.style()
    figure, axes = figure_style.pyplot.subplots()
    image = np.tile(np.linspace(0, 255, 400), (300, 1))
    figure_style.show(axes, image, width_px=100)
    figure_style.save_svg(figure, tmp_path / "image.svg")
    svg = (tmp_path / "image.svg").read_text()
    (embedded,) = re.findall(r"data:image/\w+;base64,([^\"]+)", svg)
    content = np.frombuffer(figure_style.base64.b64decode(embedded), np.uint8)
    stored = cv2.imdecode(content, cv2.IMREAD_UNCHANGED)
    assert stored.shape == (75, 100)
    assert np.abs(stored.astype(float) - np.linspace(0, 255, 100)).max() < 5


def test_shown_cases_are_chosen_by_rank_of_tumour_size_or_dice(masks):
    assert chosen_cases(masks) == ["0", "6", "1", "7", "2", "8"]
    cases = pd.DataFrame({"case": list("abcde"), "dice": [0.5, 0.5, np.nan, 0.9, 0.0]})
    assert cases_by_dice(cases, 3) == ["e", "b", "d"]


def test_a_case_without_a_ratio_counts_as_undefined(masks):
    one_missing = masks.assign(tumour_brain_ratio=[np.nan, *masks["tumour_brain_ratio"][1:]])
    table = ratio_table(one_missing, 0.1)
    all_planes = table.set_index("plane").loc["all"]
    assert (all_planes["cases"], all_planes["undefined"]) == ("9", "1")
    assert (all_planes["small"], all_planes["large"]) == ("3", "5")
    assert table.iloc[-1]["mean_ratio"] == 0.22


def test_harmed_cases_are_listed_and_methods_compared_by_plane(masks, methods):
    planes = masks.set_index("case")["plane"]
    assert list(harmed_table(methods, planes, "otsu")["case"]) == ["0"]
    assert harmed_table(methods, planes, "none").empty
    table = strip_table(methods, planes, "otsu").set_index(["method", "plane"])
    assert table.loc[("otsu", "all"), "cases_keeping_99_pct"] == 8
    assert table.loc[("otsu", "axial"), "least_kept_pct"] == 80
    assert np.isnan(table.loc[("none", "all"), "mean_brain_dice"])


def test_the_fold_table_counts_cases_and_patients_by_role(masks):
    folds = masks[["case", "plane"]].assign(
        patient=["a", "a", "b", "b", "c", "c", "d", "d", "e"],
        fold=1,
        role=["test"] * 3 + ["train"] * 6,
    )
    table = fold_table(folds, masks).set_index("role")
    assert (table.loc["test", "cases"], table.loc["test", "patients"]) == (3, 2)
    assert table.loc["test", "median_tumour_px"] == 20
