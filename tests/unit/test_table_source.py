"""The source `table` changes no value and reports each problem in one line."""

import json
import os
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

from tumorseg.core import user_tables
from tumorseg.core.problems import Problem
from tumorseg.core.spelling import spelling
from tumorseg.data import reading
from tumorseg.data.cohort import Cohort
from tumorseg.sources import table

HEIGHT, WIDTH = 40, 50
BORDER = [[10.5, 12.5], [30.5, 12.5], [30.5, 25.5], [10.5, 25.5]]


def slice_of(number, dtype=np.uint8):
    rng = np.random.default_rng(number)
    return rng.integers(0, np.iinfo(dtype).max, (HEIGHT, WIDTH), dtype, endpoint=True)


def labelme(points=BORDER, height=HEIGHT, width=WIDTH):
    shape = {"label": "tumour", "points": points, "shape_type": "polygon"}
    return {"shapes": [shape], "imageHeight": height, "imageWidth": width}


@pytest.fixture
def data(tmp_path):
    """Three cases of two patients; the tests damage row 2."""
    folder = tmp_path / "data"
    folder.mkdir()
    for number in (1, 2, 3):
        cv2.imwrite(str(folder / f"{number}.png"), slice_of(number))
        (folder / f"{number}.json").write_text(json.dumps(labelme()), encoding="utf-8")
    rows = [
        {
            "case": f"c{number}",
            "image": f"{number}.png",
            "annotation": f"{number}.json",
            "patient": patient,
            "plane": "axial",
            "spacing_mm": "0.5",
        }
        for number, patient in ((1, "a"), (2, "b"), (3, "b"))
    ]
    write(folder, pd.DataFrame(rows))
    return folder


def write(folder: Path, rows: pd.DataFrame) -> None:
    rows.to_csv(folder / "cases.tsv", sep="\t", index=False)


def rows_of(folder: Path) -> pd.DataFrame:
    return pd.read_csv(folder / "cases.tsv", sep="\t", dtype=str, keep_default_na=False)


def change(folder: Path, **values: str) -> None:
    rows = rows_of(folder)
    for name, value in values.items():
        rows.loc[1, name] = value
    write(folder, rows)


def read(folder: Path, **source) -> tuple[list, list[Problem]]:
    """All cases and problems, as the import sees them."""
    cases, problems, cohort = [], [], Cohort()
    for item in reading.read({"kind": "table"} | source, str(folder), 1, cores=2):
        cases += item.cases
        problems += [*item.problems, *cohort.add(item)]
    return cases, problems


def test_every_case_of_a_valid_table_is_read_without_problems(data):
    cases, problems = read(data)
    assert problems == []
    assert [(case.case, case.patient, case.plane) for case in cases] == [
        ("c1", "a", "axial"),
        ("c2", "b", "axial"),
        ("c3", "b", "axial"),
    ]
    for number, case in enumerate(cases, start=1):
        np.testing.assert_array_equal(case.image, slice_of(number))
        assert case.spacing_mm == (0.5, 0.5)


