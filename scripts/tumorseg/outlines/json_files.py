"""Reads JSON annotation files and caches them: one file may annotate thousands of images."""

import json
from collections.abc import Callable, Iterable
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Any, Generic, TypeVar

from tumorseg.core.problems import DataError, error, quoted

MAX_FILE_BYTES = 2**30
Value = TypeVar("Value")


def read_json(path: Path) -> Any:
    """The content of a JSON file, from the cache if it has not changed since.

    Raises DataError for a file that is missing, unreadable, too large or not JSON. The returned
    value is shared between calls: never change it.
    """
    return _loaded(path, *_state(path))


def _state(path: Path) -> tuple[int, int]:
    """Size and modification time; a cached file is valid as long as they stay the same."""
    try:
        state = path.stat()
    except (OSError, ValueError):
        raise missing_file(path) from None
    check_file_size(state.st_size)
    return state.st_size, state.st_mtime_ns


@lru_cache(maxsize=2)
def _loaded(path: Path, size: int, mtime_ns: int) -> Any:
    try:
        content = path.read_bytes()
        return json.loads(content)
    except OSError:
        raise missing_file(path) from None
    except (ValueError, RecursionError) as reason:
        fault = f"not JSON: {quoted(reason)}" if content else "an empty file"
        raise error("annotation_not_json", fault, "a JSON file", "export it again") from None


def missing_file(path: Path) -> DataError:
    """The error for an annotation file that does not exist or cannot be read."""
    fault = "no such annotation file" if not path.exists() else "annotation file cannot be read"
    return error("annotation_missing", fault, "a file", "correct its name or its permissions")


def check_file_size(size: int) -> None:
    """Raises DataError for a size, packed or unpacked, above MAX_FILE_BYTES."""
    if size > MAX_FILE_BYTES:
        limit = f"at most {MAX_FILE_BYTES} bytes"
        raise error("annotation_too_large", f"{size} bytes", limit, "divide the file")


class ImageIndex(Generic[Value]):
    """The annotations of many images in one file, looked up by an image's name."""

    def __init__(self, pairs: Iterable[tuple[str, Value]]) -> None:
        self._by_spelling: tuple[dict[str, list[Value]], ...] = ({}, {}, {})
        for name, value in pairs:
            for values, spelling in zip(self._by_spelling, _spellings(name), strict=True):
                values.setdefault(spelling, []).append(value)

    def find(self, key: str) -> Value:
        """The value for `key`, compared as given, then as file name, then as stem.

        Raises DataError where no image or several match.
        """
        for values, spelling in zip(self._by_spelling, _spellings(key), strict=True):
            matches = values.get(spelling, ())
            if len(matches) == 1:
                return matches[0]
            if matches:
                raise error(
                    "key_ambiguous",
                    f"{len(matches)} images called {quoted(spelling)}",
                    "one",
                    "give the images different names",
                )
        raise error(
            "key_missing",
            f"no image {quoted(key)} among {sum(map(len, self._by_spelling[0].values()))}",
            "the image's name in the annotation file",
            "annotate it, or correct the key",
        )


def _spellings(name: str) -> tuple[str, str, str]:
    path = PurePosixPath(name.replace("\\", "/"))
    return name, path.name, path.stem


@lru_cache(maxsize=2)
def _indexed(path: Path, index: Callable[[Any], ImageIndex], state: tuple[int, int]) -> ImageIndex:
    return index(_loaded(path, *state))


def index_by_name(content: dict[str, Any]) -> ImageIndex:
    """The index of a JSON object that maps image names to annotations."""
    return ImageIndex(content.items())


def find_image(path: Path, key: str, index: Callable[[Any], ImageIndex] = index_by_name) -> Any:
    """One image's annotation from a file of many; `index` builds the file's index, once."""
    return _indexed(path, index, _state(path)).find(key)
