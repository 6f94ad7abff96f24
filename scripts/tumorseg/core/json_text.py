"""Reads JSON in which no object has a key twice: Python would take the last one without a word."""

import json
from collections import Counter
from typing import Any


class RepeatedKeyError(ValueError):
    """An object has a key twice, or more often."""

    def __init__(self, key: str) -> None:
        super().__init__(f"the key {key!r} twice in one object")
        self.key = key


def loads(content: str | bytes) -> Any:
    """The content of a JSON text; raises RepeatedKeyError, and what json.loads raises."""
    return json.loads(content, object_pairs_hook=_unique)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) < len(pairs):
        counts = Counter(key for key, _ in pairs)
        raise RepeatedKeyError(counts.most_common(1)[0][0])
    return content