def cut_short(folder: Path, name: str) -> None:
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(content[: len(content) * 2 // 3])


def truncated_png(folder):
    cut_short(folder, "2.png")


def empty_image_file(folder):
    (folder / "2.png").write_bytes(b"")


def missing_image(folder):
    (folder / "2.png").unlink()


def no_image_named(folder):
    change(folder, image="NA")


def missing_annotation(folder):
    (folder / "2.json").unlink()


def no_annotation_named(folder):
    change(folder, annotation="")


def annotation_of_another_size(folder):
    (folder / "2.json").write_text(json.dumps(labelme(height=400)), encoding="utf-8")


def annotation_is_no_json(folder):
    (folder / "2.json").write_text("{", encoding="utf-8")


def annotation_without_tumour(folder):
    (folder / "2.json").write_text(json.dumps(labelme() | {"shapes": []}), encoding="utf-8")


def polygon_between_pixel_centres(folder):
    points = [[10.2, 10.2], [10.8, 10.2], [10.5, 10.8]]
    (folder / "2.json").write_text(json.dumps(labelme(points)), encoding="utf-8")


def polygon_of_the_whole_image(folder):
    points = [[-0.5, -0.5], [WIDTH - 0.5, -0.5], [WIDTH - 0.5, HEIGHT - 0.5], [-0.5, HEIGHT - 0.5]]
    (folder / "2.json").write_text(json.dumps(labelme(points)), encoding="utf-8")


def unknown_plane(folder):
    change(folder, plane="oblique")


def no_plane(folder):
    change(folder, plane="NA")


def duplicate_case(folder):
    change(folder, case="c1")


def case_differs_in_capitals_only(folder):
    change(folder, case="C1")


def same_image_of_two_patients(folder):
    (folder / "2.png").write_bytes((folder / "1.png").read_bytes())


def same_pixels_in_another_format(folder):
    cv2.imwrite(str(folder / "2.tif"), slice_of(1))
    change(folder, image="2.tif")


def no_patient(folder):
    change(folder, patient="")


def impossible_spacing(folder):
    change(folder, spacing_mm="-1")


def spacing_in_words(folder):
    change(folder, spacing_mm="half")


def spacing_of_three_numbers(folder):
    change(folder, spacing_mm="0.5 0.5 5")


def case_that_is_a_path(folder):
    change(folder, case="../c2")


def no_case_name(folder):
    change(folder, case="")


def endless_case_name(folder):
    change(folder, case="c" * 300)


def case_name_of_many_bytes(folder):
    """Its slices' files could not be named: 255 bytes are allowed."""
    change(folder, case="患" * 90)


def absolute_path(folder):
    change(folder, image=str(folder / "2.png"))


def windows_path(folder):
    change(folder, image=r"C:\data\2.png")


def path_that_leaves_the_folder(folder):
    (folder.parent / "out.png").write_bytes((folder / "2.png").read_bytes())
    change(folder, image="../out.png")


def link_that_leaves_the_folder(folder):
    (folder.parent / "out.png").write_bytes((folder / "2.png").read_bytes())
    (folder / "2.png").unlink()
    (folder / "2.png").symlink_to(folder.parent / "out.png")


def link_in_a_circle(folder):
    (folder / "2.png").unlink()
    (folder / "2.png").symlink_to(folder / "2.png")


def pipe_that_never_ends(folder):
    (folder / "2.png").unlink()
    os.mkfifo(folder / "2.png")


def control_character(folder):
    change(folder, image="2\x07.png")


def too_few_cells(folder):
    lines = (folder / "cases.tsv").read_text().splitlines()
    lines[2] = lines[2].rsplit("\t", 1)[0]
    (folder / "cases.tsv").write_text("\n".join(lines))


def too_many_cells(folder):
    lines = (folder / "cases.tsv").read_text().splitlines()
    lines[2] += "\tmore"
    (folder / "cases.tsv").write_text("\n".join(lines))


BAD = {
    truncated_png: ("image_truncated", "2.png: "),
    empty_image_file: ("image_empty", "2.png: "),
    missing_image: ("image_missing", "2.png"),
    no_image_named: ("image_missing", "no image given"),
    missing_annotation: ("annotation_missing", "2.json"),
    no_annotation_named: ("annotation_missing", "`negative` for no tumour"),
    annotation_of_another_size: ("annotation_size", "2.json: "),
    annotation_is_no_json: ("annotation_not_json", "2.json: "),
    annotation_without_tumour: ("annotation_empty", "no tumour annotated"),
    polygon_between_pixel_centres: ("annotation_empty", "contain no pixel centre"),
    polygon_of_the_whole_image: ("annotation_all", "2.json: "),
    unknown_plane: ("plane_unknown", "'oblique'; expected one of axial, coronal, sagittal"),
    no_plane: ("plane_missing", "2.png: the plane of this picture is not known"),
    duplicate_case: ("case_repeated", "'c1' has the same name as case 'c1' (row 1)"),
    case_differs_in_capitals_only: ("case_repeated", "'C1' has the same name as case 'c1' (row 1)"),
    same_image_of_two_patients: ("patient_shared_image", "case c2 of patient b has the same"),
    same_pixels_in_another_format: ("patient_shared_image", "case c1 of patient a"),
    no_patient: ("patient_missing", "must be in one fold"),
    impossible_spacing: ("spacing", "spacing_mm '-1'"),
    spacing_in_words: ("spacing", "spacing_mm 'half'"),
    spacing_of_three_numbers: ("spacing", "height and width"),
    case_that_is_a_path: ("case_name", "case '../c2'"),
    no_case_name: ("case_name", "case ''"),
    endless_case_name: ("case_name", "up to 120"),
    case_name_of_many_bytes: ("case_name", "and 200 bytes"),
    absolute_path: ("path_absolute", "a relative path"),
    windows_path: ("path_absolute", "a relative path"),
    path_that_leaves_the_folder: ("path_outside", "../out.png"),
    link_that_leaves_the_folder: ("path_link", "out of the data folder"),
    link_in_a_circle: ("image_missing", "2.png"),
    pipe_that_never_ends: ("image_missing", "is not a file"),
    control_character: ("table_character", r"'2\x07.png'"),
    too_few_cells: ("table_row", "5 cells; expected 6 as in the header"),
    too_many_cells: ("table_row", "7 cells; expected 6 as in the header"),
}


@pytest.mark.parametrize(("damage", "expected"), BAD.items(), ids=[f.__name__ for f in BAD])
def test_a_bad_row_is_one_error_with_its_row_and_the_other_rows_are_read(data, damage, expected):
    damage(data)
    cases, problems = read(data)
    (error,) = [problem for problem in problems if problem.severity == "error"]
    code, text = expected
    assert error.code == code
    assert (error.file, error.row) == (f"{data / 'cases.tsv'}", 2)
    line = error.line()
    assert text in line
    assert line.startswith(f"{data / 'cases.tsv'} row 2: ")
    assert "\n" not in line
    assert {"c1", "c3"} <= {case.case for case in cases}


def test_all_problems_are_reported_together(data):
    unknown_plane(data)
    empty_image_file(data)
    change(data, case="c1", image="/2.png")
    (data / "3.json").unlink()
    (data / "1.png").write_bytes(b"")
    _, problems = read(data)
    assert sorted((problem.row, problem.code) for problem in problems) == [
        (1, "image_empty"),
        (2, "case_repeated"),
        (2, "path_absolute"),
        (2, "plane_unknown"),
        (3, "annotation_missing"),
    ]


def test_a_shared_file_without_the_case_is_an_error_of_its_row(data):
    borders = {"c1": BORDER, "c3": BORDER}
    (data / "borders.json").write_text(json.dumps(borders), encoding="utf-8")
    rows_of(data).drop(columns="annotation").to_csv(data / "cases.tsv", sep="\t", index=False)
    cases, problems = read(data, form="border", annotation_file="borders.json")
    assert [case.case for case in cases] == ["c1", "c3"]
    assert [(problem.row, problem.severity) for problem in problems] == [(2, "error")]
    borders["c2"] = BORDER
    (data / "borders.json").write_text(json.dumps(borders), encoding="utf-8")
    cases, problems = read(data, form="border", annotation_file="borders.json")
    assert len(cases) == 3
    assert problems == []


def test_a_border_is_found_by_its_case_where_only_the_row_says_that_it_is_one(data):
    (data / "borders.json").write_text(json.dumps({"c2": BORDER}), encoding="utf-8")
    rows = rows_of(data).assign(form="auto")
    write(data, rows)
    change(data, form="border", annotation="borders.json")
    cases, problems = read(data)
    assert [case.case for case in cases] == ["c1", "c2", "c3"]
    assert problems == []


def no_table(folder):
    (folder / "cases.tsv").unlink()


def folder_instead_of_a_table(folder):
    (folder / "cases.tsv").unlink()
    (folder / "cases.tsv").mkdir()


def empty_table(folder):
    (folder / "cases.tsv").write_text("", encoding="utf-8")


def header_alone(folder):
    write(folder, rows_of(folder).iloc[:0])


def no_patient_column(folder):
    write(folder, rows_of(folder).drop(columns="patient"))


def patient_column_twice(folder):
    text = (folder / "cases.tsv").read_text()
    (folder / "cases.tsv").write_text(text.replace("plane", "patient"))


def binary_table(folder):
    (folder / "cases.tsv").write_bytes(bytes(range(128, 256)))


def zeros(folder):
    text = (folder / "cases.tsv").read_text()
    (folder / "cases.tsv").write_text(text, encoding="utf-16-le")  # without its mark


def workbook(folder):
    (folder / "cases.tsv").write_bytes(b"PK\x03\x04" + bytes(100))


def text_after_a_quote(folder):
    text = (folder / "cases.tsv").read_text()
    (folder / "cases.tsv").write_text(text.replace("2.png", '"2"png'))


def column_twice_in_capitals(folder):
    text = (folder / "cases.tsv").read_text()
    text = text.replace("patient", "Patient").replace("plane", "PATIENT")
    (folder / "cases.tsv").write_text(text)


def endless_quote(folder):
    text = (folder / "cases.tsv").read_text()
    (folder / "cases.tsv").write_text(text.replace("2.png", '"2.png'))


def endless_cell(folder):
    with (folder / "cases.tsv").open("a", encoding="utf-8") as file:
        file.write("x" * 200_000 + "\n")


def huge_table(folder):
    os.truncate(folder / "cases.tsv", user_tables.LARGEST + 1)


BAD_TABLES = {
    no_table: ("table_missing", "set data_dir and source.table"),
    folder_instead_of_a_table: ("table_missing", "no such table"),
    empty_table: ("table_unreadable", "not a table (fewer than two columns)"),
    header_alone: ("table_empty", "a header and no case"),
    no_patient_column: ("table_columns", "no columns 'patient'"),
    patient_column_twice: ("table_columns", "2 columns 'patient'"),
    binary_table: ("table_encoding", "byte 0x80 that is not UTF-8"),
    zeros: ("table_encoding", "bytes of zero"),
    workbook: ("table_unreadable", "not a table (a workbook of a spreadsheet program)"),
    endless_quote: ("table_unreadable", "a quotation mark that is not closed, in line 4"),
    endless_cell: ("table_unreadable", "an endless cell, in line 5"),
    text_after_a_quote: ("table_unreadable", "text after a closing quotation mark, in line 3"),
    column_twice_in_capitals: ("table_columns", "2 columns 'patient'"),
    huge_table: ("table_too_large", "up to 256 MB"),
}


@pytest.mark.parametrize(
    ("damage", "expected"), BAD_TABLES.items(), ids=[f.__name__ for f in BAD_TABLES]
)
def test_a_bad_table_is_one_error_with_its_name(data, damage, expected):
    damage(data)
    _, problems = read(data)
    (error,) = problems
    assert error.code == expected[0]
    assert error.line().startswith(f"{data / 'cases.tsv'}: ")
    assert expected[1] in error.line()
    assert "\n" not in error.line()
    table.files(data_dir=str(data))  # never raises


def quoted_cells(text, delimiter):
    rows = (line.split("\t") for line in text.splitlines())
    return "\n".join(delimiter.join(f'"{cell}"' for cell in row) for row in rows)


AS_SAVED = {
    "bom": lambda text: "\ufeff" + text,
    "crlf": lambda text: text.replace("\n", "\r\n"),
    "old Mac": lambda text: text.replace("\n", "\r"),
    "spaces": lambda text: text.replace("\t", " \t "),
    "quoted": lambda text: quoted_cells(text, "\t"),
    "blank end": lambda text: text.rstrip("\n"),
    "rows of tabs at the end": lambda text: text + "\t\t\t\t\t\n" * 3,
    "blank lines at the end": lambda text: text + "\n\n \n",
    "blank line before the header": lambda text: "\n\t\t\n" + text,
    "commas": lambda text: text.replace("\t", ","),
    "quoted cells with commas": lambda text: quoted_cells(text, ","),
    "semicolons": lambda text: "\ufeff" + text.replace("\t", ";").replace("\n", "\r\n"),
    "decimal commas": lambda text: text.replace("\t", ";").replace("0.5", "0,5"),
    "decimal commas in quotes": lambda text: text.replace("\t", ",").replace("0.5", '"0,5"'),
    "decimal commas between tabs": lambda text: text.replace("0.5", "0,5"),
    "a separator at each line's end": lambda text: text.replace("\t", ";").replace("\n", ";\n"),
    "a separator at each row's end": lambda text: text.replace(".5\n", ".5\t\n"),
    "Excel's line of the separator": lambda text: "sep=;\n" + text.replace("\t", ";"),
    "capitals": lambda text: text.replace("case", "Case").replace("spacing_mm", "Spacing mm"),
}


@pytest.mark.parametrize("kind", AS_SAVED)
def test_a_table_saved_by_a_spreadsheet_is_read_the_same(data, kind):
    expected = list(table.entries(data_dir=str(data)))
    changed = AS_SAVED[kind]((data / "cases.tsv").read_text())
    (data / "cases.tsv").write_bytes(changed.encode())
    assert repr(list(table.entries(data_dir=str(data)))) == repr(expected)
    assert len(table.files(data_dir=str(data))) == 7


def test_unicode_text_of_a_spreadsheet_is_read_the_same(data):
    expected = list(table.entries(data_dir=str(data)))
    text = (data / "cases.tsv").read_text()
    for encoding in ("utf-16", "utf-16-be"):
        mark = b"" if encoding == "utf-16" else b"\xfe\xff"
        (data / "cases.tsv").write_bytes(mark + text.encode(encoding))
        assert repr(list(table.entries(data_dir=str(data)))) == repr(expected)


def test_text_that_is_not_utf_8_is_read_as_windows_1252_with_a_warning(data):
    text = (data / "cases.tsv").read_text().replace("\tb\t", "\tMüller\t")
    (data / "cases.tsv").write_text(text, encoding="cp1252")
    cases, (note,) = read(data)
    assert {case.patient for case in cases} == {"a", "Müller"}
    assert (note.code, note.severity) == ("table_encoding", "warning")
    assert "byte 0xfc that is not UTF-8; read as Windows-1252, for instance 'Müller'" in note.line()


def test_the_example_of_another_encoding_is_one_cell(data):
    text = (data / "cases.tsv").read_text().replace("\tb\t", "\tMüller\t").replace("\t", ";")
    (data / "cases.tsv").write_text(text, encoding="cp1252")
    _, (note,) = read(data)
    assert "read as Windows-1252, for instance 'Müller';" in note.line()


def test_blank_lines_in_the_middle_are_passed_over_and_rows_keep_their_numbers(data):
    lines = (data / "cases.tsv").read_text().splitlines()
    (data / "cases.tsv").write_text("\n".join([*lines[:2], "", "\t\t\t\t\t", *lines[2:]]))
    (data / "3.png").unlink()
    cases, (problem,) = read(data)
    assert (len(cases), problem.code, problem.row) == (2, "image_missing", 5)


def test_a_comma_is_no_decimal_sign_in_a_column_with_decimal_points(data):
    change(data, spacing_mm="0,5")
    assert [(p.code, p.row) for p in read(data)[1]] == [("spacing", 2)]


def test_two_decimal_commas_are_height_and_width(data):
    write(data, rows_of(data).assign(spacing_mm=["0,5 0,75", "0,5", "na"]))
    cases, _ = read(data)
    assert cases[0].spacing_mm == (0.5, 0.75)
    assert cases[1].spacing_mm == (0.5, 0.5)
    assert np.isnan(cases[2].spacing_mm).all()


def no_patient_and_no_image(folder):
    no_patient(folder)
    missing_image(folder)


def nothing_but_faults(folder):
    change(folder, case="-", image="", annotation="../x.json", patient="?", plane="up")
    change(folder, spacing_mm="x")


def bad_image_and_bad_annotation(folder):
    truncated_png(folder)
    annotation_is_no_json(folder)


def bad_image_and_bad_mask(folder):
    truncated_png(folder)
    (folder / "2.json").write_bytes(b"")
    change(folder, annotation="2.json")


def bad_image_and_mask_of_labels(folder):
    truncated_png(folder)
    cv2.imwrite(str(folder / "2m.png"), np.arange(6, dtype=np.uint8).reshape(2, 3))
    change(folder, annotation="2m.png")


def bad_annotation_and_no_plane(folder):
    annotation_is_no_json(folder)
    no_plane(folder)


def no_tumour_and_no_plane(folder):
    annotation_without_tumour(folder)
    no_plane(folder)


def no_patient_and_bad_files(folder):
    no_patient(folder)
    bad_image_and_bad_annotation(folder)


def no_image_and_bad_annotation(folder):
    missing_image(folder)
    annotation_is_no_json(folder)


def no_annotation_and_bad_image(folder):
    missing_annotation(folder)
    truncated_png(folder)


SEVERAL = {
    no_patient_and_no_image: ("image_missing", "patient_missing"),
    nothing_but_faults: (
        *("case_name", "image_missing", "path_outside", "patient_missing", "plane_unknown"),
        "spacing",
    ),
    bad_image_and_bad_annotation: ("annotation_not_json", "image_truncated"),
    bad_image_and_bad_mask: ("image_empty", "image_truncated"),
    bad_image_and_mask_of_labels: ("image_truncated", "label_unknown"),
    bad_annotation_and_no_plane: ("annotation_not_json", "plane_missing"),
    no_tumour_and_no_plane: ("annotation_empty", "plane_missing"),
    no_patient_and_bad_files: ("annotation_not_json", "image_truncated", "patient_missing"),
    no_image_and_bad_annotation: ("annotation_not_json", "image_missing"),
    no_annotation_and_bad_image: ("annotation_missing", "image_truncated"),
}


@pytest.mark.parametrize(("damage", "codes"), SEVERAL.items(), ids=[f.__name__ for f in SEVERAL])
def test_an_entry_tells_all_its_errors_at_once(data, damage, codes):
    damage(data)
    cases, problems = read(data)
    assert tuple(sorted(problem.code for problem in problems)) == codes
    assert {problem.row for problem in problems} == {2}
    assert [case.case for case in cases] == ["c1", "c3"]


def test_excluded_cases_are_taken_out_with_all_their_problems(data):
    nothing_but_faults(data)
    (data / "3.png").write_bytes(b"")
    change(data, case="c2")
    cases, problems = read(data, exclude=["c2", "c3"])
    assert problems == []
    assert [case.case for case in cases] == ["c1"]


def test_an_excluded_name_that_is_no_case_is_an_error_with_the_cases_most_like_it(data):
    change(data, case="007")
    cases, problems = read(data, exclude=["c33", 7])
    assert len(cases) == 3
    assert [problem.code for problem in problems] == ["exclude_unknown"] * 2
    assert "names 'c33', which is no case; expected a case, for instance 'c3'" in problems[0].line()
    assert "names '7', which is no case; expected a case, for instance '007'" in problems[1].line()
    assert [case.case for case in read(data, exclude=["007"])[0]] == ["c1", "c3"]


def test_an_excluded_name_means_the_case_that_is_written_so_or_the_only_other_form(data):
    """Both of two cases whose names differ only in capitals were left out without a word."""
    write(data, rows_of(data).assign(case=["C1", "c1", "d"]))
    cases, problems = read(data, exclude=["C1"])
    assert ([case.case for case in cases], problems) == (["c1", "d"], [])
    cases, problems = read(data, exclude=["c1", "D"])
    assert ([case.case for case in cases], problems) == (["C1"], [])
    write(data, rows_of(data).assign(case=["ää", "ÄÄ", "d"]))
    _, problems = read(data, exclude=["Ää"])
    assert [problem.code for problem in problems] == ["exclude_unknown", "case_repeated"]
    assert "could be any of 2 cases; expected a case, for instance 'ää', 'ÄÄ'" in problems[0].line()


@pytest.mark.parametrize("image", [r"images\2.png", r".\Images\2.PNG", "IMAGES/2.png"])
def test_a_path_is_found_with_backslashes_and_in_other_capitals(data, image):
    (data / "images").mkdir()
    (data / "2.png").rename(data / "images/2.png")
    change(data, image=image)
    cases, problems = read(data)
    assert (len(cases), problems) == (3, [])


def test_of_two_files_that_a_path_can_mean_none_is_chosen(data):
    for name in ("X.png", "x.png"):
        (data / name).write_bytes((data / "2.png").read_bytes())
    change(data, image="x.png")
    assert read(data)[1] == []
    change(data, image="x.PNG")
    _, (problem,) = read(data)
    assert problem.code == "image_missing" and "write one of 'X.png', 'x.png'" in problem.line()


def test_patients_of_rows_with_faults_count(data):
    write(data, rows_of(data).assign(patient=["a", "b", "d"]))
    missing_image(data)
    cohort = Cohort()
    for item in reading.read({"kind": "table"}, str(data), 1):
        cohort.add(item)
    assert cohort.patients == {"a", "b", "d"}


def test_unusual_characters_in_names_are_read(data):
    name = "Zwölf Köpfe (neu) #1 & 50 % 'x' 脳.png"
    (data / "2.png").rename(data / name)
    change(data, image=name, patient="Ærø 'b' 脳")
    cases, problems = read(data)
    assert problems == []
    assert cases[1].patient == "Ærø 'b' 脳"


@pytest.mark.parametrize("written", ["jo\u0308rg/A.png", "JÖRG/a.PNG", "jörg /A.png"])
def test_a_path_in_another_spelling_of_the_same_name_finds_its_file(data, written):
    (data / "jörg").mkdir()
    (data / "2.png").rename(data / "jörg" / "A.png")
    rows = rows_of(data)
    rows.loc[1, "image"] = written
    write(data, rows)
    items = list(reading.read({"kind": "table"}, str(data), 1))
    assert [problem.line() for item in items for problem in item.problems] == []
    assert len([case for item in items for case in item.cases]) == 3
    assert data / "jörg" / "A.png" in table.files(data_dir=str(data))


def test_a_path_that_fits_two_files_stays_as_written(data):
    for name in ("x.PNG", "X.png"):
        cv2.imwrite(str(data / name), slice_of(7))
    rows = rows_of(data)
    rows.loc[1, "image"] = "x.png"
    write(data, rows)
    problems = [p for i in reading.read({"kind": "table"}, str(data), 1) for p in i.problems]
    assert [problem.code for problem in problems] == ["image_missing"]


def test_columns_can_have_other_names_and_missing_spacing_is_unknown(data):
    rows = rows_of(data).drop(columns="spacing_mm")
    foreign = {"case": "sample_id", "patient": "subject", "image": "file"}
    rows.rename(columns=foreign).assign(extra=1).to_csv(data / "mine.tsv", sep="\t", index=False)
    entries = list(table.entries(data_dir=str(data), table="mine.tsv", columns=foreign))
    assert [(case.case, case.patient) for case in entries] == [
        ("c1", "a"),
        ("c2", "b"),
        ("c3", "b"),
    ]
    assert all(np.isnan(case.spacing_mm).all() for case in entries)
    _, problems = read(data, table="mine.tsv", columns=foreign | {"case": "name"})
    assert "no columns 'name'" in problems[0].line()


def test_a_configured_column_is_used_instead_of_one_with_our_name(data):
    """A table may have a column `case` and another column to be used as case."""
    write(data, rows_of(data).assign(sample_id=["s1", "s2", "s3"]))
    entries = table.entries(data_dir=str(data), columns={"case": "sample_id"})
    assert [case.case for case in entries] == ["s1", "s2", "s3"]


def test_numbers_stay_text_and_the_image_keeps_every_value(data):
    change(data, case="0012", patient="007", spacing_mm="0.5 x 0.75")
    cv2.imwrite(str(data / "2.png"), slice_of(9, np.uint16))
    (first, *_), problems = read(data)
    assert problems == []
    assert (first.case, first.patient, first.spacing_mm) == ("0012", "007", (0.5, 0.75))
    np.testing.assert_array_equal(first.image, slice_of(9, np.uint16))


def test_a_row_can_declare_that_there_is_no_tumour(data):
    change(data, annotation="negative")
    cases, problems = read(data)
    assert problems == []
    assert cases[1].parts is None
    assert not cases[1].mask.any()
    annotation_without_tumour(data)
    change(data, annotation="2.json")
    cases, problems = read(data, negatives=True)
    assert problems == []
    assert not cases[1].parts


def test_a_row_can_have_its_own_annotation_format(data):
    cv2.imwrite(str(data / "2m.png"), 255 * np.eye(HEIGHT, WIDTH, dtype=np.uint8))
    rows = rows_of(data).assign(form=["labelme", "mask", "NA"])
    rows.loc[1, "annotation"] = "2m.png"
    write(data, rows)
    cases, problems = read(data)
    assert problems == []
    np.testing.assert_array_equal(cases[1].mask, np.eye(HEIGHT, WIDTH))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        *(("001", "1"), ("7", "7.0"), ("anon-1", "anon_1"), ("anon-1", "Anon 01"), ("a", "A")),
        *(("P01", "P1"), ("pa1", "pa 1"), ("Ze\u0301", "Z\u00e9"), ("MUSTER^ANN", "Muster, Ann")),
    ],
)
def test_one_patient_under_two_spellings_is_an_error_until_the_user_accepts_it(data, one, other):
    write(data, rows_of(data).assign(patient=[one, other, "zz"]))
    _, (problem,) = read(data)
    assert (problem.code, problem.severity, problem.row) == ("patient_similar", "error", 2)
    assert f"patients {one!r}, {other!r}" in problem.line()
    assert "source.patients_similar: accept" in problem.line()
    cases, (note,) = read(data, patients_similar="accept")
    assert (note.code, note.severity, len(cases)) == ("patient_similar", "warning", 3)


