"""Promises of the filter around libraries that print on stderr from C++."""

import os
import re
import subprocess
import sys

import pytest

from tumorseg.core.places import SCRIPTS
from tumorseg.core.quiet import without_lines


def test_matching_lines_vanish_and_all_others_stay_in_order(capfd):
    with without_lines(re.compile("noise")):
        os.write(2, b"first\nsome noise here\nlast\n")
    assert capfd.readouterr().err == "first\nlast\n"


def test_what_was_held_back_is_printed_even_when_the_block_fails(capfd):
    with pytest.raises(ValueError, match="broken"), without_lines(re.compile("noise")):
        os.write(2, b"the reason\n")
        raise ValueError("broken")
    assert capfd.readouterr().err == "the reason\n"


def test_starting_the_training_device_prints_and_imports_nothing_more_than_it_needs():
    code = (
        "from tumorseg.core import device; device.start(wanted='cpu', threads=1, seed=1)\n"
        "import sys; assert not {'sklearn', 'jax', 'torch', 'matplotlib'} & set(sys.modules)\n"
        "import sklearn.model_selection, jax  # they can still be imported\n"
    )
    environment = os.environ | {"PYTHONPATH": str(SCRIPTS), "KERAS_BACKEND": "tensorflow"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout + done.stderr == ""
