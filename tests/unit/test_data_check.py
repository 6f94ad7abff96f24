"""The data check reports every problem once, with its code, file and row."""

import html
import re

import bad_data
import cv2
import nibabel as nib
import numpy as np
import pandas as pd
import pytest
import yaml
from chromium import browser

import check
from tumorseg.checking import all_slices, each_slice, near_duplicates, slice_record
from tumorseg.core.errors import UserError
from tumorseg.core.files import read_table
from tumorseg.imaging import skull_strip

HIPPOCAMPUS = bad_data.ROOT.parent / "shared/data/msd_hippocampus"


@pytest.mark.parametrize("fault", bad_data.CATALOGUE, ids=[f.data for f in bad_data.CATALOGUE])
def test_bad_data_gives_its_code_and_no_other(fault, tmp_path):
    problems = bad_data.problems_of(fault.make, tmp_path)
    reported = {(problem.code, problem.severity) for problem in problems}
    expected = {(code, "warning") for code in fault.also}
    expected |= {(fault.code, fault.severity)} if fault.code else set()
    assert reported == expected, [problem.line() for problem in problems]
    for problem in problems:
        assert "\n" not in problem.line() and len(problem.line()) < 600
        assert problem.value and problem.expected and problem.hint


def checked(make, folder, **other):
    """Runs the script on a data folder; returns its error message, its table and its page."""
    data = bad_data.Data(folder / "data")
    make(data)
    data.finish()
    settings = {"seed": 1, "fold_count": 5, "strip_method": "head", "experiment": "mine"}
    settings["accept_harm"] = False
    message = ""
    try:
        check.main(
            source=data.source,
            data_dir=str(folder / "data"),
            folder=str(folder / "local"),
            **(settings | other),
        )
    except UserError as error:
        message = str(error)
    local = folder / "local"
    return message, read_table(local / "check.tsv"), local / "check.html"


def many_faults(data):
    """Many faults at once, one with a name that breaks a page without escaping."""
    for fault in bad_data.CATALOGUE:
        if fault.data.startswith(("PNG cut", "mask of another", "tumour of five")):
            fault.make(data)
    for number in (1, 2):
        data.set(number, image="images/<script>alert(1)<_script>.png")
    data.set(4, patient="<b>anon</b>")
    data.mask(5, bad_data.tumour(5) * 0)
    data.image(6, bad_data.head(7))


def test_all_problems_are_reported_together_errors_first_after_the_page_is_written(tmp_path):
    message, table, page = checked(many_faults, tmp_path)
    assert message.startswith("4 slices read: 5 errors, ") and str(page) in message
    assert list(table["severity"]).index("warning") == 5 == (table["severity"] == "error").sum()
    assert set(table["code"]) >= {"image_missing", "annotation_empty", "patient_shared_image"}
    assert (tmp_path / "local/LOCAL_ONLY.txt").exists() and page.exists()


def test_the_page_lists_the_cases_with_errors_and_with_warnings_as_settings_to_copy(tmp_path):
    def faults(data):
        data.set(3, case="007", patient="")
        data.set(4, image="images/none.png", case="no")
        data.annotate(5, b"{")
        data.image(6, np.zeros((bad_data.SIDE, bad_data.SIDE), np.uint8))
        data.source["exclude"] = ["a08"]

    message, table, page = checked(faults, tmp_path)
    assert message.startswith("4 slices read, 1 cases left out (source.exclude): 3 errors")
    text = html.unescape(page.read_text(encoding="utf-8"))
    lists = [yaml.safe_load(part) for part in re.findall("<pre>(.*?)</pre>", text, re.DOTALL)]
    assert lists == [
        {"source": {"exclude": ["a08", "007", "no", "a05"]}},
        {"source": {"exclude": ["a08", "a06"]}},
    ]
    assert set(table.loc[table["severity"] == "error", "case"]) == {"007", "no", "a05"}

    def repaired(data):
        faults(data)
        data.source["exclude"] = lists[0]["source"]["exclude"]

    message, table, _ = checked(repaired, tmp_path / "again", fold_count=2)
    assert message == "" and "error" not in set(table["severity"])


def test_valid_data_pass_and_get_a_page(tmp_path):
    message, table, page = checked(lambda data: None, tmp_path)
    assert message == "" and table.empty
    assert "No error: a run would start" in page.read_text(encoding="utf-8")


def test_an_unreadable_source_still_gets_a_page(tmp_path):
    message, table, page = checked(lambda data: data.source.update(table="no.tsv"), tmp_path)
    assert message and list(table["code"]) == ["table_missing"] and page.exists()


