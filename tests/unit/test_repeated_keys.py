"""A key that a JSON object has twice: Python takes the last one, so half of the data would go."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tumorseg.core import json_text, yaml_text
from tumorseg.core.errors import UserError
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


# A config -> its repeated key and the two lines.
CONFIGS = {
    "losses: {bce: {}}\nseed: 1\nlosses:\n  dice: {}\n": ("losses", "lines 1 and 3"),
    "source:\n  kind: table\n  labels: {1: a, 2: b, 1: c}\n": ("source.labels.1", "line 3"),
    "seed: 1\n'seed': 2\nseed: 3\n": ("seed", "lines 1 and 2"),
    "a:\n- {b: 1}\n- b: 1\n  b: 2\n": ("a.b", "lines 3 and 4"),
    '{\n\t"seed": 1,\n\t"seed": 2\n}': ("seed", "lines 2 and 3"),
    "a: &x {b: 1, b: 2}\nc: *x\n": ("a.b", "line 1"),
    "\ufeffa: 1\na: 2\n": ("a", "lines 1 and 2"),
}


@pytest.mark.parametrize("text", CONFIGS)
def test_a_key_that_a_config_has_twice_is_named_with_its_lines(tmp_path, text):
    (tmp_path / "mine.yaml").write_text(text, encoding="utf-8")
    key, lines = CONFIGS[text]
    with pytest.raises(UserError) as caught:
        yaml_text.check_keys(tmp_path / "mine.yaml")
    line = f"{tmp_path}/mine.yaml: the key {key} is there twice ({lines}), and only the last "
    assert str(caught.value).startswith(line) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        *("", "a: 1\nb: {a: 1}\n", "- {a: 1}\n- {a: 2}\n", '{"1": x, 1: y}', "a: 1\n---\nb: 1\n"),
        "x: &x {a: 1}\ny: &y {a: 2}\nz:\n  <<: *x\n  <<: *y\n  a: 3\nw: *x\n",
        *("a: [", "? [a, b]\n: 1\n", "!!int x: 1\n", "a: &a {b: *a}\n"),
    ],
)
def test_other_configs_are_left_to_the_loader(tmp_path, text):
    (tmp_path / "mine.yaml").write_text(text, encoding="utf-8")
    yaml_text.check_keys(tmp_path / "mine.yaml")


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
