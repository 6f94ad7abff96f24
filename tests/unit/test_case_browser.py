"""Tests of the case browser: all cases, worst first, exact contours, a working page."""

import base64
import json
import math
import re

import cv2
import numpy as np
import pandas as pd
import pytest
from chromium import browser, report_with
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import show_cases
from tumorseg.core.errors import UserError
from tumorseg.core.files import write_table, write_text
from tumorseg.core.images import write_mask, write_png
from tumorseg.evaluation.case_metrics import failed, measured
from tumorseg.reporting import case_browser
from tumorseg.reporting.figure_style import TRUTH, palette
from tumorseg.reporting.large_pages import with_large_pages
from tumorseg.reporting.page_parts import COLOURS

LOSSES = ("bce", "focal", "dice")
NAMES = ("0001", "0002", "0003", "0004", '</script><img src=x onerror="x=1">', "0006")
SHIFTS = {"bce": (1, 2, 3, 0, 40, 5), "focal": (0, 9, 1, 40, 40, 2), "dice": (3, 2, 1, 2, 40, 7)}
HEIGHT, WIDTH = 70, 100
MEASURED = {"spacing_mm": (1.0, 1.0), "threshold": 0.5, "tolerances_px": [2]}
FILE_NAMES = [name if "/" not in name else "odd" for name in NAMES]


