"""The written pages are true: the config reference, and the shipped experiments."""

import importlib.util
from pathlib import Path

import jsonschema
import pytest
import yaml

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