def test_a_similar_name_in_a_row_with_another_error_is_reported_too(data):
    write(data, rows_of(data).assign(patient=["001", "1", "zz"]))
    (data / "2.png").unlink()
    assert sorted(problem.code for problem in read(data)[1]) == ["image_missing", "patient_similar"]


def test_patients_that_differ_in_a_final_letter_are_a_warning(data):
    write(data, rows_of(data).assign(patient=["pa1", "pa1b", "zz"]))
    cases, (note,) = read(data)
    assert (note.code, note.severity, note.row, len(cases)) == ("patient_similar", "warning", 2, 3)


@pytest.mark.parametrize(
    "names",
    [
        [*map(str, range(1, 31)), "100", "110"],
        ["p1", "p10", "p11", "p100"],
        ["case_1", "case_11", "case_111"],
        ["S1-12", "S11-2", "S1-1-2", "S112"],
        ["TCGA_CS_4941", "TCGA_CS_4942", "TCGA_DU_4941"],
        ["1.2.840.1", "1.2.84.01", "1.28.40.1"],
        ["anna", "anne", "ann"],
    ],
)
def test_ordinary_names_are_not_similar(names):
    assert len(set(map(spelling, names))) == len(names)


WORDS = ["NA", "N/A", "#N/A", "nan", "None", "NULL", "Unknown", "-", "--", "–", "?", "", "#REF!"]