def slice_of(index):
    """A synthetic head with a tumour: image and mask."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    image = np.where(np.hypot(rows - 35, columns - 50) < 30, 120 + 10 * index, 3)
    mask = np.hypot(rows - 30, columns - 40 - index) < 7
    return (image + 60 * mask).astype(np.uint8), mask.astype(np.uint8)


def study(folder, names=FILE_NAMES, seeds=(None,), recipe="robust"):
    """Writes tables, predictions, images and masks; returns the arguments of show_cases.main.

    The training of loss dice failed in fold 2.
    """
    metrics, predictions = [], []
    for index, name in enumerate(names):
        image, mask = slice_of(index)
        write_png(folder / f"cases/{name}.png", image)
        write_mask(folder / f"masks/{name}.png", mask)
    for loss in LOSSES:
        rows = []
        for seed in seeds:
            parent = folder / f"predictions/{recipe}/{loss}"
            parent = parent if seed is None else parent / f"seed-{seed}"
            for fold in (1, 2):
                predictions.append(str(parent / f"fold-{fold}"))
                is_failed = loss == "dice" and fold == 2
                if is_failed:
                    write_text(parent / "fold-2/FAILED", "not finite in epoch 1\n")
                for index in range(fold - 1, len(names), 2):
                    mask = slice_of(index)[1]
                    shift = SHIFTS[loss][index] + 3 * (seed or 0)
                    probability = 0.9 * np.roll(mask, shift, axis=1)
                    stored = np.floor(probability * 65535).astype(np.uint16)
                    values = failed(mask, [2]) if is_failed else measured(mask, stored, **MEASURED)
                    if not is_failed:
                        write_png(parent / f"fold-{fold}/{names[index]}.png", stored)
                    line = {"recipe": recipe, "loss": loss, "fold": fold, "case": names[index]}
                    line |= {} if seed is None else {"seed": seed}
                    line |= {"patient": f"p{index // 2}", "plane": "axial"}
                    rows.append(line | values)
        path = folder / f"metrics/{recipe}/{loss}.tsv"
        write_table(pd.DataFrame(rows), path)
        metrics.append(str(path))
    return {
        "metrics": metrics,
        "predictions": predictions,
        "cases_dir": str(folder / "cases"),
        "masks_dir": str(folder / "masks"),
        "page": str(folder / "cases.html"),
        "reference_loss": "focal",
    }


def data_of(path):
    """The facts and the cases stored in a page."""
    with open(path, encoding="utf-8") as page:  # noqa: PTH123
        text = page.read()
    parts = re.findall(r'<script type="application/json" id="\w+">(.*?)</script>', text, re.DOTALL)
    return [json.loads(part) for part in parts]


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """The page of a small study, written by show_cases.main."""
    arguments = study(tmp_path_factory.mktemp("browser"))
    show_cases.main(**arguments)
    return arguments["page"]


def filled(path):
    """The mask inside the borders of an SVG path."""
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    contours = []
    for first, steps in re.findall(r"M([^l]+)l([^z]+)z", path):
        pairs = np.array(re.findall(r"-?\d+", f"{first} {steps}"), int).reshape(-1, 2)
        contours.append(np.cumsum(pairs, axis=0).astype(np.int32))
    # OpenCV traces outer borders and holes in opposite directions.
    for points in sorted(contours, key=lambda points: -abs(cv2.contourArea(points))):
        inside = cv2.fillPoly(np.zeros_like(mask), [points], 1)
        if cv2.contourArea(points, oriented=True) > 0:
            inside -= cv2.polylines(np.zeros_like(mask), [points], True, 1)
            mask[inside > 0] = 0
        else:
            mask |= inside
    return mask


@given(arrays(bool, (9, 12), elements=st.booleans()), st.integers(1, 3))
def test_a_filled_contour_reproduces_the_mask(cells, size):
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    big = np.kron(cells, np.ones((size, size), np.uint8))
    mask[10 : 10 + big.shape[0], 20 : 20 + big.shape[1]] = big
    path = case_browser.contour_path(mask)
    assert path.count("M") == path.count("z")
    np.testing.assert_array_equal(filled(path), mask)


def test_contours_of_an_empty_mask_one_pixel_and_a_square():
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    assert case_browser.contour_path(mask) == ""
    mask[5, 8] = 1
    assert case_browser.contour_path(mask) == "M8 5l0 0z"
    mask[5:8, 8:11] = 1
    assert case_browser.contour_path(mask) == "M8 5l0 2 2 0 0-2z"


def test_the_page_has_the_contour_of_every_set_up_in_every_case(page):
    facts, cases = data_of(page)
    assert [item["name"] for item in facts["setups"]] == list(LOSSES)
    assert sorted(item["case"] for item in cases) == sorted(FILE_NAMES)
    for item in cases:
        index = FILE_NAMES.index(item["case"])
        mask = slice_of(index)[1]
        np.testing.assert_array_equal(filled(item["truth"]), mask)
        for loss, drawn in zip(LOSSES, item["drawn"], strict=True):
            if loss == "dice" and index % 2:
                assert drawn is None
            else:
                expected = np.roll(mask, SHIFTS[loss][index], axis=1)
                np.testing.assert_array_equal(filled(drawn["contour"]), expected)


def test_set_ups_have_the_colours_of_the_figures(page):
    facts, _ = data_of(page)
    colours = palette(list(LOSSES))
    for item in facts["setups"]:
        rgb = [int(item["colour"][at : at + 2], 16) for at in (1, 3, 5)]
        np.testing.assert_allclose(rgb, 255 * np.array(colours[item["name"]]), atol=0.5)
    assert facts["truth"] == TRUTH


def test_the_lowest_mean_dice_comes_first(page):
    facts, cases = data_of(page)
    assert facts["metrics"][0]["label"] == "Dice"
    means = [item["means"][0] for item in cases]
    assert means == sorted(means) and means[0] < means[-1]
    for item in cases:
        defined = [row[0] for row in item["values"] if row[0] is not None]
        assert item["means"][0] == pytest.approx(np.mean(defined), abs=1e-4)


def test_undefined_means_come_last_and_ties_keep_their_order():
    def line(case, dice):
        return {"recipe": "r", "loss": "l", "case": case, "dice": dice}

    lines = pd.DataFrame([line("d", 0.5), line("c", math.nan), line("b", 0.5), line("a", 0.9)])
    ordered = case_browser.worst_first(lines.set_index(["recipe", "loss", "case"]))
    assert list(ordered.index) == ["d", "b", "a", "c"]


def test_failed_trainings_and_missed_tumours_are_marked(page):
    _, cases = data_of(page)
    for item in cases:
        index = FILE_NAMES.index(item["case"])
        assert item["failed"] == [False, False, bool(index % 2)]
        if index % 2:
            assert item["missed"][2] is None and set(item["values"][2]) == {None}
        missed = [
            None if is_failed else float(SHIFTS[loss][index] > 14)
            for loss, is_failed in zip(LOSSES, item["failed"], strict=True)
        ]
        assert item["missed"] == missed


def test_a_picture_is_cropped_but_contains_all_contours():
    image, truth = slice_of(0)
    far = np.zeros_like(truth, dtype=bool)
    far[0, 0] = far[-1, -1] = True
    prediction = case_browser.SetUpPrediction(far * 1.0, far)
    drawn = case_browser.pictures(image, truth, [None, prediction])
    assert drawn["box"] == [0, 0, WIDTH, HEIGHT]
    left, top, width, height = case_browser.pictures(image, truth, [None])["box"]
    rows, columns = np.nonzero(truth)
    assert left <= columns.min() and columns.max() < left + width < WIDTH
    assert top <= rows.min() and rows.max() < top + height


def test_a_picture_keeps_its_grey_values_and_a_map_its_probabilities():
    image, truth = slice_of(0)
    ramp = np.tile(np.linspace(0, 1, WIDTH), (HEIGHT, 1))
    everywhere = np.ones_like(truth, dtype=bool)
    prediction = case_browser.SetUpPrediction(ramp, everywhere)
    drawn = case_browser.pictures(image, truth, [prediction])

    def decoded(url):
        kind, content = url.split(",")
        assert kind == "data:image/webp;base64"
        data = np.frombuffer(base64.b64decode(content), np.uint8)
        return cv2.imdecode(data, cv2.IMREAD_GRAYSCALE).astype(float)

    white = np.percentile(image, 99.8)
    expected = np.minimum(255, image * (255 / white))
    assert np.abs(decoded(drawn["image"]) - expected).mean() < 4
    assert np.abs(decoded(drawn["drawn"][0]["map"]) / 255 - ramp).mean() < 0.02


def test_numbers_are_means_over_seeds_and_pictures_show_the_first_seed(tmp_path):
    arguments = study(tmp_path, seeds=(1, 2))
    show_cases.main(**arguments)
    facts, cases = data_of(arguments["page"])
    table = pd.read_csv(arguments["metrics"][0], sep="\t", dtype={"case": str})
    columns = [item["label"] for item in facts["metrics"]]
    for item in cases:
        of_case = table[table["case"] == item["case"]]
        assert item["values"][0][0] == pytest.approx(of_case["dice"].mean(), abs=1e-4)
        distance = item["values"][0][columns.index("Hausdorff, px")]
        assert distance == pytest.approx(of_case["hausdorff_px"].mean(), rel=1e-4)
        index = FILE_NAMES.index(item["case"])
        first = np.roll(slice_of(index)[1], SHIFTS["bce"][index] + 3, axis=1)
        np.testing.assert_array_equal(filled(item["drawn"][0]["contour"]), first)


def test_a_value_undefined_with_one_seed_is_undefined():
    line = {"recipe": "r", "loss": "l", "fold": 1, "case": "a", "patient": "p", "plane": "axial"}
    line |= {"status": "ok", "dice": 0.5, "missed": 0}
    table = pd.DataFrame([line | {"precision": 0.4}, line | {"precision": math.nan}])
    means = case_browser.averaged(table)
    assert means["dice"].item() == 0.5
    assert math.isnan(means["precision"].item())


def test_two_recipes_become_set_ups_of_the_same_page(tmp_path):
    both = [study(tmp_path, recipe=recipe) for recipe in ("paper", "robust")]
    lists = {key: both[0][key] + both[1][key] for key in ("metrics", "predictions")}
    show_cases.main(**(both[0] | lists))
    facts, cases = data_of(both[0]["page"])
    names = [item["name"] for item in facts["setups"]]
    assert names == [f"{recipe}/{loss}" for recipe in ("paper", "robust") for loss in LOSSES]
    colours = [item["colour"] for item in facts["setups"]]
    assert colours[:3] == colours[3:]
    assert [item["shown"] for item in facts["setups"]] == [False, True, False] * 2
    assert all(len(item["drawn"]) == 6 for item in cases)


def test_a_set_up_that_lacks_a_case_raises_with_its_name(tmp_path):
    arguments = study(tmp_path)
    table = pd.read_csv(arguments["metrics"][1], sep="\t", dtype={"case": str})
    write_table(table.iloc[1:], arguments["metrics"][1])
    with pytest.raises(UserError, match="robust/focal: 5 cases, expected 6"):
        show_cases.main(**arguments)


def written(tmp_path, cases=()):
    """A page of facts of two set-ups with these cases."""
    setup = {"colour": "#000000", "dash": "", "shown": True}
    setups = [{"name": name, **setup} for name in ("<b>bce</b>", "focal")]
    metrics = [{"label": "Dice", "low": True}, {"label": "Hausdorff, px", "low": False}]
    facts = {"setups": setups, "metrics": metrics, "truth": TRUTH}
    case_browser.write_page(tmp_path / "page.html", facts, cases)
    return tmp_path / "page.html"


def made_case(name, dice, distance, index=0, plane="axial"):
    """A case with two predictions; the Dice of the second is lower by .1."""
    image, truth = slice_of(index)
    prediction = case_browser.SetUpPrediction(truth * 0.9, truth.astype(bool))
    values = [[dice, distance], [None if dice is None else max(0.0, dice - 0.1), distance]]
    case = {"case": name, "patient": f"<i>{name}", "plane": plane, "fold": 1}
    case |= {"means": values[0], "values": values, "missed": [0.0, 1.0], "failed": [False, False]}
    return case | case_browser.pictures(image, truth, [prediction, prediction])


def test_text_in_the_data_cannot_end_its_script_element(tmp_path):
    case = made_case(NAMES[4], 0.5, 3.0)
    path = written(tmp_path, [case])
    assert data_of(path)[1] == [case]
    assert "<img src=x" not in path.read_text(encoding="utf-8")


def test_a_page_of_314_cases_and_four_set_ups_stays_under_20_mb(tmp_path):
    """With synthetic slices of 512 x 512 px that are about as large as real ones (28 kB each)."""
    generator = np.random.default_rng(1)
    rows, columns = np.mgrid[:512, :512]
    inside = np.hypot(rows - 256, columns - 256) < 240
    smooth = cv2.GaussianBlur(generator.normal(size=(512, 512)), None, 8)
    image = inside * np.clip(90 + 1000 * smooth + generator.normal(0, 2, (512, 512)), 20, 255)
    near = np.exp(-(((rows - 200) / 60) ** 2) - ((columns - 300) / 60) ** 2)
    probability = near / (1 + np.exp(-100 * (smooth + 0.02)))
    prediction = case_browser.SetUpPrediction(probability, probability > 0.5)
    assert len(case_browser.contour_path(prediction.mask)) > 700  # a ragged contour
    mask = prediction.mask.astype(np.uint8)
    drawn = case_browser.pictures(image.astype(np.uint8), mask, [prediction] * 4)
    frame = written(tmp_path).stat().st_size
    assert frame + 314 * len(json.dumps(drawn)) < 20e6


def shows(tab, *names):
    """Waits until the page shows exactly these cases in this order; fails after a timeout."""
    from playwright.sync_api import expect

    expect(tab.locator("tbody td.case")).to_have_text(names)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A page of five synthetic cases."""
    cases = [
        made_case("worst", 0.1, 9.0, 1, "coronal"),
        made_case(NAMES[4], 0.4, 80.0, 2),
        made_case("good", 0.8, 2.0, 3, "sagittal"),
        made_case("best", 0.9, 1.0, 4),
        made_case("nan", None, None, 0),
    ]
    return written(tmp_path_factory.mktemp("made"), cases)


