"""Writes docs/config.md, the reference of config keys, from config.schema.yaml (`make docs`)."""

from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent


def allowed(schema: dict[str, Any]) -> str:
    """What a key may hold, in words."""
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    kind = schema.get("type", "")
    text = " or ".join(kind) if isinstance(kind, list) else kind
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


def rows(schema: dict[str, Any], prefix: str = "") -> list[str]:
    """One table row a key, nested keys with dots."""
    lines = []
    for name, part in schema.get("properties", {}).items():
        default = f"`{part['default']}`" if "default" in part else ""
        key = f"{prefix}{name}"
        lines.append(f"| `{key}` | {part['description']} | {allowed(part)} | {default} |")
        lines += rows(part, f"{key}.")
        more = part.get("additionalProperties")
        if isinstance(more, dict):
            lines += rows(more, f"{key}.<name>.")
    return lines


def page() -> str:
    """The whole page."""
    schema = yaml.safe_load((ROOT / "config.schema.yaml").read_text(encoding="utf-8"))
    head = (
        "# Config keys\n\nGenerated from config.schema.yaml by `make docs`; edit that file instead."
        " A key that is not listed here, or a value out of range, stops the run with one line.\n\n"
        "| key | what | allowed | default |\n|---|---|---|---|\n"
    )
    return head + "\n".join(rows(schema)) + "\n"


if __name__ == "__main__":
    (ROOT / "docs" / "config.md").write_text(page(), encoding="utf-8")
