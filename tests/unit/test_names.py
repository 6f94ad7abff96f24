"""When two names are one: exactly, else in the same form, else not at all."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tumorseg.core.names import Names, as_stored, comparable, folded, parts, stem


@pytest.mark.parametrize(
    "other",
    ["JÖRG_1", "jörg_1 ", unicodedata.normalize("NFD", "jörg_1"), "\uff4aörg_1"],
)
def test_form_capitals_and_spaces_at_the_ends_make_no_other_name(other):
    assert Names(["jörg_1", "anna"]).find(other) == ["jörg_1"]


@pytest.mark.parametrize("other", ["jörg-1", "jorg_1", "jörg_01", "jörg_1.png", "jörg _1", ""])
def test_separators_zeros_and_letters_make_another_name(other):
    assert Names(["jörg_1", "anna"]).find(other) == []


def test_the_exact_name_goes_first_and_of_several_alike_none_is_chosen():
    names = Names(["a.png", "A.png", "b.png"])
    assert names.find("A.png") == ["A.png"]
    assert names.find("a.PNG") == ["a.png", "A.png"]
    assert names.find("B.PNG") == ["b.png"]


@given(st.text(max_size=20))
def test_a_name_in_its_form_has_the_same_form(name):
    assert comparable(comparable(name)) == comparable(name)
    assert comparable(name) == folded(name).strip()


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("a.png", "a"),
        ("p.1/a.tar.png", "p.1/a.tar"),
        ("p1/a.NII.GZ", "p1/a"),
        ("1.2.840.12", "1.2.840.12"),
        ("1.2.840.12.dcm", "1.2.840.12"),
        ("p.1/a", "p.1/a"),
        (".hidden", ".hidden"),
    ],
)
def test_an_ending_is_the_last_suffix_but_no_number(path, expected):
    assert stem(path) == expected


def test_both_slashes_separate_folders():
    assert parts("./images\\p1/a.png") == parts("images/p1//a.png") == ["images", "p1", "a.png"]


def test_a_path_is_found_in_the_spelling_of_its_files(tmp_path):
    for name in ("Images/p1/Scan.PNG", "Images/p1/a.png", "Images/p1/A.png", "odd\\name.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    for path in ("Images/p1/Scan.PNG", "images/P1/scan.png", "images\\p1\\scan.png"):
        assert as_stored(tmp_path, path) == tmp_path / "Images/p1/Scan.PNG"
    assert as_stored(tmp_path, "images/p1/A.png") == tmp_path / "Images/p1/A.png"
    assert as_stored(tmp_path, "images/p1/a.PNG") == tmp_path / "Images/p1/a.PNG"  # which one?
    assert as_stored(tmp_path, "images/none.png") == tmp_path / "Images/none.png"
    assert as_stored(tmp_path, "odd\\name.png") == tmp_path / "odd\\name.png"
    assert as_stored(tmp_path, str(tmp_path / "Images")) == tmp_path / "Images"
