"""The report of the finished study in a headless Chromium, and its figures and pages one by one."""

import re

import pytest
from chromium import browser
from project_copy import ROOT, ProjectCopy

# Every label of a figure must lie inside the picture, half a pixel aside.
CLIPPED = """() => {
  const box = document.documentElement.getBoundingClientRect();
  return [...document.querySelectorAll("g[id^=text_]")]
    .map((label) => label.getBoundingClientRect())
    .filter((r) => r.width > 0 && (r.left < box.left - 0.5 || r.right > box.right + 0.5
                                   || r.top < box.top - 0.5 || r.bottom > box.bottom + 0.5))
    .length;
}"""


@pytest.fixture(scope="module")
def results(study: ProjectCopy):
    return study.folder / "results/tiny"


def test_every_item_of_the_report_opens_without_a_complaint_or_a_request(results):
    rules = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "rules").glob("*.smk"))
    with browser(results / "report.html") as tab:
        categories = tab.evaluate("categories")
        assert set(categories) == set(re.findall(r'"(\d\. [^"]+)"', rules))
        for category, parts in categories.items():
            for part, items in parts.items():
                tab.goto(f"file://{results / 'report.html'}")
                tab.get_by_text(category, exact=True).first.click()
                if part != "Other":
                    tab.get_by_text(part, exact=True).first.click()
                eyes = tab.locator("a[iconname=eye]")
                eyes.first.wait_for()
                # Items that differ in one label of two values are one line with a switch.
                assert 1 <= eyes.count() <= len(items), f"{category}, {part}"
                for place in range(eyes.count()):
                    eyes.nth(place).click()
                    shown = tab.locator("img, iframe").last
                    shown.wait_for()
        assert not tab.complaints, tab.complaints


def test_no_label_of_a_figure_is_clipped(results):
    figures = sorted((results / "figures").rglob("*.svg"))
    with browser(figures[0]) as tab:
        for path in figures:
            tab.goto(f"file://{path}")
            assert tab.evaluate(CLIPPED) == 0, path.name
        assert not tab.complaints, tab.complaints


@pytest.mark.parametrize("width", [1280, 390])
def test_every_table_page_can_be_read_and_filtered_at_width(results, width):
    pages = sorted((results / "tables").glob("*.html"))
    with browser(pages[0], width) as tab:
        for path in pages:
            tab.goto(f"file://{path}")
            field = tab.locator("input[type=search]")
            box = field.bounding_box()
            assert box["x"] >= 0
            assert box["x"] + box["width"] <= width
            field.fill("no such row at all")
            assert tab.locator("tbody tr:visible").count() == 0
        assert not tab.complaints, tab.complaints
