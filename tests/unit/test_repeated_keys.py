"""A key that a JSON object has twice: Python takes the last one, so half of the data would go."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tumorseg.core import json_text
from tumorseg.core.problems import DataError
from tumorseg.data import dataset_json
from tumorseg.imaging.scans import Scan
from tumorseg.outlines import any_form

SQUARE = [[2, 2], [6, 2], [6, 6], [2, 6]]
SHAPES = json.dumps([{"label": "t", "points": SQUARE}])
REGION = json.dumps({"filename": "a.png", "regions": []})
# What a tool writes -> the key that is there twice.
FILES = {
    f'{{"shapes": {SHAPES}, "imagePath": "a.png", "shapes": []}}': "shapes",
    f'{{"a.png": {SQUARE}, "b.png": {SQUARE}, "a.png": []}}': "a.png",
    f'{{"a.png12": {REGION}, "a.png12": {REGION}}}': "a.png12",
    '{"images": [{"id": 1, "file_name": "a.png"}], "categories": [], "annotations": '
    '[{"id": 1, "image_id": 1, "image_id": 2, "segmentation": [[2, 2, 6, 2, 6, 6]]}]}': "image_id",
    '{"images": [], "annotations": [], "annotations": []}': "annotations",
    '[{"data": {"image": "a.png"}, "annotations": [], "data": {}}]': "data",
}


@pytest.mark.parametrize("text", FILES)
def test_a_key_that_is_there_twice_is_named(tmp_path, text):
    (tmp_path / "a.json").write_text(text)
    scan = Scan(tmp_path / "a.png", np.zeros((9, 9), np.uint8))
    with pytest.raises(DataError) as caught:
        any_form.read(tmp_path / "a.json", "auto", scan)
    assert caught.value.problem.code == "key_repeated"
    assert f"the key '{FILES[text]}' twice in one object" in str(caught.value)


def test_a_label_that_dataset_json_names_twice_is_an_error(tmp_path):
    (tmp_path / "dataset.json").write_text(
        '{"labels": {"background": 0, "tumour": 1, "tumour": 2}}'
    )
    (problem,) = dataset_json.read(tmp_path)[1]
    assert "the key 'tumour' twice in one object" in str(problem)


KEYS = st.text("abc", max_size=2)
TREES = st.recursive(
    st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=9,
)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(TREES)
def test_other_json_is_read_as_python_reads_it(content):
    assert json_text.loads(json.dumps(content)) == content
    assert json_text.loads(json.dumps(content).encode()) == content
