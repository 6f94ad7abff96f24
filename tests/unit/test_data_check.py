"""Promises of the check before work: all that is wrong is told, once, with its code and place."""

import bad_data
import numpy as np
import pandas as pd
import pytest
from chromium import browser

import check
from tumorseg.checking import all_slices, near_duplicates
from tumorseg.core.errors import UserError
from tumorseg.core.files import read_table


@pytest.mark.parametrize("entry", bad_data.CATALOGUE, ids=[e.fed for e in bad_data.CATALOGUE])
def test_bad_data_is_told_by_its_code_and_nothing_else_is_said(entry, tmp_path):
    problems = bad_data.told(entry.make, tmp_path)
    found = {(problem.code, problem.severity) for problem in problems}
    expected = {(code, "warning") for code in entry.also}
    expected |= {(entry.code, entry.severity)} if entry.code else set()
    assert found == expected, [problem.line() for problem in problems]
    for problem in problems:
        assert "\n" not in problem.line() and len(problem.line()) < 600
        assert problem.value and problem.expected and problem.hint


def checked(make, folder, **other):
    """Runs the script on a data folder; gives its complaint, the table and the page's path."""
    data = bad_data.Data(folder / "data")
    make(data)
    data.finish()
    settings = {"seed": 1, "fold_count": 5, "strip_method": "head", "experiment": "mine"}
    complaint = ""
    try:
        check.main(
            source=data.source,
            data_dir=str(folder / "data"),
            folder=str(folder / "local"),
            **(settings | other),
        )
    except UserError as error:
        complaint = str(error)
    local = folder / "local"
    return complaint, read_table(local / "check.tsv"), local / "check.html"


def worst(data):
    """Many problems at once, one with a name that would break a careless page."""
    for entry in bad_data.CATALOGUE:
        if entry.fed.startswith(("PNG cut", "mask of another", "tumour of five")):
            entry.make(data)
    for number in (1, 2):
        data.set(number, image="images/<script>alert(1)<_script>.png")
    data.set(4, patient="<b>anon</b>")
    data.mask(5, bad_data.tumour(5) * 0)
    data.image(6, bad_data.head(7))


def test_all_problems_come_in_one_go_errors_first_after_the_page_is_written(tmp_path):
    complaint, table, page = checked(worst, tmp_path)
    assert complaint.startswith("4 slices read: 6 errors, ") and str(page) in complaint
    assert list(table["severity"]).index("warning") == 6 == (table["severity"] == "error").sum()
    assert set(table["code"]) >= {"image_missing", "annotation_empty", "patient_shared_image"}
    assert (tmp_path / "local/LOCAL_ONLY.txt").exists() and page.exists()


def test_clean_data_pass_with_a_page(tmp_path):
    complaint, table, page = checked(lambda data: None, tmp_path)
    assert complaint == "" and table.empty
    assert "Nothing stops the run" in page.read_text(encoding="utf-8")


def test_a_source_of_which_nothing_can_be_read_still_gets_its_page(tmp_path):
    complaint, table, page = checked(lambda data: data.source.update(table="no.tsv"), tmp_path)
    assert complaint and list(table["code"]) == ["table_missing"] and page.exists()


def test_made_heads_are_checked_as_well(tmp_path):
    source = {"kind": "phantom", "patients": 8, "height_px": 120, "width_px": 200}
    check.main(
        source=source,
        data_dir="",
        seed=1,
        fold_count=5,
        strip_method="otsu",
        experiment="phantom",
        folder=str(tmp_path),
    )
    table = read_table(tmp_path / "check.tsv")
    assert (table["severity"] == "warning").all()
    assert "<figure><svg" in (tmp_path / "check.html").read_text(encoding="utf-8")


def test_threads_find_the_same_in_the_same_order(tmp_path):
    one, two = (checked(worst, tmp_path / str(cores), cores=cores)[1] for cores in (1, 3))
    said = [table["code"] + table["row"].astype(str) for table in (one, two)]
    assert list(said[0]) == list(said[1])


def test_the_page_works_in_a_browser_asks_for_nothing_and_filters_by_code(tmp_path):
    _, table, page = checked(worst, tmp_path)
    with browser(page) as tab:
        shown = ".problems tbody tr:not([hidden])"
        assert tab.locator(shown).count() == len(table)
        tab.click("button[data-code=image_missing]")
        assert tab.locator(shown).count() == (table["code"] == "image_missing").sum() == 2
        assert tab.locator(".planes tbody tr").count() == 4
        tab.click("button[data-code=image_missing]")
        tab.fill(".problems input", "tumour_tiny")
        assert tab.locator(shown).count() == 0
        tab.fill(".problems input", "")
        cards = tab.locator(".sheet figure")
        assert cards.count() == 4
        assert any("patient <b>anon</b>" in text for text in cards.all_inner_texts())
        assert tab.locator(".sheet path.casing").first.get_attribute("d").startswith("M")
        assert tab.locator("text=Local only").is_visible()
        assert tab.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        assert tab.seen == []


def test_near_duplicates_beyond_the_limit_are_counted_not_listed(tmp_path):
    prints = np.repeat(near_duplicates.picture_print(bad_data.head(1))[None], 30, axis=0)
    slices = pd.DataFrame(
        {
            "case": [f"c{n}" for n in range(30)],
            "patient": [f"p{n}" for n in range(30)],
            "digest": [str(n) for n in range(30)],
            "file": "cases.tsv",
            "row": range(30),
        }
    )
    found = all_slices.near_duplicates(slices, prints)
    assert len(found) == all_slices.PAIRS_SHOWN + 1
    assert f"{30 * 29 // 2 - all_slices.PAIRS_SHOWN} further pairs" in found[-1].value


def test_the_page_of_codes_is_what_the_catalogue_prints():
    written = (bad_data.ROOT / "docs/data-checks.md").read_text(encoding="utf-8")
    assert written == bad_data.page()
