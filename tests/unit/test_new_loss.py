"""Promise: docs/new-loss.md works: its loss passes the checks, its config is accepted."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/new-loss.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """The configured losses and the check results, from a copy of scripts/ with the page's loss."""
    scripts = tmp_path_factory.mktemp("project") / "scripts"
    shutil.copytree(ROOT / "scripts", scripts, ignore=shutil.ignore_patterns("__pycache__"))
    path = re.search(r"`scripts/(tumorseg/losses/\w+\.py)`:", PAGE)[1]
    (scripts / path).write_text(next(text for kind, text in BLOCKS if kind == "python"))
    losses = yaml.safe_load(next(text for kind, text in BLOCKS if kind == "yaml"))["losses"]
    code = (
        "import json, sys\n"
        "from tumorseg.loss_kit.configured import configured_losses\n"
        "from tumorseg.loss_kit.check import check_loss\n"
        "losses = configured_losses(json.loads(sys.argv[1]))\n"
        "print(json.dumps([losses, check_loss('log_cosh_dice')]))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, json.dumps(losses)],
        capture_output=True,
        text=True,
        cwd=scripts,
        env={"PYTHONPATH": str(scripts), "PATH": "/usr/bin:/bin", "TF_CPP_MIN_LOG_LEVEL": "3"},
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.splitlines()[-1])


def test_the_loss_of_the_page_passes_every_check(results):
    assert set(results[1].values()) == {"passed"}


def test_the_config_of_the_page_is_accepted(results):
    assert results[0]["log_cosh_dice"] == ["log_cosh_dice", {"scale": 2.0}]
    assert results[0]["gentle"] == ["log_cosh_dice", {"scale": 0.5}]


def test_the_page_names_every_loss():
    names = {path.stem for path in (ROOT / "scripts/tumorseg/losses").glob("*.py")} - {"__init__"}
    assert {name for name in names if f"`{name}`" not in PAGE} == set()