@pytest.mark.parametrize("word", [*WORDS, "#NAME?", "#DIV/0!", "n.a.", "#NV", "...", "<NA>"])
def test_words_for_a_missing_value_are_no_patient_and_no_other_value(data, word):
    change(data, patient=word)
    (problem,) = read(data)[1]
    assert (problem.code, problem.row) == ("patient_missing", 2)
    assert repr(word) in problem.line()
    rows = rows_of(data).assign(patient=["a", "b", "b"], tumour_type=["x", word, "x"])
    rows["site"] = rows["tumour_type"]
    rows.loc[1, "spacing_mm"] = word
    write(data, rows)
    cases, problems = read(data)
    assert problems == []
    assert np.isnan(cases[1].spacing_mm).all()
    assert [case.tumour_type for case in cases] == ["x", "", "x"]
    assert [case.site for case in cases] == ["x", "", "x"]


@pytest.mark.parametrize("name", ["Nancy", "Noneman", "0", "n1", "NA-1", "unknown-7", "#7", "-1"])
def test_names_that_resemble_those_words_are_names(data, name):
    change(data, patient=name)
    cases, problems = read(data)
    assert problems == []
    assert cases[1].patient == name


def test_a_tumour_type_under_two_spellings_is_a_warning(data):
    write(data, rows_of(data).assign(tumour_type=["Glioma", "glioma ", "low grade"]))
    cases, (note,) = read(data)
    assert (note.code, note.severity, note.row) == ("tumour_type_similar", "warning", 2)
    assert len(cases) == 3


def test_the_import_depends_on_the_table_and_every_file_in_it(data):
    assert {path.name for path in table.files(data_dir=str(data))} == {
        "cases.tsv",
        *(f"{number}.{end}" for number in (1, 2, 3) for end in ("png", "json")),
    }
