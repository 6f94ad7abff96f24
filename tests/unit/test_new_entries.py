"""Promises: docs/new-loss.md and docs/networks.md work: what they add passes the checks."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tumorseg.core import registry

ROOT = Path(__file__).resolve().parents[2]
LOSSES = (ROOT / "docs/new-loss.md").read_text(encoding="utf-8")
NETWORKS = (ROOT / "docs/networks.md").read_text(encoding="utf-8")


def block(page: str, kind: str) -> str:
    """The first block of a kind on a page."""
    return re.search(rf"```{kind}\n(.*?)```", page, re.DOTALL)[1]


def printed(folder: Path, page: str, file: str, code: str, argument: Any) -> Any:
    """What code prints in a copy of scripts/ to which the page's Python block was added."""
    scripts = folder / "scripts"
    shutil.copytree(ROOT / "scripts", scripts, ignore=shutil.ignore_patterns("__pycache__"))
    (scripts / file).write_text(block(page, "python"))
    done = subprocess.run(
        [sys.executable, "-c", code, json.dumps(argument)],
        capture_output=True,
        text=True,
        cwd=scripts,
        env={"PYTHONPATH": str(scripts), "PATH": "/usr/bin:/bin", "TF_CPP_MIN_LOG_LEVEL": "3"},
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """The configured losses and the check results of the page's loss."""
    path = re.search(r"`scripts/(tumorseg/losses/\w+\.py)`:", LOSSES)[1]
    losses = yaml.safe_load(block(LOSSES, "yaml"))["losses"]
    code = (
        "import json, sys\n"
        "from tumorseg.loss_kit.configured import configured_losses\n"
        "from tumorseg.loss_kit.check import check_loss\n"
        "losses = configured_losses(json.loads(sys.argv[1]))\n"
        "print(json.dumps([losses, check_loss('log_cosh_dice')]))\n"
    )
    return printed(tmp_path_factory.mktemp("project"), LOSSES, path, code, losses)


def test_the_loss_of_the_page_passes_every_check(results):
    assert set(results[1].values()) == {"passed"}


def test_the_config_of_the_page_is_accepted(results):
    assert results[0]["log_cosh_dice"] == ["log_cosh_dice", {"scale": 2.0}]
    assert results[0]["gentle"] == ["log_cosh_dice", {"scale": 0.5}]


def test_the_network_of_the_page_passes_every_check(tmp_path):
    code = (
        "import json\n"
        "from tumorseg.network_kit.check import CHECKS, check_network\n"
        "print(json.dumps([len(CHECKS), check_network('one_convolution', dimensions=[2])]))\n"
    )
    path = re.search(r"`scripts/(tumorseg/networks/\w+\.py)`:", NETWORKS)[1]
    number, results = printed(tmp_path, NETWORKS, path, code, None)
    assert set(results.values()) == {"passed"}
    assert len(results) == number


@pytest.mark.parametrize(("folder", "page"), [("losses", LOSSES), ("networks", NETWORKS)])
def test_the_page_names_every_entry(folder, page):
    assert {name for name in registry.names(folder) if f"`{name}`" not in page} == set()