def test_the_worst_case_comes_first_nothing_is_loaded_and_all_text_is_escaped(made):
    with browser(made) as tab:
        shows(tab, "worst", NAMES[4], "good", "best", "nan")
        assert tab.locator("tbody img, tbody i i, thead b, fieldset b").count() == 0
        assert tab.evaluate("window.x") is None
        assert tab.locator("tbody td.missed").first.text_content() == "✕ missed by 1 of 2"
        tab.locator("tbody td.picture").first.click()
        assert tab.locator("dialog img, dialog b").count() == 0
        assert tab.complaints == []


def test_it_sorts_by_any_metric_with_undefined_values_last(made):
    with browser(made) as tab:
        tab.locator("thead th.mean").get_by_text("mean").click()
        shows(tab, "best", "good", NAMES[4], "worst", "nan")
        tab.select_option("#metric", label="Hausdorff, px")
        shows(tab, NAMES[4], "worst", "good", "best", "nan")
        assert "80.0" in tab.locator("tbody tr").first.text_content()
        tab.locator("thead th.plane").get_by_text("plane").click()
        shows(tab, NAMES[4], "best", "nan", "worst", "good")
        assert tab.complaints == []


def test_it_filters_by_number_and_by_plane(made):
    with browser(made) as tab:
        tab.locator("thead th.mean .dtcc-button_dropdown").click()
        tab.locator(".dtcc-dropdown select").select_option("greater")
        tab.locator(".dtcc-dropdown input").fill("0.5")
        tab.keyboard.press("Enter")
        shows(tab, "good", "best")
        tab.keyboard.press("Escape")
        tab.locator("#reset").click()
        shows(tab, "worst", NAMES[4], "good", "best", "nan")
        tab.locator("thead th.plane .dtcc-button_dropdown").click()
        tab.locator(".dtcc-list-buttons").get_by_text("coronal").click()
        shows(tab, "worst")
        assert tab.complaints == []