def test_the_phantom_is_checked_as_well(tmp_path):
    source = {"kind": "phantom", "patients": 8, "height_px": 120, "width_px": 200}
    check.main(
        source=source,
        data_dir="",
        seed=1,
        fold_count=5,
        strip_method="head",
        accept_harm=False,
        experiment="phantom",
        folder=str(tmp_path),
    )
    table = read_table(tmp_path / "check.tsv")
    assert (table["severity"] == "warning").all()
    assert "<figure><svg" in (tmp_path / "check.html").read_text(encoding="utf-8")


def test_any_number_of_threads_gives_the_same_problems_in_the_same_order(tmp_path):
    one, two = (checked(many_faults, tmp_path / str(cores), cores=cores)[1] for cores in (1, 3))
    first, second = (list(table["code"] + table["row"].astype(str)) for table in (one, two))
    assert first == second


def test_the_page_works_in_a_browser_loads_nothing_and_filters_by_code(tmp_path):
    _, table, page = checked(many_faults, tmp_path)
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
        assert tab.complaints == []


def test_a_tumour_lies_in_air_only_where_there_is_air():
    """A volume cut out of an organ has dark tissue around a bright part, but no air."""
    image, mask = bad_data.head(3), np.zeros((bad_data.SIDE, bad_data.SIDE), np.uint8)
    mask[2:12, 2:12] = 1
    assert slice_record.head_shares(image, mask)[0] == 1
    radius = np.hypot(*(np.mgrid[:96, :96] - 47.5))
    noise = np.random.default_rng(1).normal(0, 8, image.shape)
    cut_out = np.clip(np.where(radius < 38, 150, 80) + noise, 0, 255).astype(np.uint8)
    depth = skull_strip.head_depth(cut_out, slice_record.HEAD_GRID_PX)[1]
    assert (depth[2:12, 2:12] == 0).all()  # outside what looks like a head
    assert slice_record.head_shares(cut_out, mask)[0] < 0.05
    stripped = np.where(radius < 38, cut_out, 0).astype(np.uint8)
    assert slice_record.head_shares(stripped, mask)[0] == 1


@pytest.mark.skipif(not HIPPOCAMPUS.is_dir(), reason="HIPPOCAMPUS NOT CHECKED: not in shared/")
def test_no_hippocampus_of_a_cut_out_volume_lies_in_air():
    for path in sorted((HIPPOCAMPUS / "imagesTr").glob("*.nii.gz"))[::3]:
        volume, labels = (
            np.asarray(nib.load(HIPPOCAMPUS / part / path.name).dataobj)
            for part in ("imagesTr", "labelsTr")
        )
        for number in np.flatnonzero(labels.any((0, 1)))[::6]:
            share, _ = slice_record.head_shares(volume[..., number], labels[..., number])
            assert not share > each_slice.IN_AIR, (path.name, number)


def test_every_warning_about_one_slice_names_the_case_that_can_be_taken_out(tmp_path):
    def stripped_and_copied(data):
        bad_data.at_the_edge(data, 2)
        copy = cv2.resize(bad_data.head(5), None, fx=0.8, fy=0.8)
        data.image(6, copy)
        data.mask(6, cv2.resize(bad_data.tumour(5) * 255, copy.shape, interpolation=0))

    problems = bad_data.problems_of(stripped_and_copied, tmp_path)
    named = {(p.code, p.case) for p in problems if p.code in ("tumour_stripped", "near_duplicate")}
    assert {("tumour_stripped", "a01"), ("near_duplicate", "a06")} <= named
    assert all(case for _, case in named)


def test_near_duplicates_beyond_the_limit_are_only_counted(tmp_path):
    fingerprints = np.repeat(near_duplicates.fingerprint(bad_data.head(1))[None], 30, axis=0)
    slices = pd.DataFrame(
        {
            "case": [f"c{n}" for n in range(30)],
            "patient": [f"p{n}" for n in range(30)],
            "digest": [str(n) for n in range(30)],
            "file": "cases.tsv",
            "row": range(30),
            "source_case": [f"c{n}" for n in range(30)],
        }
    )
    problems = all_slices.near_duplicates(slices, fingerprints)
    assert len(problems) == all_slices.PAIRS_SHOWN + 1
    assert f"{30 * 29 // 2 - all_slices.PAIRS_SHOWN} further pairs" in problems[-1].value


@pytest.mark.slow
def test_the_documented_messages_are_those_that_the_check_prints():
    written = (bad_data.ROOT / "docs/data-checks.md").read_text(encoding="utf-8")
    assert written == bad_data.page()
