"""Promises of the source `table`: one line that names file and row for every kind of bad input."""

import json
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

import import_cases
from tumorseg.errors import UserError
from tumorseg.files import read_table
from tumorseg.images import read_image, read_mask
from tumorseg.sources import table

HEIGHT, WIDTH = 40, 50
BORDER = [[10.5, 12.5], [30.5, 12.5], [30.5, 25.5], [10.5, 25.5]]  # 20 x 13 pixels


def slice_of(number: int, dtype=np.uint8) -> np.ndarray:
    random = np.random.default_rng(number)
    return random.integers(0, np.iinfo(dtype).max, (HEIGHT, WIDTH), dtype)


def labelme(points=BORDER, height=HEIGHT, width=WIDTH):
    shape = {"label": "tumour", "points": points, "shape_type": "polygon"}
    return {"shapes": [shape], "imageHeight": height, "imageWidth": width}


@pytest.fixture
def data(tmp_path):
    """Three cases of two patients; the tests spoil row 2."""
    for number in (1, 2, 3):
        cv2.imwrite(str(tmp_path / f"{number}.png"), slice_of(number))
        (tmp_path / f"{number}.json").write_text(json.dumps(labelme()), encoding="utf-8")
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
    write(tmp_path, pd.DataFrame(rows))
    return tmp_path


def write(folder: Path, rows: pd.DataFrame) -> None:
    rows.to_csv(folder / "cases.tsv", sep="\t", index=False)


def change(folder: Path, **values: str) -> None:
    rows = pd.read_csv(folder / "cases.tsv", sep="\t", dtype=str, keep_default_na=False)
    for name, value in values.items():
        rows.loc[1, name] = value
    write(folder, rows)


def run(folder: Path, out: Path | None = None, **source) -> Path:
    """The whole import, as the workflow does it; returns its folder."""
    out = out or folder / "results"
    import_cases.main(
        source={"kind": "table"} | source,
        data_dir=str(folder),
        seed=1,
        cases_table=str(out / "cases.tsv"),
        cases_dir=str(out / "cases"),
        annotations_dir=str(out / "annotations"),
        true_brain_dir=str(out / "true_brain"),
    )
    return out