def test_enter_enlarges_a_case_and_arrow_keys_show_its_neighbours(made):
    with browser(made) as tab:
        title = tab.locator("#large-title")
        tab.locator("tbody td.picture button").first.press("Enter")
        assert title.text_content().startswith("Case worst")
        assert tab.locator("#maps svg").count() == 2
        assert tab.locator("#numbers tr").count() == 4
        tab.keyboard.press("ArrowRight")
        assert title.text_content().startswith(f"Case {NAMES[4]}")
        for _ in range(3):
            tab.keyboard.press("ArrowLeft")
        assert title.text_content().startswith("Case worst")
        tab.keyboard.press("Escape")
        assert not tab.locator("dialog").is_visible()
        assert tab.complaints == []


def test_a_contour_can_be_hidden_in_all_pictures(made):
    with browser(made) as tab:
        first = tab.locator("tbody .of-0").first
        assert first.is_visible()
        tab.locator('input[data-of="0"]').uncheck()
        assert not first.is_visible()
        assert tab.locator("tbody .of-1").first.is_visible()


def test_a_failed_training_is_shown_as_failed(page):
    with browser(page) as tab:
        assert "failed" in "".join(tab.locator("tbody td.missed").all_text_contents())
        tab.locator("tbody tr", has_text="1 failed").first.click()
        assert tab.locator("#numbers td", has_text="training failed").count() == 1
        assert tab.complaints == []


