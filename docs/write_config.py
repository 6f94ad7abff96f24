"""Writes docs/config.md, the reference of all config keys (`make docs`)."""

import json
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent
HEAD = """\
# Config: every key, with its default and allowed values

Generated from `config.schema.yaml` and `config.yaml` by `make docs`: edit those files instead. A
key that is not listed here, one that is there twice, or a value that is not allowed, stops the run
with one line. `<name>` stands for a name of your choice.

Every experiment starts from `config.yaml`, whose values are the defaults below, and changes the
keys that it names. Groups of keys are merged: losses that an experiment names are added to those of
`config.yaml`. A new recipe or preset must have the keys that are *required*.

| key | what | allowed | default |
|---|---|---|---|
"""
KINDS = {
    "array": "list",
    "boolean": "true or false",
    "integer": "whole number",
    "null": "nothing",
    "number": "number",
    "object": "keys and values",
    "string": "text",
}


def allowed(schema: dict[str, Any]) -> str:
    """The values that a key accepts, in words."""
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    kinds = schema.get("type", [])
    text = " or ".join(KINDS[kind] for kind in ([kinds] if isinstance(kinds, str) else kinds))
    if "items" in schema:
        text += f" of {allowed(schema['items'])}"
    values = schema.get("additionalProperties")
    if isinstance(values, dict) and "enum" in values:
        text = f"for each label one of {allowed(values)}"
    for name, sign in (
        ("minimum", ">="),
        ("exclusiveMinimum", ">"),
        ("maximum", "<="),
        ("exclusiveMaximum", "<"),
        ("multipleOf", "multiple of"),
    ):
        if name in schema:
            text += f", {sign} {schema[name]}"
    return text


def rows(schema: dict[str, Any], values: dict[str, Any], prefix: str = "") -> list[str]:
    """One table row for each key; nested keys are joined by dots. values: those of config.yaml."""
    lines = []
    properties = schema.get("properties", {})
    if prefix == "external.":  # the others are those of source
        properties = {"data_dir": properties["data_dir"]}
    for name, part in properties.items():
        key = f"{prefix}{name}"
        value = values.get(name, part.get("default"))
        nested = isinstance(value, dict) and name != "losses"
        if "<name>" in prefix and name in schema.get("required", []):
            default = "*required*"
        else:
            default = "" if value is None or nested else f"`{json.dumps(value)}`"
        lines.append(f"| `{key}` | {part['description']} | {allowed(part)} | {default} |")
        lines += rows(part, value if nested else {}, f"{key}.")
        more = part.get("additionalProperties")
        if isinstance(more, dict):
            lines += rows(more, {}, f"{key}.<name>.")
    return lines


def page() -> str:
    """The text of docs/config.md."""
    schema, values = (
        yaml.safe_load((ROOT / name).read_text(encoding="utf-8"))
        for name in ("config.schema.yaml", "config.yaml")
    )
    return HEAD + "\n".join(rows(schema, values)) + "\n"


if __name__ == "__main__":
    (ROOT / "docs" / "config.md").write_text(page(), encoding="utf-8")
