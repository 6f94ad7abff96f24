"""JSON annotation files, parsed once and kept: one file may annotate thousands of images."""

import json
from collections.abc import Callable, Iterable
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Any, Generic, TypeVar

from tumorseg.core.problems import DataError, error, shown

FILE_BYTES = 2**30


Value = TypeVar("Value")


def parsed(path: Path) -> Any:
    """The JSON of a file, kept for its next reading: one file may annotate thousands of images.

    Raises DataError for a missing, unreadable or huge file and for what is not JSON. The value is
    shared: never change it.
    """
    return _parsed(path, *_state(path))


def _state(path: Path) -> tuple[int, int]:
    """Size and time of change: what is kept of a file holds as long as they do."""
    try:
        state = path.stat()
    except (OSError, ValueError):
        raise missing(path) from None
    check_bytes(state.st_size)
    return state.st_size, state.st_mtime_ns


@lru_cache(maxsize=2)
def _parsed(path: Path, size: int, mtime_ns: int) -> Any:
    try:
        content = path.read_bytes()
        return json.loads(content)
    except OSError:
        raise missing(path) from None
    except (ValueError, RecursionError) as reason:
        found = f"not JSON: {shown(reason)}" if content else "an empty file"
        raise error("annotation_not_json", found, "a JSON file", "export it again") from None


def missing(path: Path) -> DataError:
    """The error of an annotation file that cannot be read."""
    found = "no such annotation file" if not path.exists() else "annotation file cannot be read"
    return error("annotation_missing", found, "a file", "correct its name or its permissions")


def check_bytes(size: int) -> None:
    """Raises DataError for an annotation file, or what it unpacks to, above FILE_BYTES."""
    if size > FILE_BYTES:
        limit = f"at most {FILE_BYTES} bytes"
        raise error("annotation_too_large", f"{size} bytes", limit, "divide the file")


class Images(Generic[Value]):
    """What a file says about each of many images, found by an image's name."""

    def __init__(self, pairs: Iterable[tuple[str, Value]]) -> None:
        self._under: tuple[dict[str, list[Value]], ...] = ({}, {}, {})
        for name, value in pairs:
            for known, form in zip(self._under, _forms(name), strict=True):
                known.setdefault(form, []).append(value)

    def find(self, key: str) -> Value:
        """The value under `key`: by the name as given, else by file name, else by stem.

        Raises DataError where none or several fit.
        """
        for known, form in zip(self._under, _forms(key), strict=True):
            fitting = known.get(form, ())
            if len(fitting) == 1:
                return fitting[0]
            if fitting:
                raise error(
                    "key_ambiguous",
                    f"{len(fitting)} images called {shown(form)}",
                    "one",
                    "give the images different names",
                )
        raise error(
            "key_missing",
            f"no image {shown(key)} among {sum(map(len, self._under[0].values()))}",
            "the image's name in the annotation file",
            "annotate it, or correct the key",
        )


def _forms(name: str) -> tuple[str, str, str]:
    path = PurePosixPath(name.replace("\\", "/"))
    return name, path.name, path.stem


@lru_cache(maxsize=2)
def _indexed(path: Path, index: Callable[[Any], Images], state: tuple[int, int]) -> Images:
    return index(_parsed(path, *state))


def plain(content: dict[str, Any]) -> Images:
    """The index of JSON that maps images' names to their annotations."""
    return Images(content.items())


def by_key(path: Path, key: str, index: Callable[[Any], Images] = plain) -> Any:
    """What a file of many images says about one; `index` takes the file's JSON apart, once."""
    return _indexed(path, index, _state(path)).find(key)
