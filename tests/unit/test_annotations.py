"""Promises of the annotation forms: what each reads, and the line it refuses bad files with."""

import json

import numpy as np
import pytest

from tumorseg import registry
from tumorseg.annotations import border, labelme, mask
from tumorseg.errors import UserError
from tumorseg.images import write_mask

HEIGHT, WIDTH = 20, 30
SQUARE = [[4.5, 2.5], [10.5, 2.5], [10.5, 8.5], [4.5, 8.5]]  # pixels x 5..10, y 3..8


def expected_square() -> np.ndarray:
    expected = np.zeros((HEIGHT, WIDTH), np.uint8)
    expected[3:9, 5:11] = 1
    return expected


def shape(points, **more):
    return {"label": "tumour", "points": points, "shape_type": "polygon"} | more


def store(tmp_path, content) -> object:
    path = tmp_path / "annotation.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


def test_three_forms_of_one_square_give_one_mask(tmp_path):
    polygons = store(tmp_path, {"shapes": [shape(SQUARE)], "imageHeight": 20, "imageWidth": 30})
    np.testing.assert_array_equal(labelme.read(polygons, HEIGHT, WIDTH), expected_square())
    one_based = (np.array(SQUARE) + 1).tolist()
    np.testing.assert_array_equal(
        border.read(store(tmp_path, one_based), HEIGHT, WIDTH), expected_square()
    )
    flat = store(tmp_path, np.ravel(one_based).tolist())
    np.testing.assert_array_equal(border.read(flat, HEIGHT, WIDTH), expected_square())
    path = tmp_path / "mask.png"
    write_mask(path, expected_square())
    np.testing.assert_array_equal(mask.read(path, HEIGHT, WIDTH), expected_square())


def test_labelme_polygons_are_united(tmp_path):
    second = [[8.5, 5.5], [14.5, 5.5], [14.5, 11.5], [8.5, 11.5]]
    found = labelme.read(store(tmp_path, {"shapes": [shape(SQUARE), shape(second)]}), HEIGHT, WIDTH)
    assert found.sum() == 36 + 36 - 2 * 3
    assert set(np.unique(found)) == {0, 1}


def test_labelme_without_shapes_is_an_empty_mask(tmp_path):
    assert labelme.read(store(tmp_path, {"shapes": []}), HEIGHT, WIDTH).sum() == 0


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("{", "not a LabelMe file"),
        ([1, 2], "not a LabelMe file"),
        ({"regions": []}, "not a LabelMe file"),
        ({"shapes": [shape(SQUARE)], "imageHeight": 30, "imageWidth": 20}, "is for an image 20"),
        ({"shapes": [shape(SQUARE, shape_type="circle")]}, "'circle', expected polygon"),
        ({"shapes": [shape([[0, 0], [99, 0], [5, 5]])]}, "leaves the image"),
        ({"shapes": [shape([[0, 0], [9, 0]])]}, "at least three points"),
        ({"shapes": [shape([[0, 0], ["a", 0], [1, 1]])]}, "not a LabelMe file"),
        ({"shapes": [shape([[0, 0], [1], [1, 1]])]}, "not a LabelMe file"),
        ({"shapes": [{"label": "tumour"}]}, "not a LabelMe file"),
        ({"shapes": ["tumour"]}, "not a LabelMe file"),
        ({"shapes": None}, "not a LabelMe file"),
    ],
)
def test_labelme_refuses_in_one_line(tmp_path, content, complaint):
    with pytest.raises(UserError, match=complaint) as caught:
        labelme.read(store(tmp_path, content), HEIGHT, WIDTH)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("{", "not a border"),
        ({"a": 1}, "not a border"),
        ([[1, 2], [3]], "not a border"),
        ([1, 2, 3], "expected pairs"),
        ([[1, 1], [5, 5]], "at least three points"),
        ([], "at least three points"),
        ([[1, 1], [31.6, 1], [5, 5]], "leaves the image"),
        ([[1, 1], [None, 1], [5, 5]], "not a number"),
    ],
)
def test_border_refuses_in_one_line(tmp_path, content, complaint):
    with pytest.raises(UserError, match=complaint) as caught:
        border.read(store(tmp_path, content), HEIGHT, WIDTH)
    assert "\n" not in str(caught.value)


def test_mask_of_another_size_is_refused(tmp_path):
    path = tmp_path / "mask.png"
    write_mask(path, expected_square().T)
    with pytest.raises(UserError, match=r"20 wide and 30 high.*30 wide and 20 high"):
        mask.read(path, HEIGHT, WIDTH)


@pytest.mark.parametrize("name", registry.names("annotations"))
def test_every_form_has_a_suffix_and_names_a_missing_file(tmp_path, name):
    form = registry.entry("annotations", name)
    assert form.SUFFIX in (".json", ".png")
    with pytest.raises(UserError):
        form.read(tmp_path / f"missing{form.SUFFIX}", HEIGHT, WIDTH)
