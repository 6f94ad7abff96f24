"""The written pages are true: the config reference, the audit's page, the shipped experiments."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
import yaml

from tumorseg.audit.findings import audit
from tumorseg.audit.reading import read

ROOT = Path(__file__).resolve().parents[2]


def load(name):
    return yaml.safe_load((ROOT / name).read_text(encoding="utf-8"))


def merged(base, extra):
    both = dict(base)
    for key, value in extra.items():
        nested = isinstance(value, dict) and isinstance(both.get(key), dict)
        both[key] = merged(both[key], value) if nested else value
    return both


def test_the_config_reference_is_what_the_schema_says():
    spec = importlib.util.spec_from_file_location("write_config", ROOT / "docs/write_config.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert (ROOT / "docs/config.md").read_text(encoding="utf-8") == module.page()


@pytest.mark.parametrize("path", ["", *sorted(p.name for p in (ROOT / "experiments").iterdir())])
def test_every_shipped_experiment_fits_the_schema(path):
    config = load("config.yaml")
    if path:
        config = merged(config, load(f"experiments/{path}"))
    jsonschema.validate(config, load("config.schema.yaml"))


def test_every_key_of_the_schema_has_a_description():
    def walk(schema, where):
        for name, part in schema.get("properties", {}).items():
            assert part.get("description"), f"{where}{name}"
            walk(part, f"{where}{name}.")
        if isinstance(schema.get("additionalProperties"), dict):
            walk(schema["additionalProperties"], f"{where}<name>.")

    walk(load("config.schema.yaml"), "")


def blocks(page):
    """The fenced blocks of a page: language and text."""
    text = (ROOT / page).read_text(encoding="utf-8")
    return re.findall(r"^```(\w*)\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)


def test_the_audits_example_prints_what_its_page_shows(tmp_path):
    (_, commands), (_, shown), *_ = blocks("docs/audit.md")
    commands = commands.replace(".venv/bin/python", sys.executable)
    commands = commands.replace("scripts/", f"{ROOT}/scripts/")
    done = subprocess.run(
        ["sh", "-c", commands], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (1, shown, "")


def test_the_audits_paper_format_is_as_its_page_shows(tmp_path):
    (text,) = (text for kind, text in blocks("docs/audit.md") if kind == "yaml")
    path = tmp_path / "paper.yaml"
    path.write_text(text, encoding="utf-8")
    found = audit(read(path)[0]).query("level != 'checked'")
    assert list(found["check"]) == [
        "Dice against IoU",
        "Dice against IoU",
        "printed twice",
        "p attainable at this n",
        "percent or points",
    ]


def test_the_audit_ends_with_2_and_one_line_for_a_file_it_cannot_use(tmp_path):
    script = ROOT / "scripts/audit_table.py"
    done = subprocess.run(
        [sys.executable, script, "none.tsv"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (2, "", "none.tsv: no such file\n")