@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_is_wider_than_the_window(made, width):
    with browser(made, width) as tab:
        assert tab.evaluate("document.documentElement.scrollWidth") <= width
        tab.locator("tbody td.picture").first.click()
        box = tab.locator("dialog")
        assert box.evaluate("box => box.scrollWidth <= box.clientWidth")
        assert box.evaluate("box => box.getBoundingClientRect().right") <= width


def test_a_page_above_2_mb_opens_in_the_report(tmp_path, made):
    """As a data URL, which Snakemake's report holds, Chromium would block it."""
    path = tmp_path / "report.html"
    report_with(made, path)
    with browser(path) as tab:
        frame = tab.frame_locator("iframe")
        frame.locator("tbody td.picture button").first.press("Enter")
        assert frame.locator("#large-title").text_content().startswith("Case worst")
        assert tab.complaints == []


def test_a_report_of_unknown_form_raises():
    with pytest.raises(RuntimeError, match="has changed"):
        with_large_pages("<html></html>")


@pytest.fixture(scope="module")
def of_classes(tmp_path_factory):
    """The page of a small study of two classes; the second lies beside the first."""
    folder = tmp_path_factory.mktemp("classes")
    arguments = study(folder)
    folds = [f"predictions/robust/{loss}/fold-{n}" for loss in LOSSES for n in (1, 2)]
    for place in ("masks", *folds):
        for path in (folder / place).glob("*.png"):
            moved = np.roll(cv2.imread(str(path), cv2.IMREAD_UNCHANGED), 30, axis=1)
            (folder / place / "class-2").mkdir(exist_ok=True)
            cv2.imwrite(str(folder / place / "class-2" / path.name), moved)
    show_cases.main(**arguments, classes=["core", "rim"], exclusive=True)
    return arguments["page"]


def test_a_picture_of_several_classes_has_the_outlines_of_each_class_and_set_up(of_classes):
    facts, cases = data_of(of_classes)
    assert [item["colour"] for item in facts["classes"]] == list(COLOURS[:2])
    for case in cases:
        (plane,) = case["planes"]
        assert plane["label"] == "axial" and plane["box"] == case["box"]
        assert plane["truth"][0] == case["truth"]
        first, second = map(filled, plane["truth"])
        np.testing.assert_array_equal(np.roll(first, 30, axis=1), second)
        left, _, width, _ = case["box"]
        assert left <= np.flatnonzero(second.any(axis=0))[0]
        assert np.flatnonzero(second.any(axis=0))[-1] < left + width
        for drawn, flat in zip(plane["drawn"], case["drawn"], strict=True):
            assert (drawn is None) == (flat is None)
            assert drawn is None or drawn[0] == flat["contour"]


def test_the_enlarged_picture_shows_every_class_in_its_colour(of_classes):
    with browser(of_classes) as tab:
        tab.locator("tbody td.picture").first.click()
        assert tab.locator("#picture svg").count() == 1
        for number in range(2):
            line = tab.locator(f"#picture path.truth.class-{number}")
            assert line.get_attribute("stroke") == COLOURS[number] and line.is_visible()
        assert tab.locator("#picture image").get_attribute("href").startswith("data:image")
        assert tab.locator("#picture a").count() == 0
        assert tab.complaints == []
