"""Reads annotation files and caches them: one file may annotate thousands of images."""

import json
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

from tumorseg.core import json_text
from tumorseg.core.problems import DataError, error, quoted
from tumorseg.outlines.image_keys import Found, ImageIndex, ImageKey

MAX_FILE_BYTES = 2**30


def read_json(path: Path) -> Any:
    """The content of a JSON file, from the cache if it has not changed since.

    Raises DataError for a file that is missing, unreadable, too large or not JSON. The returned
    value is shared between calls: never change it.
    """
    return _loaded(path, _json, _state(path))


def _state(path: Path) -> tuple[int, int]:
    """Size and modification time; a cached file is valid as long as they stay the same."""
    try:
        state = path.stat()
    except (OSError, ValueError):
        raise missing_file(path) from None
    check_file_size(state.st_size)
    return state.st_size, state.st_mtime_ns


@lru_cache(maxsize=2)
def _loaded(path: Path, parse: Callable[[bytes], Any], state: tuple[int, int]) -> Any:
    try:
        content = path.read_bytes()
    except OSError:
        raise missing_file(path) from None
    return parse(content)


def _json(content: bytes) -> Any:
    try:
        return json_text.loads(content)
    except json.JSONDecodeError as wrong:
        fault = f"not JSON: wrong at line {wrong.lineno}, column {wrong.colno}"
    except json_text.RepeatedKeyError as wrong:
        value = f"the key {quoted(wrong.key)} twice in one object"
        hint = "keep the right one, or export the file again: programs read only one of them"
        raise error("key_repeated", value, "each key once", hint) from None
    except UnicodeDecodeError:
        fault = "not JSON: text that is not UTF-8"
    except RecursionError:
        fault = "not JSON: too many brackets inside each other"
    except ValueError:
        fault = "not JSON: a number of too many digits"
    fault = fault if content else "an empty file"
    raise error("annotation_not_json", fault, "a JSON file", "export it again")


def missing_file(path: Path) -> DataError:
    """The error for an annotation file that does not exist or cannot be read."""
    fault = "no such annotation file" if not path.exists() else "annotation file cannot be read"
    return error("annotation_missing", fault, "a file", "correct its name or its permissions")


def check_file_size(size: int) -> None:
    """Raises DataError for a size, packed or unpacked, above MAX_FILE_BYTES."""
    if size > MAX_FILE_BYTES:
        limit = f"at most {MAX_FILE_BYTES} bytes"
        raise error("annotation_too_large", f"{size} bytes", limit, "divide the file")


@lru_cache(maxsize=2)
def _indexed(
    path: Path,
    index: Callable[[Any], ImageIndex],
    parse: Callable[[bytes], Any],
    state: tuple[int, int],
) -> ImageIndex:
    return index(_loaded(path, parse, state))


def index_by_name(content: dict[str, Any]) -> ImageIndex:
    """The index of a JSON object that maps image names to annotations."""
    return ImageIndex(content.items())


def find_image(
    path: Path,
    key: ImageKey,
    index: Callable[[Any], ImageIndex] = index_by_name,
    parse: Callable[[bytes], Any] = _json,
) -> Found:
    """One image's annotation from a file of many; `index` builds the file's index, once.

    parse: turns the file's bytes into the content that `index` takes.
    """
    return _indexed(path, index, parse, _state(path)).find(key)
