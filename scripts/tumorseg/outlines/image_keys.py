"""Ties images to their annotations in a file that covers many, by path."""

import unicodedata
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Any, Generic, NamedTuple, TypeVar

from tumorseg.core.problems import DataError, Problem, error, quoted, warning

Value = TypeVar("Value")
Parts = tuple[str, ...]  # of a path: ROOT, folders, file name
ROOT = "/"


@dataclass(frozen=True)
class ImageKey:
    """An image's path as its source names it, and those of all images that share its annotation.

    among: empty where no other image is known.
    """

    path: str
    among: frozenset[str] = frozenset()


class Found(NamedTuple):
    """What a file says about one image, and warnings about the whole file."""

    value: Any
    notes: tuple[Problem, ...]


class ImageIndex(Generic[Value]):
    """The annotations of many images in one file, found by an image's path.

    faults: of the whole file; `find` raises the first error and returns the warnings.
    drawn: whether a value holds annotations, which are lost where its image is no case.
    """

    def __init__(
        self,
        pairs: Iterable[tuple[str, Value]],
        faults: Iterable[Problem] = (),
        drawn: Callable[[Value], object] = bool,
    ) -> None:
        listed = [(str(name), value) for name, value in pairs]
        self._names = [name for name, _ in listed]
        self._parts = [_parts(name) for name in self._names]
        self._values = [value for _, value in listed]
        self._drawn = [bool(drawn(value)) for value in self._values]
        self._faults = [replace(fault, whole_file=True) for fault in faults]
        self._tied: dict[frozenset[str], tuple[dict[Parts, int], tuple[Problem, ...]]] = {}

    def find(self, key: ImageKey) -> Found:
        """The value for `key` by the rule of `tie`, with the warnings of the file.

        Raises DataError where no image or several match, or the file as a whole is wrong.
        """
        for fault in self._faults:
            if fault.severity == "error":
                raise DataError(fault)
        among = key.among if key.path in key.among else key.among | {key.path}
        if among not in self._tied:
            self._tied[among] = self._tie(among, warn=bool(key.among))
        tied, notes = self._tied[among]
        parts = _parts(key.path)
        if parts not in tied:
            raise self._not_found(key.path, {_parts(other) for other in among})
        return Found(self._values[tied[parts]], notes)

    def _tie(
        self, among: frozenset[str], *, warn: bool
    ) -> tuple[dict[Parts, int], tuple[Problem, ...]]:
        tied = tie(self._parts, {_parts(path) for path in among})
        used = set(tied.values())
        unused = [
            name
            for number, (name, drawn) in enumerate(zip(self._names, self._drawn, strict=True))
            if drawn and number not in used
        ]
        notes = list(self._faults)
        if unused and warn:
            notes.append(
                warning(
                    "annotated_image_unused",
                    f"{len(unused)} annotated images of this file are no case of the data, the "
                    f"first is {quoted(unused[0])}",
                    "a case for each",
                    "ignore this if it is intended; otherwise give image and entry the same path",
                )
            )
        return tied, tuple(replace(note, whole_file=True) for note in notes)

    def _not_found(self, path: str, keys: Collection[Parts]) -> DataError:
        key = _parts(path)
        same = [name for name in self._parts if name[-1] == key[-1]]
        same = same or [name for name in self._parts if _stem(name) == _stem(key)]
        fitting = [name for name in same if _fits(name, key)]
        if not (fitting or _before(self._parts, 1) & _before(keys, 1)):
            fitting = same  # other folders than ours say nothing
        hint = "write each image's path below the folder of images into the annotation file"
        if len(fitting) > 1:
            value = f"{len(fitting)} images called {quoted(key[-1])}"
            return error("key_ambiguous", value, "one", f"give them different names, or {hint}")
        rivals = sum(_fits(fitting[0], other) for other in keys) if fitting else 0
        if rivals > 1 and fitting[0][1:] == key[-1:]:
            value = f"image {quoted(_text(fitting[0]))} could be any of {rivals} images of the data"
            return error("key_ambiguous", value, "one", hint)
        named = same or (self._parts if len(self._parts) == 1 else [])
        other = f", only {quoted(_text(named[0]))}" if named else ""
        if len(named) > 1:
            other = f", only {len(named)} of that file name in other folders"
        return error(
            "key_missing",
            f"no image {quoted(path)} among {len(self._names)}{other}",
            "the image's name in the annotation file",
            "annotate it, or correct the key",
        )


def tie(names: Sequence[Parts], keys: Collection[Parts]) -> dict[Parts, int]:
    """Key -> the number of the name that means the same image.

    Paths are compared from their ends, the longest common ending first: the whole path, then the
    folders above the file name, then the file name alone, and if nothing fits, the file name
    without its ending. An ending decides only where exactly one name and one key have it, and only
    if the folders before it do not contradict it: a folder that names and keys both use there
    (a patient, say) must be the same.
    """
    tied: dict[Parts, int] = {}
    taken: set[int] = set()
    longest = max(map(len, [*names, *keys]), default=0)
    for spelled in (lambda parts: parts, _without_suffix):
        theirs, ours = [spelled(name) for name in names], {key: spelled(key) for key in keys}
        for length in range(longest, 0, -1):
            name_counts = Counter(name[-length:] for name in theirs if len(name) >= length)
            key_counts = Counter(key[-length:] for key in ours.values() if len(key) >= length)
            shared = _before(theirs, length) & _before(ours.values(), length)
            numbers = {name[-length:]: number for number, name in enumerate(theirs)}
            for key, parts in ours.items():
                end = parts[-length:]
                if key in tied or name_counts[end] != 1 or key_counts[end] != 1:
                    continue
                number = numbers[end]
                contradicts = shared and not _fits(theirs[number], parts)
                if number not in taken and not contradicts:
                    tied[key] = number
                    taken.add(number)
    return tied


def _before(paths: Iterable[Parts], length: int) -> set[str]:
    """The folders before endings of this length."""
    return {path[-length - 1] for path in paths if len(path) > length} - {ROOT}


def _fits(name: Parts, key: Parts) -> bool:
    """Whether one path is the end of the other; a file name's suffix may differ."""
    depth = min(len(name), len(key)) - 1
    one, other = _without_suffix(name), _without_suffix(key)
    return one[-depth:] == other[-depth:]


def _parts(path: str) -> Parts:
    """The parts of a path with either slash, in one Unicode form."""
    text = unicodedata.normalize("NFC", path).replace("\\", "/")
    inside = [part for part in text.split("/") if part not in ("", ".")]
    return (ROOT, *inside) if inside else (ROOT, "")


def _text(parts: Parts) -> str:
    return "/".join(parts[1:])


def _stem(parts: Parts) -> str:
    return PurePosixPath(parts[-1]).stem


def _without_suffix(parts: Parts) -> Parts:
    return (*parts[:-1], _stem(parts))
