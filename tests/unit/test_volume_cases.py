"""Promises of a volume in the case browser: three planes, all classes, and the way to its page."""

import numpy as np
import pandas as pd
import pytest
from chromium import browser, report_with

from tumorseg.reporting import case_browser
from tumorseg.reporting.page_parts import COLOURS
from tumorseg.reporting.volume_cases import CaseView, VolumePrediction

SHAPE = (10, 40, 30)
CLASSES = ("whole", "core", "<b>third")


def volume():
    """An image, and masks of three classes of which the last is empty."""
    masks = np.zeros((*SHAPE, 3), np.uint8)
    masks[3:8, 10:25, 8:20, 0] = masks[4:6, 14:20, 10:16, 1] = 1
    image = np.random.default_rng(0).normal(500, 90, SHAPE) + 300.0 * masks[..., 0]
    return image, masks


def view():
    image, masks = volume()
    moved = np.roll(masks, (2, 3), axis=(1, 2))
    first = VolumePrediction(0.9 * moved[..., 0], moved)
    return viewed(image, (3, 1, 1), masks, [first, None])


def viewed(image, sides, truth, predictions, plane="axial"):
    made = CaseView(image, sides, truth, plane)
    for one in predictions:
        made.add(one)
    return made.facts("volumes/a.html")


def table(classes=()):
    """The facts of two set-ups."""
    lines = [{"recipe": "r", "loss": loss, "case": "a", "dice": 0.5} for loss in ("bce", "focal")]
    frame = pd.DataFrame(lines).set_index(["recipe", "loss", "case"])
    return case_browser.facts(frame, "bce", classes)


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """A browser page of one volume; the second set-up's training failed."""
    path = tmp_path_factory.mktemp("volumes") / "cases.html"
    numbers = {"patient": "p", "plane": "axial", "fold": 1, "means": [0.5]}
    numbers |= {"values": [[0.5], [None]], "missed": [0.0, None], "failed": [False, True]}
    case_browser.write_page(path, table(CLASSES), [{"case": "a"} | numbers | view()])
    return path


def test_a_volume_has_three_planes_with_the_outlines_of_every_class_and_set_up():
    shown = view()
    assert [plane["label"] for plane in shown["planes"]] == [
        "axial, slice 6 of 10",
        "coronal, slice 18 of 40",
        "sagittal, slice 15 of 30",
    ]
    for plane in shown["planes"]:
        assert [bool(path) for path in plane["truth"]] == [True, True, False]
        first, second = plane["drawn"]
        assert second is None and len(first) == 3 and first[0] != plane["truth"][0]
    wide, high = (np.array([plane["box"][2:] for plane in shown["planes"]])).T
    np.testing.assert_allclose(wide / wide[0], [1, 1, 4 / 3], rtol=0.01)
    np.testing.assert_allclose(high / wide[0], [4 / 3, 1, 1], rtol=0.01)


def test_a_stack_of_sagittal_slices_gives_the_pictures_of_the_same_volume():
    """Sagittal slices run from Right to Left, their rows from Superior to Inferior."""
    image, masks = volume()
    moved = np.roll(masks, (2, 3), axis=(1, 2))
    turned = [np.moveaxis(each[::-1], 2, 0) for each in (image, masks, moved, 0.9 * moved[..., 0])]
    one = VolumePrediction(turned[3], turned[2])
    sides = (1, 3, 1)
    assert view() == viewed(turned[0], sides, turned[1], [one, None], "sagittal")


def test_the_table_shows_the_axial_plane_and_the_primary_class_as_of_a_slice():
    shown = view()
    assert set(case_browser.pictures(np.zeros((9, 9), np.uint8), np.zeros((9, 9)), [])) < set(shown)
    assert shown["drawn"][1] is None and shown["drawn"][0]["contour"]
    assert shown["truth"] == shown["planes"][0]["truth"][0]


def test_a_page_without_volumes_has_no_facts_about_classes():
    assert set(table()) == {"setups", "metrics", "truth"}
    assert [item["colour"] for item in table(CLASSES)["classes"]] == list(COLOURS[:3])


def test_the_enlarged_case_shows_three_planes_and_classes_can_be_hidden(page):
    with browser(page) as tab:
        assert tab.locator("tbody td.picture svg").count() == 1
        tab.locator("tbody td.picture").click()
        assert tab.locator("#picture svg").count() == 3
        whole = tab.locator("#picture path.truth.class-0").first
        assert whole.get_attribute("stroke") == COLOURS[0] and whole.is_visible()
        tab.locator('input[data-class="0"]').uncheck()
        assert not whole.is_visible()
        assert tab.locator("#picture path.truth.class-1").first.is_visible()
        assert tab.locator("dialog b").count() == 0
        assert tab.complaints == []


def test_the_dashed_lines_are_those_of_the_chosen_set_up(page):
    with browser(page) as tab:
        tab.locator("tbody td.picture").click()
        assert tab.locator("#picture path.dashed").count() == 9
        tab.select_option("#dashed", label="focal")  # its training failed
        assert tab.locator("#picture path.dashed").count() == 0
        assert tab.locator("#picture svg").count() == 3
        assert tab.complaints == []


def test_the_volume_is_a_link_beside_the_page_and_a_sentence_in_the_report(tmp_path, page):
    with browser(page) as tab:
        tab.locator("tbody td.picture").click()
        assert tab.locator("#picture a").get_attribute("href") == "volumes/a.html"
    path = tmp_path / "report.html"
    report_with(page, path)
    with browser(path) as tab:
        frame = tab.frame_locator("iframe")
        frame.locator("tbody td.picture").click()
        assert "open volumes/a.html" in frame.locator("#picture p").last.text_content()
        assert frame.locator("#picture a").count() == 0
        assert tab.complaints == []


@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_is_wider_than_the_window(page, width):
    with browser(page, width) as tab:
        tab.locator("tbody td.picture").click()
        box = tab.locator("dialog")
        assert box.evaluate("box => box.scrollWidth <= box.clientWidth")
        assert box.evaluate("box => box.getBoundingClientRect().right") <= width