def cut_short(folder: Path, name: str) -> None:
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(content[: len(content) * 2 // 3])


def truncated_png(folder):
    cut_short(folder, "2.png")


def truncated_jpeg(folder):
    cv2.imwrite(str(folder / "2.jpg"), slice_of(2))
    cut_short(folder, "2.jpg")
    change(folder, image="2.jpg")


def truncated_tiff(folder):
    cv2.imwrite(str(folder / "2.tif"), slice_of(2))
    cut_short(folder, "2.tif")
    change(folder, image="2.tif")


def damaged_inside(folder):
    """As long as it should be, with its last mark, but zeros in the middle."""
    content = bytearray((folder / "2.png").read_bytes())
    content[200 : len(content) - 100] = bytes(len(content) - 300)
    (folder / "2.png").write_bytes(content)


def no_image_at_all(folder):
    (folder / "2.png").write_text("not an image IEND", encoding="utf-8")


def empty_image_file(folder):
    (folder / "2.png").write_bytes(b"")


def colour_picture(folder):
    random = np.random.default_rng(0)
    cv2.imwrite(str(folder / "2.png"), random.integers(0, 255, (HEIGHT, WIDTH, 3), np.uint8))


def another_suffix(folder):
    (folder / "2.bmp").write_bytes(b"BM")
    change(folder, image="2.bmp")


def missing_image(folder):
    (folder / "2.png").unlink()


def missing_annotation(folder):
    (folder / "2.json").unlink()


def annotation_of_another_size(folder):
    (folder / "2.json").write_text(json.dumps(labelme(height=400)), encoding="utf-8")


def annotation_is_no_json(folder):
    (folder / "2.json").write_text("{", encoding="utf-8")


def annotation_is_no_labelme(folder):
    (folder / "2.json").write_text('{"shapes": [{"label": "x"}]}', encoding="utf-8")


def polygon_outside(folder):
    points = [[10, 10], [60, 10], [20, 30]]
    (folder / "2.json").write_text(json.dumps(labelme(points)), encoding="utf-8")


def polygon_of_the_whole_image(folder):
    points = [[-0.5, -0.5], [WIDTH - 0.5, -0.5], [WIDTH - 0.5, HEIGHT - 0.5], [-0.5, HEIGHT - 0.5]]
    (folder / "2.json").write_text(json.dumps(labelme(points)), encoding="utf-8")


def unknown_plane(folder):
    change(folder, plane="oblique")


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


def case_that_is_a_path(folder):
    change(folder, case="../c2")


def no_case_name(folder):
    change(folder, case="")


BAD = {
    truncated_png: "2.png: image file is truncated or damaged",
    truncated_jpeg: "2.jpg: image file is truncated or damaged",
    truncated_tiff: "2.tif: image file is",
    damaged_inside: "2.png: image file is",
    no_image_at_all: "2.png: image file is unreadable",
    empty_image_file: "2.png: image file is",
    colour_picture: "2.png: a colour picture, expected greyscale",
    another_suffix: "2.bmp: unknown image type",
    missing_image: "no such image file",
    missing_annotation: "no such annotation file",
    annotation_of_another_size: "annotation is for an image 50 wide and 400 high",
    annotation_is_no_json: "2.json: not JSON",
    annotation_is_no_labelme: "not a LabelMe file",
    polygon_outside: "a polygon leaves the image: x 10 to 60",
    polygon_of_the_whole_image: "the annotation covers the whole image",
    unknown_plane: "plane 'oblique', expected one of axial, coronal, sagittal",
    duplicate_case: "case 'c1' stands already in row 1",
    case_differs_in_capitals_only: "case 'C1'",
    same_image_of_two_patients: "is the same image as case c1 of patient a",
    same_pixels_in_another_format: "is the same image as case c1 of patient a",
    no_patient: "no patient",
    impossible_spacing: "spacing_mm '-1'",
    spacing_in_words: "spacing_mm 'half'",
    case_that_is_a_path: "case '../c2' cannot name a file",
    no_case_name: "case '' cannot name a file",
}


@pytest.mark.parametrize(("spoil", "complaint"), BAD.items(), ids=[f.__name__ for f in BAD])
def test_bad_input_is_one_line_that_names_file_and_row(data, spoil, complaint):
    spoil(data)
    with pytest.raises(UserError) as caught:
        run(data)
    message = str(caught.value)
    assert message.startswith(f"{data / 'cases.tsv'} row 2: ")
    assert complaint in message
    assert "\n" not in message


def test_mask_of_another_size_names_file_and_row(data):
    for number in (1, 2, 3):
        mask = np.zeros((HEIGHT, WIDTH - (number == 2)), np.uint8)
        mask[5:9, 5:9] = 255
        cv2.imwrite(str(data / f"{number}_mask.png"), mask)
    rows = pd.read_csv(data / "cases.tsv", sep="\t")
    write(data, rows.assign(annotation=[f"{number}_mask.png" for number in (1, 2, 3)]))
    with pytest.raises(UserError, match=r"row 2: .*mask is 49 wide and 40 high.*50 wide"):
        run(data, form="mask")


def test_shared_file_without_the_case_or_with_a_border_outside_names_the_row(data):
    borders = {"c1": BORDER, "c3": BORDER}
    (data / "borders.json").write_text(json.dumps(borders), encoding="utf-8")
    with pytest.raises(UserError, match=r"row 2: case 'c2' has no entry"):
        run(data, form="border", annotation_file="borders.json")
    borders["c2"] = [[1, 1], [99, 1], [5, 5]]
    (data / "borders.json").write_text(json.dumps(borders), encoding="utf-8")
    with pytest.raises(UserError, match=r"row 2: case c2: a polygon leaves the image"):
        run(data, form="border", annotation_file="borders.json")


def no_table(folder):
    (folder / "cases.tsv").unlink()


def empty_table(folder):
    (folder / "cases.tsv").write_text("", encoding="utf-8")


def header_alone(folder):
    write(folder, pd.read_csv(folder / "cases.tsv", sep="\t").iloc[:0])


def no_plane_column(folder):
    write(folder, pd.read_csv(folder / "cases.tsv", sep="\t").drop(columns="plane"))


def binary_table(folder):
    (folder / "cases.tsv").write_bytes(bytes(range(128, 256)))


def ragged_table(folder):
    with (folder / "cases.tsv").open("a", encoding="utf-8") as file:
        file.write("one\ttoo\tmany\tcells\tin\tthis\trow\there\n")


@pytest.mark.parametrize(
    ("spoil", "complaint"),
    [
        (no_table, "no such table; set data_dir and source.table"),
        (empty_table, "not a tab-separated table"),
        (header_alone, "a header and no case"),
        (no_plane_column, "no column 'plane'; name it in source.columns"),
        (binary_table, "not a tab-separated table"),
        (ragged_table, "not a tab-separated table"),
    ],
)
def test_bad_table_is_one_line_that_names_it(data, spoil, complaint):
    spoil(data)
    with pytest.raises(UserError) as caught:
        run(data)
    message = str(caught.value)
    assert message.startswith(f"{data / 'cases.tsv'}: ")
    assert complaint in message
    assert "\n" not in message


def test_table_is_checked_to_its_end_before_the_first_image_is_read(data):
    change(data, plane="oblique")
    (data / "1.png").write_bytes(b"")
    with pytest.raises(UserError, match="row 2"):
        next(iter(table.cases(data_dir=str(data))))


def test_column_map_reads_foreign_names_and_missing_spacing_is_unknown(data):
    rows = pd.read_csv(data / "cases.tsv", sep="\t").drop(columns="spacing_mm")
    foreign = {"case": "sample_id", "patient": "subject", "image": "file"}
    rows.rename(columns=foreign).assign(extra=1).to_csv(data / "mine.tsv", sep="\t", index=False)
    found = list(table.cases(data_dir=str(data), table="mine.tsv", columns=foreign))
    assert [(case.case, case.patient) for case in found] == [("c1", "a"), ("c2", "b"), ("c3", "b")]
    assert all(np.isnan(case.spacing_mm) for case in found)
    with pytest.raises(UserError, match="no column 'name'"):
        run(data, table="mine.tsv", columns=foreign | {"case": "name"})


def test_column_map_wins_over_a_column_that_has_our_name_already(data):
    """A table may hold both its own `case` and the column to be used as case."""
    rows = pd.read_csv(data / "cases.tsv", sep="\t")
    rows["sample_id"] = ["s1", "s2", "s3"]
    write(data, rows)
    found = table.cases(data_dir=str(data), columns={"case": "sample_id"})
    assert [case.case for case in found] == ["s1", "s2", "s3"]


def test_numbers_stay_text_and_the_image_keeps_every_value(data):
    change(data, case="0012", patient="007", spacing_mm="NA")
    cv2.imwrite(str(data / "2.png"), slice_of(9, np.uint16))
    out = run(data)
    cases = read_table(out / "cases.tsv").set_index("case")
    assert cases.at["0012", "patient"] == "007"
    assert np.isnan(cases.at["0012", "spacing_mm"])
    assert cases.at["c1", "spacing_mm"] == 0.5
    np.testing.assert_array_equal(
        read_image(out / cases.at["0012", "image"]), slice_of(9, np.uint16)
    )


def test_two_slices_of_one_patient_may_be_the_same_image(data):
    (data / "3.png").write_bytes((data / "2.png").read_bytes())
    assert len(read_table(run(data) / "cases.tsv")) == 3


def test_three_forms_store_what_rasterizing_reads_back(data):
    out = run(data, data / "polygons")
    stored = json.loads((out / "annotations" / "c2.json").read_text(encoding="utf-8"))
    assert stored["shapes"][0]["points"] == BORDER
    masks = pd.read_csv(data / "cases.tsv", sep="\t")
    for number in (1, 2, 3):
        mask = np.zeros((HEIGHT, WIDTH), np.uint8)
        mask[13:26, 11:31] = 1  # ones, not 255: a mask is what is not 0
        cv2.imwrite(str(data / f"{number}_mask.png"), mask)
    write(data, masks.assign(annotation=[f"{number}_mask.png" for number in (1, 2, 3)]))
    out = run(data, data / "masks", form="mask")
    np.testing.assert_array_equal(read_mask(out / "annotations" / "c2.png"), mask)
