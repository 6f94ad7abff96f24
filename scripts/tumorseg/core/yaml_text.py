"""Finds a key that a YAML or JSON file has twice: loaders take the last one without a word."""

from collections.abc import Hashable, Iterator
from pathlib import Path

import yaml

from tumorseg.core.errors import UserError

CHANGES_NO_RESULT = True  # refuses files only (workflow/code_digest.py)
_MERGED = "tag:yaml.org,2002:merge"  # <<: a mapping may have again what is merged into it


def check_keys(path: Path) -> None:
    """Raises UserError for a key that a mapping of the file has twice, with the lines of both.

    What is no YAML is left to the loader to refuse.
    """
    loader = yaml.SafeLoader(path.read_bytes().replace(b"\t", b" "))  # JSON may have tabs
    try:
        root = loader.get_single_node()
        found = next(_repeated(loader, root), None) if root else None
    except (yaml.YAMLError, ValueError, RecursionError):
        return
    finally:
        loader.dispose()
    if found:
        key, first, second = found
        lines = f"lines {first} and {second}" if first < second else f"line {first}"
        raise UserError(
            f"{path}: the key {key} is there twice ({lines}), and only the last would count; join "
            "the two or remove one"
        )


def _repeated(loader: yaml.SafeLoader, root: yaml.Node) -> Iterator[tuple[str, int, int]]:
    """Each repeated key, with those above it, and the lines of its first place and the next."""
    waiting, seen = [(root, "")], set()
    while waiting:
        node, above = waiting.pop(0)
        if id(node) in seen:  # an alias
            continue
        seen.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            waiting += [(item, above) for item in node.value]
        lines: dict[Hashable, int] = {}
        for key, value in node.value if isinstance(node, yaml.MappingNode) else ():
            name = above
            if isinstance(key, yaml.ScalarNode) and key.tag != _MERGED:
                name = f"{above}.{key.value}" if above else key.value
                word, line = loader.construct_object(key), key.start_mark.line + 1
                if word in lines:
                    yield name, lines[word], line
                lines[word] = line
            waiting.append((value, name))
