"""Promises of the code digest: what runs counts; comments, docstrings and neighbours do not."""

import pytest

from tumorseg.core import places
from tumorseg.workflow import code_digest

FILES = {
    "train.py": '''
"""The script."""
from tumorseg import metrics
from tumorseg.files import read

def main(path):
    """Does it."""
    return metrics.dice(read(path))

if "snakemake" in globals():
    main(1)
''',
    "tumorseg/metrics.py": '''
"""Metrics."""
import numpy as np
import tumorseg.deep

class Dice:
    """A class."""
    half = 0.5

def dice(x):
    """The metric."""
    # a comment
    return np.mean(x)
''',
    "tumorseg/files.py": "def read(path):\n    return path\n",
    "tumorseg/deep.py": "VALUE = 1\n",
    "tumorseg/deep/data.yaml": "value: 1\n",
    "tumorseg/unrelated/data.yaml": "value: 2\n",
    "tumorseg/deep.html": "<p>page</p>",
    "tumorseg/unrelated.css": "p {}",
    "tumorseg/unrelated.py": "VALUE = 2\n",
    "tumorseg/losses/bce.py": "def bce(p):\n    return p\n",
    "tumorseg/losses/focal.py": "from tumorseg.losses.bce import bce\nALPHA = 0.6\n",
}


@pytest.fixture
def house(tmp_path, monkeypatch):
    """A small tree of scripts; returns a function that edits it and gives the digest."""
    monkeypatch.setattr(code_digest, "SCRIPTS", tmp_path)
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def digest(script="train.py", *modules, edit=None):
        if edit:
            name, old, new = edit
            path = tmp_path / name
            text = path.read_text(encoding="utf-8")
            assert old in text
            path.write_text(text.replace(old, new), encoding="utf-8")
        code_digest._parsed.cache_clear()
        return code_digest.code_digest(script, *modules)

    return digest


@pytest.mark.parametrize(
    "edit",
    [
        ("train.py", '"""The script."""', '"""Another text."""'),
        ("train.py", '    """Does it."""\n', ""),
        ("train.py", "main(1)", "main(2)"),  # the glue, which differs for nobody
        ("tumorseg/metrics.py", "# a comment", "# another one\n\n"),
        ("tumorseg/metrics.py", '"""A class."""', '"""The class."""'),
        ("tumorseg/metrics.py", "np.mean(x)", "np.mean(\n        x,\n    )"),
        ("tumorseg/unrelated.py", "2", "3"),
        ("tumorseg/unrelated.css", "p {}", "b {}"),
        ("tumorseg/losses/bce.py", "return p", "return p + 1"),  # a registry entry nobody named
        ("tumorseg/unrelated/data.yaml", "2", "3"),
    ],
)
def test_what_does_not_run_does_not_count(house, edit):
    assert house() == house(edit=edit)


@pytest.mark.parametrize(
    "edit",
    [
        ("train.py", "metrics.dice", "1 + metrics.dice"),
        ("tumorseg/metrics.py", "np.mean", "np.sum"),
        ("tumorseg/metrics.py", "half = 0.5", "half = 0.25"),
        ("tumorseg/files.py", "return path", "return str(path)"),
        ("tumorseg/deep.py", "1", "2"),  # reached through another module
        ("tumorseg/deep/data.yaml", "1", "2"),  # a module's data
        ("tumorseg/deep.html", "page", "leaf"),  # the template beside it
    ],
)
def test_what_runs_counts(house, edit):
    assert house() != house(edit=edit)


def test_a_named_module_counts_with_all_that_it_imports(house):
    loss = "tumorseg.losses.focal"
    plain, before = house(), house("train.py", loss)
    assert before != plain
    assert (
        house("train.py", loss, edit=("tumorseg/losses/bce.py", "return p", "return p + 1"))
        != before
    )
    assert house("train.py") == plain
    before = house("train.py", "tumorseg.losses.bce")
    edit = ("tumorseg/losses/focal.py", "0.6", "0.7")
    assert house("train.py", "tumorseg.losses.bce", edit=edit) == before


def test_a_module_that_moves_counts(house, tmp_path):
    before = house()
    (tmp_path / "tumorseg" / "deep.py").rename(tmp_path / "tumorseg" / "low.py")
    assert house(edit=("tumorseg/metrics.py", "tumorseg.deep", "tumorseg.low")) != before


def test_unknown_modules_and_scripts_are_errors(house):
    with pytest.raises(FileNotFoundError, match=r"tumorseg\.losses\.dice"):
        house("train.py", "tumorseg.losses.dice")
    with pytest.raises(FileNotFoundError):
        house("nothing.py")


def test_the_real_training_reaches_its_loss_network_and_augmentation_only():
    script = places.SCRIPTS / "train.py"
    seen, waiting = set(), [script]
    while waiting:
        path = waiting.pop()
        if path not in seen:
            seen.add(path)
            waiting += code_digest._parsed(path)[1]
    names = {path.relative_to(places.LIBRARY).as_posix() for path in seen - {script}}
    wanted = (
        "loop",
        "augmentation",
        "identity",
        "job",
        "model",
        "plan",
        "prepare",
        "state",
        "inference",
    )
    assert {f"training/{name}.py" for name in wanted} | {"core/device.py", "data/folds.py"} <= names
    unwanted = ("losses", "networks", "formats", "imaging", "reporting", "evaluation", "statistics")
    assert not [name for name in names if name.startswith(unwanted)]  # rules name the registries


REFUSAL = """VALUE = 1


def refuse(name):
    raise ValueError(f'there is no {name}', 'name_missing')
"""
OTHER_WORDS = "f'here is no such thing as {name}'"


def test_the_wording_of_a_raised_error_changes_nothing_but_its_code_does(house):
    before = house(edit=("tumorseg/deep.py", "VALUE = 1\n", REFUSAL))
    assert house(edit=("tumorseg/deep.py", "f'there is no {name}'", OTHER_WORDS)) == before
    assert house(edit=("tumorseg/deep.py", "name_missing", "name_unknown")) != before


def test_a_module_that_only_refuses_changes_nothing_once_it_says_so(house):
    before = house(edit=("tumorseg/deep.py", "VALUE = 1", "CHANGES_NO_RESULT = True\nVALUE = 1"))
    assert house(edit=("tumorseg/deep.py", "VALUE = 1", "VALUE = 2")) == before


TYPED = """from tumorseg.refusing import Share


def half(x: float, share: Share = 0.5) -> float:
    return x * share
"""


def test_the_types_of_a_function_change_nothing_but_its_defaults_do(house, tmp_path):
    refusing = tmp_path / "tumorseg/refusing.py"
    refusing.write_text("CHANGES_NO_RESULT = True\nShare = Focus = float\n", encoding="utf-8")
    before = house(edit=("tumorseg/deep.py", "VALUE = 1\n", TYPED))
    assert house(edit=("tumorseg/deep.py", "Share = 0.5", "Focus = 0.5")) == before
    assert house(edit=("tumorseg/deep.py", "import Share", "import Focus")) == before
    assert house(edit=("tumorseg/deep.py", "Focus = 0.5", "Focus = 0.6")) != before
